"""Seconds and memory that a plan may take."""

from dataclasses import replace

from noise2detail.engine.machine import Machine
from noise2detail.method import Cost, Method
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.memory import Need
from noise2detail.pipeline.series import briefly
from noise2detail.plans import Neighbours, Plan


def with_forecast(plan: Plan, method: Method, layout: Layout, machine: Machine | None, need: Need) -> Plan:
    """The plan with the seconds and the memory that it may take; no seconds where the machine was never measured."""
    seconds = machine.seconds(whole_cost(method, plan, layout).total, plan.precision) if machine else None
    held = 2 * plan.neighbours.reach + 1 if plan.neighbours else plan.training_planes
    return replace(plan, expected_seconds=seconds, expected_mib=need.peak(plan.tile, held) / 2**20)


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
