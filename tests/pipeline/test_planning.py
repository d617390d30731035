"""Wishes and data resolved into a plan."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from noise2detail.engine.machine import Machine
from noise2detail.methods.auto import Auto
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.denoise import plan
from noise2detail.pipeline.planning import choose_method
from noise2detail.pipeline.precision import choose_precision
from noise2detail.pipeline.run import Run, find_device
from noise2detail.plans import ValueMap
from noise2detail.settings import to_data
from noise2detail.tiling.geometry import TILE
from tests.material import CPU, noisy_array, quick

DEVICE = torch.device("cpu")
ABACUS = Machine("abacus", "cpu", 1, "2.6", 1e6, None)
FAST16 = replace(ABACUS, bfloat16_rate=2.5e6)


def test_a_plan_says_what_will_be_done() -> None:
    made = plan(
        (noisy_array(2, 3, 9, 12) * 100).clip(0).astype(np.uint16), axes="ZCYX", method="noise2detail", seed=5, run=CPU
    )
    assert (made.method, made.recipe, made.axes, made.dtype) == ("noise2detail", "fast", "ZCYX", "uint16")
    assert (made.shape, made.planes, made.channels, len(made.value_maps)) == ((2, 3, 9, 12), 2, 3, 3)
    assert (made.seed, made.device, made.precision, made.tile) == (5, "cpu", "float32", TILE)
    assert made.settings == to_data(Noise2Detail.recipe("fast"))
    assert made.expected_seconds is None
    assert made.expected_mib is not None


def test_channels_that_are_filtered_one_by_one_take_longer() -> None:
    method = Auto(spectrum="white", band=1.0, stride=1)
    cost = method.cost(1, 64, 64)
    expected = (1 + 2 * cost.further) * cost.training + cost.application
    run = replace(CPU, machine=ABACUS, decide=False)
    made = plan(noisy_array(3, 64, 64), axes="CYX", method=method, run=run)
    assert 0 < cost.further < 1
    assert made.expected_seconds == pytest.approx(expected / 1e6)


def test_a_plan_can_be_printed() -> None:
    run = replace(CPU, fit="shared", machine=ABACUS)
    made = plan(noisy_array(2, 3, 9, 12), axes="ZCYX", method="noise2detail", run=run)
    text = str(made)
    for part in (
        "2 x 3 x 9 x 12 float32, axes ZCYX",
        "2 planes, 3 channels, one training shared by all, channels together",
        "method   noise2detail, recipe fast",
        "cpu, float32",
        "seed 0",
        "expect   ",
        "because  float32 was asked for",
    ):
        assert part in text
    assert "1 plane, 1 channel\n" in str(plan(noisy_array(9, 12), run=CPU))


@pytest.mark.parametrize(("recipe", "expected"), [("paper", ValueMap(0.0, 255.0)), ("fast", None)])
def test_the_recipe_chooses_the_value_map(recipe: str, expected: ValueMap | None) -> None:
    noisy = (noisy_array(9, 12) * 100).astype(np.uint8)
    (found,) = plan(noisy, method="noise2detail", recipe=recipe, run=CPU).value_maps
    assert (found == expected) is (expected is not None)


def test_nothing_is_trained_and_nothing_changes() -> None:
    noisy = noisy_array(9, 12)
    before, state = noisy.copy(), torch.random.get_rng_state()
    plan(noisy)
    np.testing.assert_array_equal(noisy, before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_forecast_is_the_work_over_the_speed() -> None:
    wish = replace(CPU, machine=ABACUS)
    one, three = (quick().cost(images, 16, 16).total / 1e6 for images in (1, 3))
    assert plan(noisy_array(16, 16), method=quick(), run=wish).expected_seconds == pytest.approx(one)
    stack = noisy_array(3, 2, 16, 16)
    wishes: list[tuple[dict[str, Any], float]] = [
        ({"fit": "plane"}, 3 * one),
        ({"fit": "shared"}, three),
        ({"fit": "plane", "channels": "each"}, 6 * one),
        ({"fit": "shared", "channels": "each"}, 2 * three),
    ]
    for own, seconds in wishes:
        run = replace(wish, **own)
        assert plan(stack, axes="ZCYX", method=quick(), run=run).expected_seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("wish", "machine", "precision", "why"),
    [
        ("float32", None, "float32", "was asked for"),
        ("auto", ABACUS, "float32", "abacus has no bfloat16"),
        ("auto", FAST16, "bfloat16", "2.5 times the speed of float32"),
        ("auto", replace(ABACUS, bfloat16_rate=5e5), "float32", "0.5 times"),
    ],
)
def test_precision(wish: Any, machine: Machine | None, precision: str, why: str) -> None:
    found, used, (reason,) = choose_precision(Run(precision=wish, machine=machine), DEVICE)
    assert (found, used) == (precision, machine)
    assert why in reason


def test_imitated_bfloat16_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noise2detail.pipeline.precision.has_bfloat16", lambda device: False)
    found, _, (reason,) = choose_precision(Run(precision="bfloat16"), DEVICE)
    assert found == "bfloat16"
    assert "only imitates bfloat16" in reason


def test_the_machine_is_measured_where_nobody_has_done_it() -> None:
    found, machine, _ = choose_precision(Run(), DEVICE)
    assert machine is not None
    assert found == machine.precision


def test_devices() -> None:
    assert find_device("cpu") == DEVICE
    assert find_device("auto").type in {"cpu", "cuda", "mps"}


def test_a_method_with_own_settings_keeps_its_name() -> None:
    own = quick()
    assert choose_method(own, None) == ("noise2detail", "own", own)
    assert choose_method(own, "paper") == ("noise2detail", "paper", own)
    assert choose_method("zs_n2n", None)[:2] == ("zs_n2n", "fast")
