"""Wishes and data resolved into one frozen plan, before anything is trained."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from noise2detail import registry
from noise2detail.engine.machine import Machine, has_bfloat16, measure
from noise2detail.errors import InputError, SettingError
from noise2detail.method import Cost, FitsEach, Method
from noise2detail.pipeline.chunks import gaps_of
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.deciding import Decision, aimed, decide, noise_models, wrapped
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
from noise2detail.pipeline.run import Run, find_device, parse_neighbours
from noise2detail.pipeline.series import Stack, briefly, choose_series, is_recipe
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
    name, recipe, chosen = choose_method(method, recipe)
    chosen = wrapped(aimed(chosen, run.target), run)
    device = find_device(run.device)
    threads, thread_notes = choose_threads(run.threads)
    limit = find_limit(run.max_memory)
    maps = _value_maps(recipe, channels)
    decision = decide(chosen, array, layout, maps, run, threads) if look else Decision(chosen)
    as_is = not run.decide or recipe in PUBLISHED_RANGE or not is_recipe(name, recipe, chosen)
    check_planes(name, decision.method, run, layout)
    with computing("cpu", threads):
        series = choose_series(_fit_wish(run), decision.method, Stack(array, layout, maps), as_is=as_is)
    chosen = series.method
    precision, machine, why = choose_precision(run, device)
    need = need_of(layout, array.dtype, maps, result_type or array.dtype, chosen.cost(1, *layout.size).held)
    tile = choose_tile(limit, need, fastest_tile(str(device)))
    fits = planes_that_fit(need, tile, limit)
    wish = _wished(run, series.fit, layout, look=look)
    with computing("cpu", threads):
        models = noise_models(decision.noise, maps)
        neighbours, told = choose_neighbours(decision, array, layout, maps, models, wish, fits)
    plan = Plan(
        method=name,
        recipe=recipe,
        settings=to_data(chosen),
        why=decision.why + (told if neighbours else told + series.why) + why + thread_notes + _told_gaps(array),
        shape=tuple(array.shape),
        axes=layout.axes,
        dtype=str(array.dtype),
        planes=len(layout.planes),
        channels=layout.channels,
        value_maps=maps,
        fit=series.fit,
        channel_mode=run.channels,
        seed=seed,
        device=str(device),
        precision=precision,
        threads=threads,
        tile=tile,
        max_memory=limit,
        training_planes=training_planes(need, tile, limit, layout) if series.fit == "shared" else 1,
        frames=learns_from_frames(chosen),
        noise=decision.noise,
        anyway=run.anyway,
        starts=series.starts,
        at_once=min(choose_at_once(run, series.fit, device, chosen, layout), fits),
        neighbours=neighbours,
    )
    return Planned(_with_forecast(plan, chosen, layout, machine, need), chosen, layout, decision.seen)


def _with_forecast(plan: Plan, method: Method, layout: Layout, machine: Machine | None, need: Need) -> Plan:
    """The plan with the seconds and the memory that it may take."""
    seconds = machine.seconds(whole_cost(method, plan, layout).total, plan.precision) if machine else None
    held = 2 * plan.neighbours.reach + 1 if plan.neighbours else plan.training_planes
    return replace(plan, expected_seconds=seconds, expected_mib=need.peak(plan.tile, held) / 2**20)


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


def whole_cost(method: Method, plan: Plan, layout: Layout) -> Cost:
    """Work of all fits, and of applying their denoisers to all planes."""
    fits = 1 if plan.fit == "shared" else plan.planes
    seen = plan.training_planes
    if plan.neighbours:
        return _cost_of_windows(method, plan, plan.neighbours, layout)
    if plan.frames:
        fits, seen = len(layout.scenes), len(layout.scenes[0])
    groups = plan.channels if plan.channel_mode == "each" else 1
    one = method.cost(seen, *layout.size)
    together = plan.channels if plan.channel_mode == "joint" else 1
    times = groups * (1 + one.further * (together - 1))
    trained = fits * one.training
    if plan.fit == "warm":
        anew = len(plan.starts)
        trained = anew * one.training + (fits - anew) * briefly(method).cost(1, *layout.size).training
    return Cost(times * trained, groups * method.cost(plan.planes, *layout.size).application)


def _cost_of_windows(method: Method, plan: Plan, neighbours: Neighbours, layout: Layout) -> Cost:
    """Work of all windows: the planes of each are channels of one image."""
    size = layout.shape[layout.axes.index(neighbours.axis)]
    count = plan.planes // size * len(neighbours.starts(size))
    groups, together = (plan.channels, 1) if plan.channel_mode == "each" else (1, plan.channels)
    one = method.cost(1, *layout.size)
    times = groups * (1 + one.further * (together * neighbours.depth(size) - 1))
    return Cost(count * times * one.training, count * groups * neighbours.depth(size) * one.application)


def check_seed(seed: object) -> None:
    """Raise unless ``seed`` is a whole number that every generator takes.

    Raises
    ------
    SettingError
        Not a whole number from 0 to 2**63 - 2.
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63 - 1:
        raise SettingError(f"seed is {seed!r}; expected a whole number from 0 to 2**63 - 2")


def choose_precision(run: Run, device: torch.device) -> tuple[Precision, Machine | None, tuple[str, ...]]:
    """Precision, the measurement that it rests on, and the reason in words."""
    if run.precision != "auto":
        imitated = run.precision == "bfloat16" and not has_bfloat16(device)
        slow = (
            "; this hardware only imitates bfloat16, expect it to be many times slower than float32" if imitated else ""
        )
        return run.precision, run.machine, (f"{run.precision} was asked for{slow}",)
    machine = run.machine or _measured(device, run.threads)
    if machine.bfloat16_rate is None:
        return "float32", machine, (f"float32: {machine.processor} has no bfloat16 arithmetic",)
    ratio = machine.bfloat16_rate / machine.float32_rate
    return (
        machine.precision,
        machine,
        (f"{machine.precision}: bfloat16 runs at {ratio:.1f} times the speed of float32 here",),
    )


def _measured(device: torch.device, threads: int | None) -> Machine:
    with computing(device, threads):
        return measure(device)
