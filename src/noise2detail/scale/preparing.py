"""Statistics and training, once and before the first unit, from crops of the whole image."""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.errors import AxesError, SettingError
from noise2detail.fitted import Fitted, fit
from noise2detail.io.several import Choice
from noise2detail.method import Decides, Method, Step, ignore
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.layout import check_pixel_type
from noise2detail.pipeline.planning import choose_method
from noise2detail.pipeline.run import Run, find_device
from noise2detail.pipeline.threads import cores
from noise2detail.scale.drifting import drift_told
from noise2detail.scale.geometry import Grid, Reach, most_pixels, unit_lengths
from noise2detail.scale.identity import identity_of
from noise2detail.scale.opened import file_digest
from noise2detail.scale.place import place_of
from noise2detail.scale.plan import ScalePlan, Wish, installed
from noise2detail.scale.pyramid import largest_copy
from noise2detail.scale.sampling import Crops, sample
from noise2detail.scale.store import Store, open_store
from noise2detail.settings import to_data

DEFAULT = Noise2Detail.recipe("fast")
"""What is done where nothing is asked for: quick, and bound to no plane."""


@dataclass(frozen=True)
class Asked:
    """What is asked for."""

    source: str
    """Path or address of the input."""
    target: str
    """Path or address of the output."""
    method: str | Method = DEFAULT
    """Id, or an object with own settings."""
    recipe: str | None = "fast"
    """Of the method; None: its default."""
    seed: int = 0
    """Of every random choice."""
    run: Run = Run(channels="each")  # noqa: RUF009 - frozen
    """Device, precision, channels, and threads of a unit."""
    workers: int = 1
    """Units that will run at once here: they share the cores where no number of threads is asked for."""
    axes: str | None = None
    """None: as the store says."""
    image: Choice | None = None
    """Which series, where there are several."""
    storage: Mapping[str, Any] | None = None
    """Options of the storage."""
    most: int | None = None
    """Pixels up to which small chunks are grouped into one unit; None: 16 million, fewer for small images."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A plan, and the weights that go with it."""

    plan: ScalePlan
    denoiser: bytes
    """Content of the file with the weights."""


