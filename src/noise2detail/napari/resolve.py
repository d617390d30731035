"""A layer resolved into what is denoised, and a result into a layer again: pure functions, no viewer is needed.

A layer is anything with the attributes of ``napari.layers.Image``; all that a result needs of it is taken when it is
resolved, so that the layer may change or go while the work is on.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.napari.axes import Axes, find_axes
from noise2detail.napari.jobs import RunRequest, Settings
from noise2detail.napari.units import pixel_size_um, time_increment
from noise2detail.pipeline.layout import check_pixel_type, lay_out

KEPT = (
    "affine", "attenuation", "axis_labels", "blending", "colormap", "contrast_limits", "custom_interpolation_kernel_2d",
    "depiction", "experimental_clipping_planes", "gamma", "interpolation2d", "interpolation3d", "iso_threshold",
    "opacity", "plane", "projection_mode", "rendering", "rgb", "rotate", "scale", "shear", "translate", "units",
)  # fmt: skip
"""What a result has of its layer, as ``napari.layers.Image`` takes it."""

PLACED = ("affine", "axis_labels", "projection_mode", "rotate", "scale", "shear", "translate", "units")
"""Of these, what says where its pixels are: that a layer of another quantity has too."""

KEY = "noise2detail"
"""Under which the metadata of a result says what was done."""

_KINDS = {
    "labels": "labels, whose numbers are names and no intensities",
    "shapes": "shapes",
    "points": "points",
    "surface": "a surface",
    "tracks": "tracks",
    "vectors": "vectors",
    "graph": "a graph",
}


@dataclass(frozen=True, eq=False)
class Subject:
    """What of a layer is denoised, and everything that its result will need."""

    name: str
    """Of the layer."""
    image: Image
    """Its pixels as they are, read when they are asked for, with axes and pixel sizes; of a pyramid the largest."""
    axes: Axes
    """How the letters were found."""
    levels: tuple[tuple[int, ...], ...] = ()
    """Shapes of the smaller levels of a pyramid; none: there is no pyramid."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """Attributes for the result, as ``napari.layers.Image`` takes them."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """The layer's own."""
    path: str = ""
    """File that the layer came from; empty: unknown."""

    def request(self, settings: Settings, **more: Any) -> RunRequest:
        """A run on the whole layer; ``more`` are fields of ``RunRequest``."""
        return RunRequest(self.image, settings, levels=self.levels, **more)


def resolve(layer: Any, *, axes: str | None = None) -> Subject:
    """What of a layer is denoised.

    Parameters
    ----------
    layer
        Of napari; None where none is selected.
    axes
        Letters of ``TCZYXS`` that a person says; None: as the layer says, or a guess.

    Raises
    ------
    InputError
        Not an image that can be denoised: what it is, and what to do.
    """
    if layer is None:
        raise InputError("no layer is selected; select an image layer in the list of layers")
    subject = described(layer, axes=axes)
    try:
        array = subject.image.array
        check_pixel_type(np.dtype(array.dtype))
        # a stand-in, since the layer's own pixels may be anywhere
        stand_in: Any = SimpleNamespace(shape=array.shape, ndim=len(array.shape), size=math.prod(array.shape))
        lay_out(stand_in, subject.axes.letters)
    except InputError as error:
        raise InputError(f"the layer {subject.name!r}: {error}") from error
    return subject


