"""Arrays in, denoised arrays out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from noise2detail.image import Image
from noise2detail.method import Denoiser, Method, SeesNeighbours, Step, ignore
from noise2detail.pipeline.applying import Images, Piece, apply_to_plane, result_of, stages_of
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.fitting import fit_each_plane, fit_planes
from noise2detail.pipeline.forecast import whole_cost
from noise2detail.pipeline.input import like, take
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.plane import Plane, prepared, stacked
from noise2detail.pipeline.planning import make_plan
from noise2detail.pipeline.progress import Listener, Part, share
from noise2detail.pipeline.run import Run
from noise2detail.pipeline.series import in_order
from noise2detail.pipeline.training_set import training_set
from noise2detail.pipeline.warming import Warm
from noise2detail.pipeline.windowed import denoised_planes, windows
from noise2detail.plans import Plan
from noise2detail.registry import DEFAULT
from noise2detail.tiling.walk import TileSide
from noise2detail.types import Batch, Pixels

Noisy = TypeVar("Noisy", bound=Pixels | Image)
"""What goes in comes out."""


@dataclass(frozen=True)
class Source:
    """Where the denoisers of a plane come from."""

    denoisers: "Callable[[Sequence[int], Sequence[Plane], Listener], list[tuple[Denoiser, ...]]]"
    """Numbers of planes in the order of the work, those that hold anything, and who hears of a training, to one
    denoiser of each plane for each channel group."""
    share: float = 0.0
    """Of the work on a plane that it takes."""


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
    on_step: Listener = ignore,
) -> Noisy:
    """Denoised image: same shape, type and intensity scale.

    Parameters
    ----------
    noisy
        An array of integers or floats, or an ``Image``; the result is of the same kind. At least 8x8 pixels. NaN and
        infinite pixels, and those where an ``Image`` has no data, are left out of the training and come back as they
        are.
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
        Device, precision, threads, how the trainings of a stack hang together, channels together or one by one.
    on_step
        Hears of every training step and of every tile of the result; raise ``Cancelled`` there to stop.

    Raises
    ------
    InputError
        Empty, constant, smaller than 8x8, wrong axes, nothing but NaN, or pixels that are no real numbers.
    SettingError
        An unknown method, recipe or device.
    DeviceError
        A GPU that cannot do the work.
    """
    array, axes = take(noisy, axes)
    made, chosen, layout = make_plan(array, axes, method, recipe, seed, run)
    result: Noisy = like(noisy, execute(array, made, chosen, layout, on_step))
    return result


def execute(
    array: Pixels,
    made: Plan,
    method: Method,
    layout: Layout,
    on_step: Listener = ignore,
    result_type: np.dtype[Any] | None = None,
) -> Pixels:
    """Denoised array, as planned; in another type than the array's own where one is given."""
    with computing(made.device, made.threads):
        planes = _planes(array, made, method, layout, result_of, on_step)
        return _only(_gathered(planes, array, made, layout, result_type), array, result_type)


def execute_planes(
    array: Pixels, made: Plan, method: Method, layout: Layout, on_step: Listener = ignore
) -> Iterator[tuple[tuple[int, ...], Pixels]]:
    """Index and denoised pixels ``(channel, y, x)`` of every plane, each as soon as it is done.

    Together they are what ``execute`` gives, which holds all of them at once; planes with nothing to denoise come last.
    """
    with computing(made.device, made.threads):
        yield from _by_plane(_planes(array, made, method, layout, result_of, on_step), array, made, layout)


def execute_stages(
    array: Pixels,
    made: Plan,
    method: Method,
    layout: Layout,
    on_step: Listener = ignore,
    result_type: np.dtype[Any] | None = None,
) -> dict[str, Pixels]:
    """Every image on the way to the denoised array, as planned; the last is the denoised array."""
    with computing(made.device, made.threads):
        planes = _planes(array, made, method, layout, stages_of, on_step)
        return _gathered(planes, array, made, layout, result_type)


def apply_planes(
    array: Pixels,
    made: Plan,
    layout: Layout,
    denoisers: tuple[Denoiser, ...],
    on_step: Listener = ignore,
    result_type: np.dtype[Any] | None = None,
) -> Pixels:
    """Array of denoised planes.

    Parameters
    ----------
    array, made, layout
        What to denoise, by which plan, and how it is laid out.
    denoisers
        One for each group of channels.
    on_step
        Hears of every tile.
    result_type
        None: that of the array.
    """
    with computing(made.device, made.threads):
        planes = _applied(array, made, layout, _same_for_all(denoisers), result_of, on_step)
        return _only(_gathered(planes, array, made, layout, result_type), array, result_type)


def apply_by_plane(
    array: Pixels, made: Plan, layout: Layout, denoisers: tuple[Denoiser, ...], on_step: Listener = ignore
) -> Iterator[tuple[tuple[int, ...], Pixels]]:
    """As ``execute_planes``, by denoisers that are fitted already; parameters as for ``apply_planes``."""
    with computing(made.device, made.threads):
        planes = _applied(array, made, layout, _same_for_all(denoisers), result_of, on_step)
        yield from _by_plane(planes, array, made, layout)


def _only(found: dict[str, Pixels], array: Pixels, result_type: np.dtype[Any] | None) -> Pixels:
    return next(iter(found.values())) if found else _copied(array, result_type)


def _gathered(
    planes: Iterable[tuple[Plane, Iterable[Piece]]],
    array: Pixels,
    made: Plan,
    layout: Layout,
    result_type: np.dtype[Any] | None,
) -> dict[str, Pixels]:
    """By name, the arrays of all images that are wanted; whatever is constant or no data stays as it is."""
    found: dict[str, Pixels] = {}
    for plane, pieces in planes:
        for piece in pieces:
            if piece.name not in found:
                found[piece.name] = _copied(array, result_type)
            plane.write(piece, layout.channels_of(layout.view(found[piece.name]), plane.index), made.value_maps)
    return found