def prepare(asked: Asked, on_step: Callable[[Step], None] = ignore) -> Prepared:
    """The plan of units for an image, and the denoiser that was trained for it.

    Raises
    ------
    SettingError
        A method that is bound to whole planes or to the image it was fitted to, or an unknown setting.
    InputError
        The image cannot be denoised, or every crop of it is empty.
    UnreadableFileError
        The input cannot be read.
    """
    store = open_store(asked.source, asked.storage or {}, asked.axes, asked.image)
    axes, array = store.described.axes, store.levels[0]
    _check_axes(asked.source, axes)
    check_pixel_type(array.layout.dtype)
    wish = wish_of(asked)
    crops = sample(array, axes, asked.seed)
    fitted = _fitted(asked, crops, on_step)
    reach = _reach(fitted, wish.method, joint=fitted.plan.channel_mode == "joint" and fitted.plan.channels > 1)
    content = _content(fitted)
    shape = array.layout.shape
    why = f"one training on {len(crops.pixels)} crops of {crops.pixels.shape[-2]}x{crops.pixels.shape[-1]} pixels"
    plan = replace(
        fitted.plan,
        shape=shape,
        axes=axes,
        planes=math.prod(length for length, axis in zip(shape, axes, strict=True) if axis in "TZ"),
        threads=asked.run.threads or max(1, cores() // asked.workers),
        why=(*fitted.plan.why, why),
        expected_seconds=_forecast(asked, fitted, shape, axes),
        expected_mib=None,
    )
    return Prepared(
        ScalePlan(
            source=place_of(asked.source).url,
            target=place_of(asked.target).url,
            axes=axes,
            dtype=str(array.layout.dtype.newbyteorder("=")),
            image=asked.image,
            levels=_grids(store, reach, asked.most),
            reach=reach,
            fit=plan,
            wish=wish,
            denoiser=file_digest(content),
            identity=identity_of(store),
            libraries=installed(),
            warnings=drift_told(crops, axes, shape),
            storage=dict(asked.storage or {}),
        ),
        content,
    )


def _forecast(asked: Asked, fitted: Fitted, shape: Sequence[int], axes: str) -> float | None:
    """Seconds that all units may take with all cores of this machine; None where it was not measured."""
    machine, plan = asked.run.machine, fitted.plan
    if machine is None:
        return None
    planes = math.prod(length for length, axis in zip(shape, axes, strict=True) if axis in "TZ")
    groups = plan.channels if plan.channel_mode == "each" else 1
    return machine.seconds(groups * fitted.method.cost(planes, *shape[-2:]).application, plan.precision)


def wish_of(asked: Asked) -> Wish:
    """What is asked for, as it stands in a plan.

    Raises
    ------
    SettingError
        A method, device or precision that does not exist or does not fit.
    """
    name, recipe, method = choose_method(asked.method, asked.recipe)
    _check_method(name, method)
    device = find_device(asked.run.device)
    run = asked.run
    settings = {"method": to_data(method), "stabilize": run.stabilize, "unclip": run.unclip, "target": run.target}
    return Wish(name, recipe, settings, asked.seed, run.channels, str(device), run.precision, run.threads)


def _check_axes(source: str, axes: str) -> None:
    if axes[-2:] != "YX":
        raise AxesError(f"{source}: its axes are {axes}; expected rows and columns last, as in TCZYX")


def _check_method(name: str, method: Method) -> None:
    """Raise unless a method learns something that holds for other parts of an image too."""
    if isinstance(method, Decides):
        raise SettingError(
            f"{name} filters whole planes and decides for each image by its noise, so it cannot work in units; "
            "expected a method with a network of limited reach, such as noise2detail"
        )
    if method.scope != "any":
        raise SettingError(
            f"{name} can denoise only the very image that it was fitted to, so it cannot work in units; expected a "
            "method that learns a filter, such as noise2detail"
        )


def _fitted(asked: Asked, crops: Crops, on_step: Callable[[Step], None]) -> Fitted:
    run = replace(asked.run, threads=None, fit="shared", max_memory=None)
    return fit(
        crops.pixels, axes="ZCYX", method=asked.method, recipe=asked.recipe, seed=asked.seed, run=run, on_step=on_step
    )


def _reach(fitted: Fitted, name: str, *, joint: bool) -> Reach:
    halos = [denoiser.halo for denoiser in fitted.denoisers]
    known = [halo for halo in halos if halo is not None]
    if len(known) < len(halos):
        raise SettingError(
            f"{name} needs whole planes, so it cannot work in units; expected a method with a network of limited "
            "reach, such as noise2detail"
        )
    return Reach(max(known), int(np.lcm.reduce([denoiser.alignment for denoiser in fitted.denoisers])), joint)


def _content(fitted: Fitted) -> bytes:
    """The denoiser as a file; without what was measured of the machine, which differs each time."""
    plain = replace(fitted, plan=replace(fitted.plan, expected_seconds=None, expected_mib=None))
    with tempfile.TemporaryDirectory() as folder:
        return plain.save(Path(folder) / "denoiser.safetensors").read_bytes()


def _grids(store: Store, reach: Reach, most: int | None) -> tuple[Grid, ...]:
    axes, grids = store.described.axes, []
    whole = most_pixels(store.described.layouts[0].shape) if most is None else most
    for level, layout in enumerate(store.described.layouts):
        larger = store.described.layouts[level - 1].shape if level else layout.shape
        limit = whole if most is not None else largest_copy(larger, layout.shape, whole)
        unit = unit_lengths(axes, layout.shape, layout.chunk, joint=reach.joint and level == 0, most=limit)
        grids.append(Grid(layout.shape, unit))
    return tuple(grids)
