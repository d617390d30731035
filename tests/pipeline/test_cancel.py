"""A cancelled run stops at once, whatever it is doing."""

import time
from dataclasses import replace

import numpy as np
import pytest

from noise2detail.errors import Cancelled
from noise2detail.method import Step
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.denoise import denoise
from tests.material import CPU, noisy_array

FAST = Noise2Detail.recipe("fast")
BRIEF = replace(FAST, stage1=replace(FAST.stage1, steps=5), stage3=replace(FAST.stage3, steps=5))
"""Steps, tiles and networks as large as those of ``fast``."""

ATTEMPTS = 3
"""One must do: memory and caches are shared with other programs."""


def wait_after(stage: str, side: int) -> float:
    """Seconds of work from the wish to cancel, right after the first report of a stage, to the end of the run."""
    noisy, wished = noisy_array(side, side), 0.0

    def listen(step: Step) -> None:
        nonlocal wished
        if wished:
            raise Cancelled
        if step.stage == stage:
            wished = time.thread_time()

    with pytest.raises(Cancelled):
        denoise(noisy, method=BRIEF, run=CPU, on_step=listen)
    return time.thread_time() - wished


@pytest.mark.parametrize("side", [512, 1100])
@pytest.mark.parametrize("stage", ["stage 1", "stage 2", "stage 3", "applying"])
def test_fast_stops_within_half_a_second(stage: str, side: int) -> None:
    assert any(wait_after(stage, side) < 0.5 for _ in range(ATTEMPTS))


def test_nothing_is_changed_by_a_cancelled_run() -> None:
    noisy = noisy_array(64, 64)
    before = noisy.copy()

    def stop(step: Step) -> None:
        if step.stage == "applying":
            raise Cancelled

    with pytest.raises(Cancelled):
        denoise(noisy, method=BRIEF, run=CPU, on_step=stop)
    np.testing.assert_array_equal(noisy, before)
