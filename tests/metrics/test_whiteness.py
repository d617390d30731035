"""Correlation of the residual at several lags, against noise whose correlation is known."""

import math

import numpy as np
import pytest

from noise2detail.metrics.standardised import standardised
from noise2detail.metrics.whiteness import REACH, whiteness
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels

UNIT = NoiseModel(sigma=1.0)
FLAT = np.zeros((128, 160))


def white(seed: int, rows: int = 128, columns: int = 160) -> Pixels:
    drawn: Pixels = np.random.default_rng(seed).standard_normal((rows, columns))
    return drawn


@pytest.mark.parametrize("seed", range(4))
def test_white_noise_is_white_and_its_error_is_that_of_chance(seed: int) -> None:
    found = whiteness(standardised(white(seed), FLAT, UNIT))
    assert found is not None
    assert found.error == pytest.approx(1 / math.sqrt(128 * 160), rel=0.05)
    assert abs(found.score) < 4.5
    lags = found.excess[1:] / found.error
    assert lags.std() == pytest.approx(1, abs=0.3)


def test_the_lag_of_an_echo_is_found_with_its_strength() -> None:
    """White noise plus half of itself, 2 down and 3 to the left, correlates by ``0.5 / 1.25`` there."""
    own = white(1, 140, 180)
    echoed = own[2:130, 4:164] + 0.5 * own[:128, 7:167]
    found = whiteness(standardised(echoed, FLAT, UNIT))
    assert found is not None
    assert found.lag == (2, -3)
    assert found.most == pytest.approx(0.4, abs=0.03)


def test_noise_that_neighbours_share_is_as_random_as_expected() -> None:
    own = white(2, 128, 161)
    shared = (own[:, 1:] + own[:, :-1]) / math.sqrt(2)
    residual = standardised(shared, FLAT, UNIT)
    known, unknown = whiteness(residual, np.array([[0.5, 1, 0.5]])), whiteness(residual)
    assert known is not None
    assert unknown is not None
    assert abs(known.score) < 4.5
    assert unknown.lag == (0, 1)
    assert unknown.most == pytest.approx(0.5, abs=0.03)


def test_gaps_leave_the_correlation_of_the_rest() -> None:
    own = white(3, 128, 161)
    shared = (own[:, 1:] + own[:, :-1]) / math.sqrt(2)
    mask = np.random.default_rng(0).random((128, 160)) > 0.3
    found = whiteness(standardised(np.where(mask, shared, 50.0), FLAT, UNIT, mask))
    assert found is not None
    assert found.lag == (0, 1)
    assert found.most == pytest.approx(0.5, abs=0.04)


def test_nothing_is_said_of_a_residual_that_is_0_or_of_a_tiny_image() -> None:
    assert whiteness(standardised(FLAT, FLAT, UNIT)) is None
    side = 2 * REACH
    assert whiteness(standardised(white(0)[:side], FLAT[:side], UNIT)) is None
    assert whiteness(standardised(white(0), FLAT, UNIT, np.zeros(FLAT.shape, dtype=bool))) is None
