"""Denoisers that need an image whole and take long are heard, and can be stopped, while they work."""

import time

import pytest

from noise2detail.errors import Cancelled
from noise2detail.method import Step
from noise2detail.methods.bm3d import BM3D
from noise2detail.pipeline.denoise import denoise
from noise2detail.pipeline.run import Run
from tests.material import noisy_array


@pytest.mark.parametrize("stabilize", [False, True])
def test_a_filter_tells_how_far_it_is(stabilize: bool) -> None:
    heard: list[Step] = []
    run = Run(device="cpu", precision="float32", stabilize=stabilize)
    denoise(noisy_array(160, 160), method="bm3d", run=run, on_step=heard.append)
    told = [step for step in heard if step.stage == "filtering"]
    assert len(told) > 5
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_filter_can_be_stopped() -> None:
    def stop(step: Step) -> None:
        if step.stage == "filtering":
            raise Cancelled

    begun = time.perf_counter()
    with pytest.raises(Cancelled):
        denoise(noisy_array(512, 512), method=BM3D(sigma=0.1), run=Run(device="cpu", precision="float32"), on_step=stop)
    assert time.perf_counter() - begun < 3
