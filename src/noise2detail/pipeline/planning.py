"""Wishes and data resolved into one frozen plan, before anything is trained."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from noise2detail import registry
from noise2detail.engine.machine import Machine
from noise2detail.errors import InputError, SettingError
from noise2detail.method import FitsEach, Method
from noise2detail.pipeline.chunks import gaps_of
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.deciding import Decision, aimed, decide, noise_models, wrapped
from noise2detail.pipeline.forecast import with_forecast
from noise2detail.pipeline.layout import Layout, check_pixel_type, lay_out
from noise2detail.pipeline.memory import (
    Need,
    choose_tile,
    fastest_tile,
    find_limit,
    need_of,
    planes_that_fit,
    training_planes,
)
from noise2detail.pipeline.neighbours import choose_neighbours
from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.pipeline.precision import choose_precision
from noise2detail.pipeline.run import Run, find_device, parse_neighbours
from noise2detail.pipeline.series import Series, Stack, choose_series, is_recipe
from noise2detail.pipeline.threads import choose_threads
from noise2detail.pipeline.values import check_content, percentile_map, published_map
from noise2detail.plans import FitMode, FitWish, Neighbours, Plan, ValueMap
from noise2detail.settings import to_data
from noise2detail.types import Pixels, Precision

MOST_AT_ONCE = 64
"""Planes that a GPU trains at once; more would hardly be faster."""

PUBLISHED_RANGE = ("paper", "demo", "as_in_paper")
"""Recipes that map values as their authors do."""


def choose_method(method: str | Method, recipe: str | None) -> tuple[str, str, Method]:
    """Id, recipe and settings of the method that is meant.

    Parameters
    ----------
    method
        An id of the registry, or an object with own settings.
    recipe
        None: the method's default. With an object it only says how values are mapped.

    Raises
    ------
    SettingError
        No such method or recipe; the message names the nearest.
    """
    if not isinstance(method, str):
        if not isinstance(method, Method):
            known = ", ".join(registry.METHODS)
            raise SettingError(
                f"method is {method!r}; expected one of {known}, or an object that holds a method's settings"
            )
        name = next((n for n, e in registry.METHODS.items() if isinstance(method, e.method)), type(method).__name__)
        if recipe and name in registry.METHODS and recipe not in registry.METHODS[name].recipes:
            raise SettingError(registry.unknown("recipe", recipe, registry.METHODS[name].recipes))
        return name, recipe or "own", method
    entry = registry.find(method)
    recipe = recipe or entry.recipes[0]
    if recipe not in entry.recipes:
        raise SettingError(registry.unknown("recipe", recipe, entry.recipes))
    return method, recipe, entry.method.recipe(recipe)


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan with what carries it out."""

    plan: Plan
    method: Method
    layout: Layout
    """Of the array."""
    seen: tuple[ChannelNoise, ...] = ()
    """The noise of each channel as it was found on the way, in image units; none: it was not looked at."""


def make_plan(
    array: Pixels,
    axes: str | None,
    method: str | Method,
    recipe: str | None,
    seed: int,
    run: Run,
    result_type: np.dtype[Any] | None = None,
    *,
    look: bool = True,
) -> tuple[Plan, Method, Layout]:
    """What will be done with an array, the method that does it, and how the array is laid out: see ``planned``."""
    made = planned(array, axes, method, recipe, seed, run, result_type, look=look)
    return made.plan, made.method, made.layout


def planned(
    array: Pixels,
    axes: str | None,
    method: str | Method,
    recipe: str | None,
    seed: int,
    run: Run,
    result_type: np.dtype[Any] | None = None,
    *,
    look: bool = True,
) -> Planned:
    """What will be done with an array, and all that was found out for it.

    Parameters
    ----------
    array, axes, method, recipe, seed, run
        As for ``denoise``.
    result_type
        In which the result is wanted; None: that of the array.
    look
        False: the noise is not measured, so that nothing is refused for it, and nothing decided by it.

    Raises
    ------
    InputError
        The array cannot be denoised, or should not be, and why.
    SettingError
        A wish that cannot be met.
    """
    check_seed(seed)
    layout, channels = _checked(array, axes)
    name, recipe, own = choose_method(method, recipe)
    threads, told = choose_threads(run.threads)
    wish = _Wish(
        array=array,
        layout=layout,
        maps=_value_maps(recipe, channels),
        name=name,
        recipe=recipe,
        method=wrapped(aimed(own, run.target), run),
        seed=seed,
        run=run,
        device=find_device(run.device),
        limit=find_limit(run.max_memory),
        threads=threads,
        look=look,
    )
    learning = _learning(wish)
    means = _means(wish, learning.method, result_type or array.dtype)
    neighbours, why = _neighbours(wish, learning, means)
    plan = _plan(wish, learning, means, neighbours, (*why, *means.why, *told, *_told_gaps(array)))
    plan = with_forecast(plan, learning.method, layout, means.machine, means.need)
    return Planned(plan, learning.method, layout, learning.decision.seen)


