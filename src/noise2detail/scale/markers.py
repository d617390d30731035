"""Which units are done: a small file for each beside the output, made in one step after the unit was written."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from noise2detail.io.sidecar import plain
from noise2detail.scale.place import Place, place_of
from noise2detail.scale.plan import ScalePlan

DONE = "done"
"""Folder of the markers."""

FINISHED = "finished.json"
"""Is there when the whole output is."""


@dataclass(frozen=True)
class UnitDone:
    """A unit that has been written, read again and marked."""

    index: int
    """Of the unit."""
    seconds: float
    """That it took."""
    nbytes: int
    """As stored."""
    pixels: int
    """That it holds."""
    crc32: int
    """Of its pixels."""


def work_place(plan: ScalePlan) -> Place:
    """The folder with plan, denoiser, markers and claim."""
    return place_of(plan.work, plan.storage)


def mark(plan: ScalePlan, done: UnitDone) -> None:
    """Say that a unit is done."""
    content = json.dumps({"fingerprint": plan.fingerprint} | plain(done))
    work_place(plan).write(_name(done.index), content.encode())


def unmark(plan: ScalePlan, index: int) -> None:
    """Say that a unit is not done."""
    work_place(plan).remove(_name(index))


def marked(plan: ScalePlan, index: int) -> UnitDone | None:
    """What is said about a unit that is done; None where it is not, or was by another plan."""
    content = work_place(plan).read(_name(index))
    return None if content is None else _understood(plan, content)


def done_units(plan: ScalePlan) -> frozenset[int]:
    """Numbers of all units with a marker; whether the markers are whole is seen when they are read."""
    names = (name.partition(".") for name in work_place(plan).files(DONE))
    return frozenset(int(stem) for stem, _, suffix in names if suffix == "json" and stem.isdecimal())


def pending(plan: ScalePlan, stage: Iterable[int] | None = None) -> tuple[int, ...]:
    """Numbers of the units that are not done, in order.

    Parameters
    ----------
    plan
        Whose units.
    stage
        The units that are asked about, such as one of ``plan.stages``; None: all.
    """
    done = done_units(plan)
    return tuple(index for index in (range(plan.count) if stage is None else stage) if index not in done)


def _name(index: int) -> str:
    return f"{DONE}/{index:09d}.json"


def _understood(plan: ScalePlan, content: bytes) -> UnitDone | None:
    try:
        data: dict[str, Any] = json.loads(content)
        if data.pop("fingerprint") != plan.fingerprint:
            return None
        return UnitDone(**data)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # cut off, as a disk that was full may leave it
