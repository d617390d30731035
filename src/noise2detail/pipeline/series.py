"""How the trainings of a stack hang together: decided by what changes from plane to plane.

The only place that decides between one training for each plane, one for all, and one that goes on from plane to plane.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from noise2detail import registry
from noise2detail.errors import SettingError
from noise2detail.method import Method, Trains
from noise2detail.methods.stabilized import Stabilized
from noise2detail.noise.drift import Described, describe, differences, noise_changes
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.values import is_constant, to_working_range
from noise2detail.plans import FitMode, FitWish, ValueMap
from noise2detail.types import Pixels

BRIEFLY = 0.1
"""Share of its steps for which a training goes on from that of the plane before."""

GROWTH = 0.75
"""Share of its crops that each step of a shared training reads on top for each doubling of the planes. More crops in a
step are worth more than as many more steps, and cost less (``docs/explanation/series.md``)."""

LOOKED = 8
"""Planes that are compared, spread over the stack, each with its neighbour too."""

UNRELATED = 0.5
"""Share of neighbouring planes that differ, above which planes have too little in common."""

PART = 1024
"""Side of the middle of a plane that is described."""

Place = tuple[int, ...]
"""Index of a plane."""


@dataclass(frozen=True)
class Stack:
    """The planes of an image, and how to look at them."""

    array: Pixels
    layout: Layout
    maps: tuple[ValueMap, ...]
    """Of each channel into the working range."""

    def described(self, place: Place) -> tuple[Described, ...] | None:
        """What is known of each channel of a plane, in image units; None: there is nothing to learn from."""
        y, x = self.layout.size
        top, left = max(0, (y - PART) // 2), max(0, (x - PART) // 2)
        whole = self.layout.channels_of(self.layout.view(self.array), place)
        channels = [channel[top : top + PART, left : left + PART] for channel in whole]
        if all(map(is_constant, channels)):
            return None
        working, mask = to_working_range(channels, self.maps)
        return tuple(
            describe(
                own.astype(np.float64) * value_map.scale + value_map.offset, None if mask is None else mask[number]
            )
            for number, (own, value_map) in enumerate(zip(working, self.maps, strict=True))
        )


@dataclass(frozen=True)
class Series:
    """How a stack is trained."""

    fit: FitMode
    method: Method
    """With the steps that suit."""
    why: tuple[str, ...] = ()
    """Reasons, one sentence each."""
    starts: tuple[int, ...] = ()
    """As in a plan."""


def series_of(layout: Layout) -> tuple[tuple[Place, ...], ...]:
    """The planes in the order of the work, those together along which a training goes on: the longer of T and Z."""
    axes = [axis for axis in layout.axes if axis in "TZ"]
    if not axes:
        return (layout.planes,)
    sizes = [layout.shape[layout.axes.index(axis)] for axis in axes]
    along = max(range(len(axes)), key=lambda number: (sizes[number], number))
    found: dict[Place, list[Place]] = {}
    for plane in layout.planes:
        found.setdefault(plane[:along] + plane[along + 1 :], []).append(plane)
    return tuple(tuple(planes) for planes in found.values())


def in_order(layout: Layout, fit: FitMode) -> tuple[Place, ...]:
    """The planes in the order of the work."""
    return tuple(plane for own in series_of(layout) for plane in own) if fit == "warm" else layout.planes


def briefly(method: Method) -> Method:
    """The method for a training that goes on from that of the plane before."""
    return _inside(method, lambda inner: inner.briefly(BRIEFLY))


def choose_series(wish: FitWish, method: Method, stack: Stack, *, as_is: bool) -> Series:
    """How a stack is trained, and why.

    Parameters
    ----------
    wish
        The user's.
    method
        With every choice made.
    stack
        What is denoised.
    as_is
        Whether the settings are the user's, those of a plan or published, and stay as they are.

    Raises
    ------
    SettingError
        ``warm`` for a method that cannot go on from another training.
    """
    if wish == "warm":
        return _warm(method, stack, _why_not(method))
    fit, why = (wish, ()) if wish != "auto" else decide_fit(method, stack)
    if fit == "warm":
        own = _warm(method, stack, "")
        return replace(own, why=why + own.why)
    if fit == "shared" and not as_is and not _why_not(method):
        method, said = _grown(method, stack.layout)
        why += said
    return Series(fit, method, why)


def decide_fit(method: Method, stack: Stack) -> tuple[FitMode, tuple[str, ...]]:
    """One training for each plane, for all, or from plane to plane; and why, where there is a choice."""
    if len(stack.layout.planes) == 1:
        return "plane", ()
    if reason := _why_not(method):
        return "plane", (f"every plane by itself: {reason}",)
    found = _compared(stack)
    if found.near > UNRELATED:
        return "plane", (f"one training for each plane: neighbours have too little in common ({found.said})",)
    if found.noise:
        return "warm", (f"one training that goes on from plane to plane, since the noise drifts ({found.noise})",)
    rest = "content drifts, but all planes are learnt from" if found.said else "nor does the content"
    return "shared", (f"one training for all planes: noise does not drift over the stack, {rest}",)


def _why_not(method: Method) -> str:
    """Why what was learnt from one plane is of no use to the next; empty: it is."""
    inner = method.inner if isinstance(method, Stabilized) else method
    if inner.scope != "any":
        return "what the method learns holds for one plane only"
    return "" if isinstance(inner, Trains) else "the method measures and filters each, and trains nothing that lasts"


@dataclass(frozen=True)
class _Compared:
    """What a look at some planes has found."""

    near: float
    """Share of neighbours that differ."""
    noise: str
    """How the noise drifts over the stack; empty: it does not."""
    said: str
    """A difference of any kind; empty: none."""


def _compared(stack: Stack) -> _Compared:
    """Some planes of the longest series, with their neighbours and with each other."""
    planes = in_order(stack.layout, "warm")
    first = np.unique(np.linspace(0, len(planes) - 2, LOOKED).round().astype(int))
    seen = {n: stack.described(planes[n]) for n in sorted({*first.tolist(), *(first + 1).tolist()})}
    known = [own for own in seen.values() if own is not None]
    pairs = [(before, now) for n in first.tolist() if (before := seen[n]) and (now := seen[n + 1])]
    near = [said for before, now in pairs if (said := _said(before, now))]
    noise = next(
        (
            change
            for one, other in _apart(known)
            for a, b in zip(one, other, strict=True)
            for change in noise_changes(a, b)
        ),
        "",
    )
    return _Compared(len(near) / max(len(pairs), 1), noise, near[0] if near else "")


def _apart(known: Sequence[tuple[Described, ...]]) -> list[tuple[tuple[Described, ...], tuple[Described, ...]]]:
    """Pairs of planes far from each other: each with the first, and with that half of them further."""
    half = len(known) // 2
    return [(known[0], one) for one in known[1:]] + [(known[n], known[n + half]) for n in range(len(known) - half)]


def _warm(method: Method, stack: Stack, reason: str) -> Series:
    """At which planes a training that goes on from plane to plane begins anew."""
    if reason:
        raise SettingError(
            f"fit is 'warm', and {reason}; expected fit 'plane', or a method that goes on from one training to the "
            f"next, such as noise2detail"
        )
    starts, told, number = [], [], 0
    for planes in series_of(stack.layout):
        before: tuple[Described, ...] | None = None
        for plane in planes:
            now = stack.described(plane)
            said = _said(before, now) if before and now else ""
            if now and (before is None or said):
                starts.append(number)
                told += [f"plane {number + 1}: {said}"] if said else []
            before, number = now or before, number + 1
    return Series("warm", method, _told(told), tuple(starts))


def _told(told: list[str]) -> tuple[str, ...]:
    """What made a training begin anew."""
    if not told:
        return ("from plane to plane nothing changes that would need a training from the beginning",)
    rest = f", and {len(told) - 3} further times" if len(told) > 3 else ""
    return (f"the training begins anew {len(told)} time{'s' * (len(told) != 1)}, at {'; at '.join(told[:3])}{rest}",)


def _said(before: tuple[Described, ...], now: tuple[Described, ...]) -> str:
    """The first difference of two planes; empty: none."""
    for number, (one, other) in enumerate(zip(before, now, strict=True), 1):
        for reason in differences(one, other):
            return f"channel {number}, {reason}" if len(now) > 1 else reason
    return ""


def _grown(method: Method, layout: Layout) -> tuple[Method, tuple[str, ...]]:
    """The method with as much material in each step as a training on all planes can use."""
    planes = len(layout.planes)
    factor = 1 + GROWTH * math.log2(planes)
    grown = _inside(method, lambda inner: inner.reading(factor))
    if grown == method:
        return method, ()
    return grown, (f"{planes} planes hold more to learn: each step reads {factor:.1f} times as much as for one",)


def _inside(method: Method, change: Callable[[Trains], Method]) -> Method:
    """The method with its training changed, where it has one."""
    if isinstance(method, Stabilized):
        return replace(method, inner=_inside(method.inner, change))
    return change(method) if isinstance(method, Trains) else method


def is_recipe(name: str, recipe: str, method: Method) -> bool:
    """Whether the settings of a method are those of a recipe, and not the user's own."""
    entry = registry.METHODS.get(name)
    inner = method.inner if isinstance(method, Stabilized) else method
    return entry is not None and recipe in entry.recipes and entry.method.recipe(recipe) == inner