@dataclass(frozen=True, eq=False)
class _Wish:
    """An array and what is asked for it, both of which can be met as far as they say by themselves."""

    array: Pixels
    layout: Layout
    """Of the array."""
    maps: tuple[ValueMap, ...]
    """Of its channels."""
    name: str
    """Of the method."""
    recipe: str
    """Of the method."""
    method: Method
    """As it is asked for, before the data decide anything."""
    seed: int
    """Of all that is drawn."""
    run: Run
    """How it is to be done."""
    device: torch.device
    """That computes."""
    limit: int | None
    """Bytes that may be taken; None: as many as there are."""
    threads: int
    """Of the processor."""
    look: bool
    """Whether the noise may decide anything."""


@dataclass(frozen=True, eq=False)
class _Learning:
    """What the noise and the planes of an array decide."""

    decision: Decision
    """By the noise."""
    series: Series
    """By what its planes have in common."""

    @property
    def method(self) -> Method:
        """That does it."""
        return self.series.method


@dataclass(frozen=True, eq=False)
class _Means:
    """What a machine allows."""

    precision: Precision
    """In which networks compute."""
    machine: Machine | None
    """How fast it is; None: never measured."""
    need: Need
    """Memory for so many pixels at once."""
    tile: int
    """Side of what is denoised at once."""
    fits: int
    """Planes that can be held at once."""
    why: tuple[str, ...]
    """In words."""


def _learning(wish: _Wish) -> _Learning:
    run, layout = wish.run, wish.layout
    decision = Decision(wish.method)
    if wish.look:
        decision = decide(wish.method, wish.array, layout, wish.maps, run, wish.threads)
    as_is = not run.decide or wish.recipe in PUBLISHED_RANGE or not is_recipe(wish.name, wish.recipe, wish.method)
    check_planes(wish.name, decision.method, run, layout)
    with computing("cpu", wish.threads):
        stack = Stack(wish.array, layout, wish.maps)
        series = choose_series(_fit_wish(run), decision.method, stack, as_is=as_is)
    return _Learning(decision, series)


def _means(wish: _Wish, method: Method, result_type: np.dtype[Any]) -> _Means:
    precision, machine, why = choose_precision(wish.run, wish.device)
    held = method.cost(1, *wish.layout.size).held
    need = need_of(wish.layout, wish.array.dtype, wish.maps, result_type, held)
    tile = choose_tile(wish.limit, need, fastest_tile(str(wish.device)))
    return _Means(precision, machine, need, tile, planes_that_fit(need, tile, wish.limit), why)


def _neighbours(wish: _Wish, learning: _Learning, means: _Means) -> tuple[Neighbours | None, tuple[str, ...]]:
    """Planes that are worked on together, and all reasons for how is learnt."""
    decision, series = learning.decision, learning.series
    asked = _wished(wish.run, series.fit, wish.layout, look=wish.look)
    with computing("cpu", wish.threads):
        models = noise_models(decision.noise, wish.maps)
        found, told = choose_neighbours(decision, wish.array, wish.layout, wish.maps, models, asked, means.fits)
    return found, decision.why + (told if found else told + series.why)


def _plan(wish: _Wish, learning: _Learning, means: _Means, neighbours: Neighbours | None, why: tuple[str, ...]) -> Plan:
    run, layout, method, series = wish.run, wish.layout, learning.method, learning.series
    return Plan(
        method=wish.name,
        recipe=wish.recipe,
        settings=to_data(method),
        why=why,
        shape=tuple(wish.array.shape),
        axes=layout.axes,
        dtype=str(wish.array.dtype),
        planes=len(layout.planes),
        channels=layout.channels,
        value_maps=wish.maps,
        fit=series.fit,
        channel_mode=run.channels,
        seed=wish.seed,
        device=str(wish.device),
        precision=means.precision,
        threads=wish.threads,
        tile=means.tile,
        max_memory=wish.limit,
        training_planes=training_planes(means.need, means.tile, wish.limit, layout) if series.fit == "shared" else 1,
        frames=learns_from_frames(method),
        noise=learning.decision.noise,
        anyway=run.anyway,
        starts=series.starts,
        at_once=min(choose_at_once(run, series.fit, wish.device, method, layout), means.fits),
        neighbours=neighbours,
    )


