"""What this machine can do, and what follows from it."""

import dataclasses

import pytest
import torch

from noise2detail.engine.machine import Machine, has_bfloat16, measure, processor_name

SLOW = Machine("abacus", "cpu", 1, "2.6", float32_rate=1e6, bfloat16_rate=None)


@pytest.mark.parametrize(
    ("bfloat16_rate", "precision"),
    [(None, "float32"), (5e5, "float32"), (1e6, "float32"), (3e6, "bfloat16")],
    ids=["none", "slower", "equal", "faster"],
)
def test_precision_is_the_faster_one(bfloat16_rate: float | None, precision: str) -> None:
    assert dataclasses.replace(SLOW, bfloat16_rate=bfloat16_rate).precision == precision


def test_seconds_are_pixels_over_rate() -> None:
    fast = dataclasses.replace(SLOW, bfloat16_rate=4e6)
    assert fast.seconds(8e6, "float32") == pytest.approx(8)
    assert fast.seconds(8e6, "bfloat16") == pytest.approx(2)
    assert SLOW.seconds(8e6, "bfloat16") == pytest.approx(160)


def test_a_measurement_is_sane() -> None:
    before = torch.random.get_rng_state()
    found = measure(torch.device("cpu"))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert 1e3 < found.float32_rate < 1e12
    assert (found.bfloat16_rate is not None) == has_bfloat16(torch.device("cpu"))
    assert (found.device, found.threads, found.torch) == ("cpu", torch.get_num_threads(), torch.__version__)
    assert found.processor == processor_name(torch.device("cpu")) != ""