def _by_plane(
    planes: Iterable[tuple[Plane, Iterable[Piece]]], array: Pixels, made: Plan, layout: Layout
) -> Iterator[tuple[tuple[int, ...], Pixels]]:
    """The planes of one image."""
    left = dict.fromkeys(layout.planes)
    for plane, pieces in planes:
        result = _plane_of(array, layout, plane.index)
        for piece in pieces:
            plane.write(piece, list(result), made.value_maps)
        del left[plane.index]
        yield plane.index, result
    yield from ((index, _plane_of(array, layout, index)) for index in left)


def _plane_of(array: Pixels, layout: Layout, index: tuple[int, ...]) -> Pixels:
    """A copy of one plane, ``(channel, y, x)``."""
    return np.stack([np.ma.getdata(channel) for channel in layout.channels_of(layout.view(array), index)])


def _planes(
    array: Pixels,
    made: Plan,
    method: Method,
    layout: Layout,
    images_of: Callable[[Denoiser], Callable[[Batch], Images]],
    on_step: Listener,
) -> Iterator[tuple[Plane, Iterator[Piece]]]:
    """Planes with the pieces of all images that are wanted, from planes one by one or with their neighbours."""
    if not made.neighbours or not isinstance(method, SeesNeighbours):
        source, listen = _source(array, made, method, layout, on_step)
        return _applied(array, made, layout, source, images_of, listen)
    return denoised_planes(array, made, method, layout, windows(layout, made.neighbours), images_of, on_step)


def _applied(
    array: Pixels,
    made: Plan,
    layout: Layout,
    source: Source,
    images_of: Callable[[Denoiser], Callable[[Batch], Images]],
    on_step: Listener,
) -> Iterator[tuple[Plane, Iterator[Piece]]]:
    """Planes with the pieces of all images that are wanted; none of what is constant."""
    side, count, stop = TileSide(made.tile), len(layout.planes), 0
    for group in _groups(made, layout):
        start, stop = stop, stop + len(group)
        listen = share(on_step, start / count, stop / count, _planes_in_words(start, len(group), count))
        ready = [plane for plane in (prepared(array, made, layout, index) for index in group) if plane]
        if not ready:
            listen(Step("applying", 1, 1, None, 1.0))
            continue
        fitted = source.denoisers(range(start, stop), ready, share(listen, 0.0, source.share))
        for position, (plane, denoisers) in enumerate(zip(ready, fitted, strict=True)):
            hear = Part(position, len(ready), "of these").listen(share(listen, source.share, 1.0))
            yield plane, apply_to_plane(denoisers, plane.pixels, made, side, images_of, hear)


def _copied(array: Pixels, result_type: np.dtype[Any] | None) -> Pixels:
    copied: Pixels = np.ma.getdata(array).astype(result_type or array.dtype, order="C")
    return copied


def _groups(made: Plan, layout: Layout) -> Sequence[tuple[tuple[int, ...], ...]]:
    """Planes whose denoisers are fitted at once."""
    if made.frames:
        return layout.scenes
    planes = in_order(layout, made.fit)
    return [planes[start : start + made.at_once] for start in range(0, len(planes), made.at_once)]


def _planes_in_words(start: int, group: int, count: int) -> str:
    """What is worked on, before the name of a stage; empty for a single plane."""
    if count == 1:
        return ""
    return f"plane {start + 1}/{count}, " if group == 1 else f"planes {start + 1}-{start + group}/{count}, "


def stages(
    noisy: Noisy,
    *,
    axes: str | None = None,
    method: str | Method = DEFAULT,
    recipe: str | None = None,
    seed: int = 0,
    run: Run = Run(),  # noqa: B008 - frozen
    on_step: Listener = ignore,
) -> dict[str, Noisy]:
    """Every image on the way, by name, in order; the last is what ``denoise`` gives.

    For ``noise2detail``: ``stage1``, ``refined_stride2``, ``refined_stride4``, ``stage2`` (their mean) and ``stage3``.
    Arguments and errors as for ``denoise``.
    """
    array, axes = take(noisy, axes)
    made, chosen, layout = make_plan(array, axes, method, recipe, seed, run)
    found = execute_stages(array, made, chosen, layout, on_step)
    return {name: like(noisy, result) for name, result in found.items()}


def _source(array: Pixels, made: Plan, method: Method, layout: Layout, on_step: Listener) -> tuple[Source, Listener]:
    """Denoisers fitted to each plane, or one fit to all planes that is done now; and who hears of the planes."""
    cost = whole_cost(method, made, layout)
    training = cost.training / cost.total
    if made.fit == "shared":
        fitted = fit_planes(*training_set(array, made, layout), method, made, share(on_step, 0.0, training))
        return _same_for_all(fitted), share(on_step, training, 1.0)

    warm = Warm(method, made) if made.fit == "warm" else None

    def fit_own(numbers: Sequence[int], planes: Sequence[Plane], listen: Listener) -> list[tuple[Denoiser, ...]]:
        pixels, valid = stacked(planes)
        if warm:
            return [warm.fitted(numbers[0], pixels, valid, listen)]
        if made.frames:
            return [fit_planes(pixels, valid, method, made, listen)] * len(planes)
        return fit_each_plane(pixels, valid, method, made, listen)

    return Source(fit_own, training), on_step


def _same_for_all(denoisers: tuple[Denoiser, ...]) -> Source:
    return Source(lambda _, planes, __: [denoisers] * len(planes))