def _wished(run: Run, fit: FitMode, layout: Layout, *, look: bool) -> str | int | None:
    """Neighbours that a run asks for; None: nothing is to be decided, since one fit serves all planes, say.

    A plan that is done again with another image asks for them only where that has the axis too.

    Raises
    ------
    SettingError
        Neighbours beside a training that all planes share.
    """
    asked = parse_neighbours(run.neighbours)
    if asked is None:
        return "auto" if fit == "plane" and look and run.decide else None
    if asked.reach and fit != "plane":
        raise SettingError(
            f"neighbours is {run.neighbours}, and fit is {fit!r}; expected fit 'plane', since every window of "
            "planes is fitted by itself, or neighbours 0"
        )
    return run.neighbours if run.decide or (asked.axis in layout.axes and asked.reach) else None


def _told_gaps(array: Pixels) -> tuple[str, ...]:
    gaps = gaps_of(array)
    if gaps is None:
        return ()
    return (f"{gaps.mean():.1%} of the pixels were not measured: they teach nothing and stay as they are",)


def _fit_wish(run: Run) -> FitWish:
    """Planes can be trained at once only where each has a training of its own."""
    return "plane" if run.fit == "auto" and run.at_once is not None else run.fit


def learns_from_frames(method: Method) -> bool:
    """Whether a fit reads its batch as frames of one scene."""
    return bool(getattr(getattr(method, "inner", method), "frames", False))


def check_planes(name: str, method: Method, run: Run, layout: Layout) -> None:
    """Raise where a method cannot learn from the planes of an image in the way that is wished.

    Raises
    ------
    InputError
        It needs several frames, and there is one.
    SettingError
        A training is to be shared whose result holds for one plane only.
    """
    if learns_from_frames(method) and len(layout.scenes[0]) < 2:
        raise InputError(
            f"{name} learns from two or more noisy frames of the same scene, and the image has one (axes {layout.axes} "
            f"of {layout.shape}); give a series with an axis T, or further files with --frames"
        )
    if run.fit == "shared" and learns_from_frames(method) and len(layout.scenes) > 1:
        raise SettingError(
            f"{name} learns from the frames of one scene, and the image holds {len(layout.scenes)} scenes (axes "
            f"{layout.axes} of {layout.shape}); expected fit 'plane', or one scene at a time"
        )
    if run.fit == "shared" and method.scope == "image" and len(layout.planes) > 1:
        raise SettingError(
            f"{name} can denoise only the very planes that it was fitted to, one by one; expected fit 'plane' for its "
            f"{len(layout.planes)} planes, or a method that learns a filter, such as {registry.DEFAULT}"
        )


def _value_maps(recipe: str, channels: list[Pixels]) -> tuple[ValueMap, ...]:
    """Map into the working range of each channel: the authors' own for published recipes."""
    value_map = published_map if recipe in PUBLISHED_RANGE else percentile_map
    return tuple(value_map(channel) for channel in channels)


def choose_at_once(run: Run, fit: FitMode, device: torch.device, method: Method, layout: Layout) -> int:
    """Planes that are trained at once, each with a network of its own."""
    if fit != "plane" or not isinstance(method, FitsEach):
        return 1
    most = run.at_once or (MOST_AT_ONCE if device.type == "cuda" else 1)
    return min(most, len(layout.planes))


def _checked(array: Pixels, axes: str | None) -> tuple[Layout, list[Pixels]]:
    """How an array is laid out, and its channels, if it can be denoised."""
    check_pixel_type(array.dtype)
    layout = lay_out(array, axes)
    channels = list(layout.channel_views(layout.view(array)))
    check_content(channels)
    return layout, channels


def check_seed(seed: object) -> None:
    """Raise unless ``seed`` is a whole number that every generator takes.

    Raises
    ------
    SettingError
        Not a whole number from 0 to 2**63 - 2.
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63 - 1:
        raise SettingError(f"seed is {seed!r}; expected a whole number from 0 to 2**63 - 2")
