"""Arrays in, denoised arrays out."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from noise2detail.image import Image
from noise2detail.method import Denoiser, Method, Step, ignore
from noise2detail.pipeline.fitting import Part, apply_to_plane, fit_planes, stages_of_plane
from noise2detail.pipeline.input import like, take
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.planning import make_plan
from noise2detail.pipeline.run import Run
from noise2detail.pipeline.training_set import training_set
from noise2detail.pipeline.values import from_working_range, is_constant, tell_outliers, to_working_range
from noise2detail.plans import Plan
from noise2detail.registry import DEFAULT
from noise2detail.types import Pixels

Noisy = TypeVar("Noisy", bound=Pixels | Image)
"""What goes in comes out."""

DenoisersFor = Callable[[int, NDArray[np.float32], NDArray[np.bool_] | None], tuple[Denoiser, ...]]
"""Number of a plane, its pixels in the working range and its mask, to one denoiser for each group of channels."""


def plan(
    noisy: Pixels | Image,
    *,
    axes: str | None = None,
    method: str | Method = DEFAULT,
    recipe: str | None = None,
    seed: int = 0,
    run: Run = Run(),  # noqa: B008 - frozen
) -> Plan:
    """What ``denoise`` would do with the same arguments, and why; ``print`` it.

    Raises
    ------
    InputError, SettingError
        As ``denoise``.
    """
    array, axes = take(noisy, axes)
    return make_plan(array, axes, method, recipe, seed, run)[0]


def denoise(
    noisy: Noisy,
    *,
    axes: str | None = None,
    method: str | Method = DEFAULT,
    recipe: str | None = None,
    seed: int = 0,
    run: Run = Run(),  # noqa: B008 - frozen
    on_step: Callable[[Step], None] = ignore,
) -> Noisy:
    """Denoised image: same shape, type and intensity scale.

    Parameters
    ----------
    noisy
        An array of integers or floats, or an ``Image``; the result is of the same kind. At least 8x8 pixels. NaN and
        infinite pixels are left out of the training and come back as they are.
    axes
        One letter of ``TCZYXS`` per dimension; not needed for two dimensions or an ``Image``. Every YX plane is
        denoised, its channels and RGB samples together.
    method
        An id (``n2d methods`` lists them), or an object with own settings.
    recipe
        None: the method's default.
    seed
        Same seed, device and thread count: same bits.
    run
        Device, precision, one training for each plane or one for all, channels together or one by one.
    on_step
        Hears of every training step; raise ``Cancelled`` there to stop.

    Raises
    ------
    InputError
        Empty, constant, smaller than 8x8, wrong axes, nothing but NaN, or pixels that are no real numbers.
    SettingError
        An unknown method, recipe or device.
    """
    array, axes = take(noisy, axes)
    made, chosen, layout = make_plan(array, axes, method, recipe, seed, run)
    result: Noisy = like(noisy, execute(array, made, chosen, layout, on_step))
    return result


def execute(
    array: Pixels, made: Plan, method: Method, layout: Layout, on_step: Callable[[Step], None] = ignore
) -> Pixels:
    """Denoised array, as planned."""
    return apply_planes(array, made, layout, _denoisers(array, made, method, layout, on_step))


def execute_stages(
    array: Pixels, made: Plan, method: Method, layout: Layout, on_step: Callable[[Step], None] = ignore
) -> dict[str, Pixels]:
    """Every image on the way to the denoised array, as planned; the last is the denoised array."""
    return _apply(array, made, layout, _denoisers(array, made, method, layout, on_step), stages_of_plane)


def apply_planes(array: Pixels, made: Plan, layout: Layout, denoisers: DenoisersFor) -> Pixels:
    """Array of denoised planes.

    Parameters
    ----------
    array, made, layout
        What to denoise, by which plan, and how it is laid out.
    denoisers
        Called with the number of a plane, the plane in the working range and its mask; one for each group of channels.
    """
    one = "denoised"
    found = _apply(array, made, layout, denoisers, lambda *known: {one: apply_to_plane(*known)})
    return found[one] if found else array.copy()


def _apply(
    array: Pixels,
    made: Plan,
    layout: Layout,
    denoisers: DenoisersFor,
    function: Callable[[tuple[Denoiser, ...], NDArray[np.float32], Plan], dict[str, NDArray[np.float32]]],
) -> dict[str, Pixels]:
    """By name, the arrays of what ``function`` gives for each plane; a plane that holds one value stays as it is."""
    found: dict[str, Pixels] = {}
    source = layout.view(array)
    for number, index in enumerate(layout.planes):
        pixels = layout.read(source, index)
        if is_constant(pixels):
            continue
        plane, mask = to_working_range(pixels, made.value_maps)
        tell_outliers(pixels, mask)
        for name, image in function(denoisers(number, plane, mask), plane, made).items():
            if name not in found:
                found[name] = array.copy()
            layout.write(layout.view(found[name]), index, from_working_range(image, pixels, mask, made.value_maps))
    return found


def stages(
    noisy: Noisy,
    *,
    axes: str | None = None,
    method: str | Method = DEFAULT,
    recipe: str | None = None,
    seed: int = 0,
    run: Run = Run(),  # noqa: B008 - frozen
    on_step: Callable[[Step], None] = ignore,
) -> dict[str, Noisy]:
    """Every image on the way, by name, in order; the last is what ``denoise`` gives.

    For ``noise2detail``: ``stage1``, ``refined_stride2``, ``refined_stride4``, ``stage2`` (their mean) and ``stage3``.
    Arguments and errors as for ``denoise``.
    """
    array, axes = take(noisy, axes)
    made, chosen, layout = make_plan(array, axes, method, recipe, seed, run)
    found = execute_stages(array, made, chosen, layout, on_step)
    return {name: like(noisy, result) for name, result in found.items()}


def _denoisers(
    array: Pixels, made: Plan, method: Method, layout: Layout, on_step: Callable[[Step], None]
) -> DenoisersFor:
    """Denoisers for a plane: fitted to it, or one fit to all planes for every one of them."""
    if made.fit == "shared":
        fitted = fit_planes(*training_set(array, made, layout), method, made, on_step)
        return lambda *_: fitted

    def fit_own(number: int, plane: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> tuple[Denoiser, ...]:
        listen = Part(number, len(layout.planes), "plane").listen(on_step)
        return fit_planes(plane[None], None if mask is None else mask[None], method, made, listen)

    return fit_own
