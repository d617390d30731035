"""Noise as the published comparisons add it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from noise2detail.errors import SettingError
from noise2detail.noise.simulate import add_gaussian, add_poisson, add_poisson_gaussian, add_uniform

GREY = np.full((300, 300), 0.4, np.float32)


def drawn() -> np.random.Generator:
    return np.random.default_rng(7)


CASES = [
    pytest.param(lambda x: add_gaussian(x, 25.0, drawn()), 25 / 255, id="gaussian"),
    pytest.param(lambda x: add_poisson(x, 30.0, drawn()), (0.4 / 30) ** 0.5, id="poisson"),
    pytest.param(
        lambda x: add_poisson_gaussian(x, 30.0, 25.0, drawn()),
        (0.4 / 30 + (25 / 255) ** 2) ** 0.5,
        id="poisson-gaussian",
    ),
    pytest.param(lambda x: add_uniform(x, 0.2, drawn()), 0.2 / 12**0.5, id="uniform"),
]


@pytest.mark.parametrize(("add", "deviation"), CASES)
def test_mean_and_deviation_are_those_of_the_distribution(add: Callable[[Any], Any], deviation: float) -> None:
    noisy = add(GREY)
    assert noisy.dtype == np.float32
    assert noisy.shape == GREY.shape
    assert abs(noisy.mean(dtype=np.float64) - 0.4) < 5 * deviation / 300
    assert noisy.std(dtype=np.float64) == pytest.approx(deviation, rel=0.02)
    assert np.array_equal(add(GREY), noisy)


@pytest.mark.parametrize("add", [case.values[0] for case in CASES], ids=[case.id for case in CASES])
def test_the_clean_image_stays(add: Callable[[Any], Any]) -> None:
    before = GREY.copy()
    add(GREY)
    assert np.array_equal(before, GREY)


@pytest.mark.parametrize(("add", "amount"), [(add_gaussian, 25.0), (add_uniform, 0.2)], ids=["gaussian", "uniform"])
def test_clipping_is_to_0_and_1_and_can_be_left_out(add: Any, amount: float) -> None:
    for value in (0.0, 1.0):
        flat = np.full((100, 100), value)
        clipped, free = add(flat, amount, drawn()), add(flat, amount, drawn(), clip=False)
        assert np.array_equal(clipped, np.clip(free, 0, 1))
        assert not np.array_equal(clipped, free)


def test_poisson_noise_comes_in_whole_photons_and_is_never_clipped() -> None:
    noisy = add_poisson(np.full((50, 50), 0.98), 30.0, drawn())
    assert np.allclose(noisy * 30, np.round(noisy * 30), atol=1e-4)
    assert noisy.max() > 1


def test_uniform_noise_stays_within_its_width() -> None:
    noise = add_uniform(GREY, 0.2, drawn(), clip=False) - GREY
    assert -0.1001 < noise.min() < -0.0999
    assert 0.0999 < noise.max() < 0.1001


@pytest.mark.parametrize(
    "call",
    [
        lambda: add_poisson(GREY, 0.0, drawn()),
        lambda: add_poisson(GREY - 1, 30.0, drawn()),
        lambda: add_poisson(GREY * np.nan, 30.0, drawn()),
        lambda: add_gaussian(GREY, -1.0, drawn()),
        lambda: add_uniform(GREY, float("nan"), drawn()),
    ],
    ids=["no photons", "negative image", "not a number", "negative sigma", "width that is no number"],
)
def test_what_cannot_be_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(SettingError):
        call()
