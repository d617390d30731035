"""Stripes and waves: found as strong as they were laid over noise, and not where there is none."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from noise2detail.noise.stripes import Lines, Stripes, find_stripes

SIDE = 256


def noise(seed: int = 0, side: int = SIDE) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(side, side))


def structure(name: str, sigma: float = 15.0) -> NDArray[np.float64]:
    return np.asarray(getattr(data, name)(), np.float64)[:SIDE, :SIDE] / sigma


def found_in(image: NDArray[np.float64], mask: NDArray[np.bool_] | None = None) -> Stripes:
    return find_stripes(torch.from_numpy(image), None if mask is None else torch.from_numpy(mask))


@pytest.mark.parametrize("name", ["camera", "coins", "brick", "grass"])
def test_structure_has_no_stripes(name: str) -> None:
    assert not found_in(structure(name) + noise()).found


def test_noise_alone_has_none() -> None:
    assert not any(found_in(noise(seed)).found for seed in range(40))


@pytest.mark.parametrize("strength", [0.15, 0.3, 1.0])
@pytest.mark.parametrize("name", ["camera", "brick"])
def test_offsets_of_rows_are_as_strong_as_they_are(strength: float, name: str) -> None:
    offsets = strength * np.random.default_rng(1).normal(size=(SIDE, 1))
    image = structure(name) + noise() + offsets
    rows = found_in(image)
    assert rows.rows.found
    assert not rows.columns.found
    assert rows.rows.deviation == pytest.approx(float(offsets.std()), rel=0.25)
    assert found_in(image.T.copy()).columns.deviation == pytest.approx(rows.rows.deviation)


def test_a_wave_is_told_with_its_frequency_and_amplitude() -> None:
    y, x = np.indices((SIDE, SIDE))
    wave = 0.4 * np.cos(2 * np.pi * (52 * y - 30 * x) / SIDE)
    found = found_in(structure("camera") + noise() + wave)
    assert len(found.waves) == 1
    frequency = np.array(found.waves[0].frequency) * math.copysign(1, -found.waves[0].frequency[1])
    np.testing.assert_allclose(frequency, (52 / SIDE, -30 / SIDE), atol=1 / SIDE)
    assert found.waves[0].amplitude == pytest.approx(0.4, rel=0.25)
    checks = found_in(noise() + 0.3 * (-1.0) ** (y + x)).waves
    assert [wave.frequency for wave in checks] == [(-0.5, -0.5)]
    assert checks[0].amplitude == pytest.approx(0.3, rel=0.25)


def test_stripes_are_not_told_twice() -> None:
    found = found_in(noise() + np.random.default_rng(1).normal(size=(1, SIDE)))
    assert found.columns.found
    assert found.waves == ()


def test_gaps_have_no_say() -> None:
    mask = np.ones((SIDE, SIDE), bool)
    mask[:, 150:] = False
    image = noise() + 0.3 * np.random.default_rng(1).normal(size=(SIDE, 1))
    first, second = (found_in(np.where(mask, image, filling), mask) for filling in (0.0, 1e6))
    assert first.rows == second.rows
    assert first.rows.found
    assert not found_in(image, mask & False).found


@pytest.mark.parametrize("shape", [(8, 8), (8, 20000), (40, 40), (2, 64, 64)], ids=str)
def test_small_images_have_nothing(shape: tuple[int, ...]) -> None:
    assert not find_stripes(torch.zeros(shape)).found
    assert find_stripes(torch.zeros(shape)).rows == Lines()
