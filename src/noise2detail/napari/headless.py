"""A layer denoised without a window and without an engine process: what the widget does, as one call."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from noise2detail.napari.growing import Growing
from noise2detail.napari.jobs import Settings
from noise2detail.napari.records import record_of
from noise2detail.napari.resolve import pyramid_of, resolve, result_meta

LayerData = tuple[Any, dict[str, Any], str]
"""Data, arguments and kind, as ``napari.layers.Layer.create`` takes them."""


def denoise_layer(
    layer: Any,
    *,
    axes: str | None = None,
    method: str = "auto",
    recipe: str | None = None,
    set: Sequence[str] = (),  # noqa: A002 - as after --set on the command line
    seed: int = 0,
    run: Mapping[str, Any] | None = None,
) -> LayerData:
    """The denoised layer, with scale, place, units, colours and contrast of the noisy one.

    Parameters
    ----------
    layer
        An image layer of napari; of a pyramid the largest level is denoised, and the others are made of the result.
    axes
        One letter of ``TCZYXS`` for each dimension; None: as the names and units of the layer's axes say.
    method, recipe, seed
        As for ``noise2detail.denoise``.
    set
        Further settings of the method, each as ``NAME=VALUE``.
    run
        Fields of ``noise2detail.Run`` that are not as they are by default.

    Returns
    -------
    LayerData
        ``viewer.add_layer(napari.layers.Layer.create(*denoise_layer(layer)))`` shows it; its metadata say under
        ``noise2detail`` what was done.

    Raises
    ------
    InputError, SettingError, DeviceError
        As ``noise2detail.denoise``; also for a layer that is no image.
    """
    from noise2detail.napari import tasks  # brings PyTorch

    subject = resolve(layer, axes=axes)
    settings = Settings(method, recipe, tuple(set), seed, dict(run or {}))
    request, begin = subject.request(settings, judge=False), time.monotonic()
    growing = Growing(request)
    plan = tasks.worked(request, lambda message: _ignored(growing.take(message)), lambda: None)
    growing.pyramid.finish()
    record = record_of(subject, settings, plan, time.monotonic() - begin)
    return pyramid_of(growing.pyramid.levels), result_meta(subject, record), "image"


def _ignored(event: object) -> None:
    """Nobody watches."""
    del event