def described(layer: Any, *, axes: str | None = None) -> Subject:
    """An image layer with its axes and sizes, whatever its pixels are; parameters as for ``resolve``.

    Raises
    ------
    InputError
        No image, or axes that do not describe it.
    """
    name, kind = str(getattr(layer, "name", "layer")), kind_of(layer)
    if kind != "image":
        raise InputError(f"the layer {name!r} holds {_KINDS.get(kind, kind)}; expected an image: select an image layer")
    rgb, multiscale = bool(getattr(layer, "rgb", False)), bool(getattr(layer, "multiscale", False))
    every = list(layer.data) if multiscale else [layer.data]
    units, scale = tuple(getattr(layer, "units", None) or ()), tuple(getattr(layer, "scale", ()))
    shape = tuple(int(side) for side in every[0].shape)
    labels = tuple(getattr(layer, "axis_labels", None) or ())
    try:
        found = find_axes(len(shape) - rgb, rgb=rgb, labels=labels, units=units, wish=axes, shape=shape)
    except InputError as error:
        raise InputError(f"the layer {name!r}: {error}") from error
    letters = found.letters
    sizes, increment = pixel_size_um(letters, scale, units), time_increment(letters, scale, units)
    levels = tuple(tuple(int(side) for side in level.shape) for level in every[1:])
    source = getattr(getattr(layer, "source", None), "path", None)
    return Subject(
        name=name,
        image=Image(every[0], letters, sizes, increment),
        axes=found,
        levels=levels,
        kept=_kept(layer),
        metadata=dict(getattr(layer, "metadata", None) or {}),
        path=str(source or ""),
    )


def resolve_all(layers: Sequence[Any], *, axes: str | None = None) -> tuple[Subject, ...]:
    """What of each of several layers is denoised.

    Raises
    ------
    InputError
        There is none, or one of them cannot be denoised.
    """
    if not layers:
        resolve(None)
    return tuple(resolve(layer, axes=axes) for layer in layers)


def kind_of(layer: Any) -> str:
    """``image``, ``labels``, ``points`` and so on."""
    return str(getattr(layer, "_type_string", type(layer).__name__)).lower()


def is_same(layer: Any, subject: Subject) -> bool:
    """True if a layer still holds the array that was resolved; it may have been given another one meanwhile."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return data is subject.image.array


def changed_words(subject: Subject, *, gone: bool) -> str:
    """What to tell where a layer was deleted or given other pixels while it was denoised."""
    happened = "was deleted" if gone else "was given other pixels"
    return (
        f"the layer {subject.name!r} {happened} while it was being denoised: the result shows the pixels as they were "
        "when the run began; run again for the new ones"
    )


def result_meta(subject: Subject, record: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments with which ``viewer.add_image`` shows a result as its layer was shown.

    Parameters
    ----------
    subject
        What was denoised.
    record
        What was done, from ``record_of``; None: not done yet.
    """
    meta = dict(subject.kept)
    meta["name"] = f"{subject.name} denoised"
    meta["multiscale"] = bool(subject.levels)
    meta["metadata"] = dict(subject.metadata) | ({KEY: dict(record)} if record else {})
    return meta


def uncertainty_meta(subject: Subject, record: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Arguments with which ``viewer.add_image`` shows an uncertainty at the place of its layer."""
    meta: dict[str, Any] = {name: value for name, value in subject.kept.items() if name in PLACED}
    if "S" in subject.image.axes:
        # the uncertainties of red, green and blue are no colour
        axis = len(subject.image.axes) - 1
        meta = {"name": f"{subject.name} uncertainty", "rgb": False, "channel_axis": axis} | {
            name: value for name, value in meta.items() if name != "axis_labels"
        }
        meta["name"] = [f"{subject.name} uncertainty {colour}" for colour in ("red", "green", "blue")]
    else:
        meta |= {"name": f"{subject.name} uncertainty", "rgb": False, "colormap": "magma"}
    what = {"what": "standard uncertainty of each pixel, in image units, by a parametric bootstrap"}
    meta["metadata"] = {KEY: dict(record or {}) | {"holds": what}}
    return meta


def pyramid_of(levels: Sequence[Any]) -> Any:
    """What a layer takes: the array where there is one level, else all of them."""
    return levels[0] if len(levels) == 1 else list(levels)


def with_axes(subject: Subject, letters: str) -> Subject:
    """The same with other letters, as a person says."""
    return replace(subject, image=replace(subject.image, axes=letters), axes=Axes(letters, True, "as was said"))


def _kept(layer: Any) -> dict[str, Any]:
    # napari's own words for a layer: plain data, which stays as it is when the layer changes
    state = layer.as_layer_data_tuple()[1] if hasattr(layer, "as_layer_data_tuple") else vars(layer)
    return {name: state[name] for name in KEPT if name in state}
