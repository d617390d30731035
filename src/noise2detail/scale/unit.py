"""One unit, from the input to the marker: the one pure function that every driver calls."""

import time
import zlib

import numpy as np

from noise2detail.errors import UnreadableFileError, UnwritableFileError
from noise2detail.io.pyramid import reduced_part
from noise2detail.pipeline.computing import computing
from noise2detail.scale.geometry import Box
from noise2detail.scale.markers import UnitDone, mark, marked, unmark
from noise2detail.scale.opened import opened
from noise2detail.scale.plan import ScalePlan, check_versions
from noise2detail.scale.pyramid import needed_for
from noise2detail.types import Pixels


def run_unit(plan: ScalePlan, index: int) -> UnitDone:
    """What was done: the unit is denoised or reduced, written, read again, compared and marked.

    It depends on nothing but the plan, the input and, for units of smaller sizes, those of the size before: whoever
    runs it, in whatever order and however often, the same bytes are stored.

    Parameters
    ----------
    plan
        Whose output has been begun.
    index
        Of the unit.

    Raises
    ------
    OtherWorkError
        This process runs another version, or the input is another one.
    UnreadableFileError
        A chunk of the input is damaged, or a unit of the size before is not done.
    UnwritableFileError
        No space, no permission, or what was written reads differently.
    """
    start = time.perf_counter()
    check_versions(plan)
    level, box = plan.place(index)
    unmark(plan, index)
    with computing(plan.fit.device, plan.fit.threads):
        pixels = _denoised(plan, box) if level == 0 else _reduced(plan, level, box)
    output = opened(plan).outputs[level]
    nbytes = output.write(box, pixels)
    if not np.array_equal(output.read(box), pixels, equal_nan=pixels.dtype.kind == "f"):
        raise UnwritableFileError(
            f"{output.url}", f"unit {index} reads differently from what was written", "check the disk and run again"
        )
    done = UnitDone(index, round(time.perf_counter() - start, 3), nbytes, pixels.size, _checksum(pixels))
    mark(plan, done)
    return done


def check_unit(plan: ScalePlan, index: int) -> UnitDone | None:
    """What was done of a unit if it is done and still reads as it was written; None, and no marker any more, if not."""
    done = marked(plan, index)
    level, box = plan.place(index)
    try:
        if done is not None and _checksum(opened(plan).outputs[level].read(box)) == done.crc32:
            return done
    except UnreadableFileError:
        pass
    unmark(plan, index)
    return None


def _checksum(pixels: Pixels) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).data.cast("B"))


def _denoised(plan: ScalePlan, box: Box) -> Pixels:
    found = opened(plan)
    return found.applied.unit(found.source.levels[0], plan.axes, box)


def _reduced(plan: ScalePlan, level: int, box: Box) -> Pixels:
    larger = opened(plan).outputs[level - 1]
    stage = plan.stages[level - 1]
    for number in plan.levels[level - 1].touching(needed_for(larger.layout.shape, plan.levels[level].shape, box)):
        if marked(plan, stage.start + number) is None:
            raise UnreadableFileError(
                larger.url, f"its unit {stage.start + number}, of which this one is made, is not done", "run again"
            )
    return reduced_part(larger.lazy(), plan.levels[level].shape, box)
