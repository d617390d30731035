"""How far an output is, read from what lies beside it; nothing is changed."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.scale.beginning import begun
from noise2detail.scale.claim import Holder, holder
from noise2detail.scale.finishing import is_finished
from noise2detail.scale.markers import done_units, marked, work_place
from noise2detail.scale.plan import ScalePlan

LOOKED_AT = 64
"""Markers that are read to tell how fast it goes."""


@dataclass(frozen=True)
class Status:
    """How far an output is."""

    plan: ScalePlan
    """By which it is made."""
    done: tuple[int, ...]
    """Units that are done, of each size of the image."""
    finished: bool
    """The whole output is there."""
    holder: Holder | None
    """Who works on it, or did when he was killed; None: nobody."""
    mpx_per_s: float | None
    """Of one unit of the full size, in the mean; None: none is done."""

    def __str__(self) -> str:
        counts = [level.count for level in self.plan.levels]
        lines = [f"output   {self.plan.target}: {'finished' if self.finished else 'unfinished'}"]
        lines += [
            f"{'units' if not level else f'size {level + 1}':<9}{done} of {count} done"
            for level, (done, count) in enumerate(zip(self.done, counts, strict=True))
        ]
        if self.mpx_per_s is not None:
            lines.append(f"speed    {self.mpx_per_s:.2f} Mpx/s for each unit at work")
        if self.holder is not None:
            at = f"process {self.holder.process} on {self.holder.host}, since {self.holder.started}"
            given = f"Slurm jobs {' and '.join(self.holder.jobs)}, submitted by " if self.holder.jobs else ""
            lines.append(f"driver   {given}{at}" + ("" if given else f", heartbeat {self.holder.beat}"))
        elif not self.finished:
            lines.append("driver   none: the same command goes on")
        return "\n".join(lines)


def status_of(target: str, storage: Mapping[str, Any]) -> Status:
    """How far an output is.

    Parameters
    ----------
    target
        Path or address of the output.
    storage
        Options of the storage.

    Raises
    ------
    UnreadableFileError
        Nothing was begun there.
    """
    plan = begun(target, storage)
    if plan is None:
        raise UnreadableFileError(target, "no run of units was begun there", "expected an output of n2d scale")
    done = done_units(plan)
    first = itertools.islice((index for index in plan.stages[0] if index in done), LOOKED_AT)
    seen = [unit for unit in (marked(plan, index) for index in first) if unit is not None]
    seconds = sum(unit.seconds for unit in seen)
    speed = sum(unit.pixels for unit in seen) / 1e6 / seconds if seconds else None
    by_stage = tuple(sum(index in done for index in stage) for stage in plan.stages)
    return Status(plan, by_stage, is_finished(plan), holder(work_place(plan)), speed)
