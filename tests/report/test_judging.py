"""The verdict in one call, on results whose faults are known."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

import noise2detail as n2d
from noise2detail.errors import AxesError, InputError
from noise2detail.image import Image

RNG = np.random.default_rng(11)
SIGMA = 20.0
CLEAN = 600 + 200 * gaussian_filter(RNG.normal(size=(160, 192)), 5) / 0.06
NOISY = CLEAN + RNG.normal(0, SIGMA, CLEAN.shape)


def spot(y: int, x: int, height: float) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: CLEAN.shape[0], : CLEAN.shape[1]]
    found: NDArray[np.float64] = height * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 1.6**2))
    return found


def test_the_truth_is_trusted() -> None:
    found = n2d.judge(NOISY, CLEAN)
    assert found.level == "trust", str(found)
    assert str(found).splitlines()[0] == "trust"


def test_a_spot_that_was_lost_is_found_where_it_was() -> None:
    found = n2d.judge(NOISY + spot(130, 30, 6 * SIGMA), CLEAN)
    assert found.level != "trust"
    assert any("lower left" in reason for reason in found.reasons), str(found)


def test_a_spot_that_was_invented_is_found() -> None:
    fake = sum(spot(30 + 6 * i, 150 + 7 * j, 2 * SIGMA) for i in range(4) for j in range(4))
    found = n2d.judge(NOISY, CLEAN + fake)
    assert any("deny" in reason or "bright" in reason for reason in found.reasons), str(found)
    assert found.level != "trust"


@pytest.mark.parametrize("gain", [0.97, 1.03])
def test_a_change_of_gain_is_told_with_its_size(gain: float) -> None:
    found = n2d.judge(NOISY, gain * CLEAN)
    assert found.level != "trust"
    assert any("too dark" in reason if gain < 1 else "too bright" in reason for reason in found.reasons), str(found)


def test_noise_that_was_left_in_is_told() -> None:
    found = n2d.judge(NOISY, CLEAN + 0.8 * (NOISY - CLEAN))
    assert found.level == "do not trust"
    assert any("noise was left in" in reason for reason in found.reasons)


def test_a_blur_is_told() -> None:
    fine = CLEAN + 60 * gaussian_filter(np.random.default_rng(2).normal(size=CLEAN.shape), 1.2) / 0.23
    noisy = fine + np.random.default_rng(3).normal(0, SIGMA, CLEAN.shape)
    assert n2d.judge(noisy, fine).level == "trust"
    assert n2d.judge(noisy, gaussian_filter(fine, 3)).level == "do not trust"


def test_the_worst_channel_decides_and_is_named(tmp_path: Path) -> None:
    both = Image(np.stack([NOISY, NOISY]), "CYX", channel_names=("actin", "nuclei"))
    done = Image(np.stack([CLEAN, gaussian_filter(CLEAN, 9)]), "CYX", channel_names=("actin", "nuclei"))
    found = n2d.judge(both, done)
    assert found.level == "do not trust"
    assert any("nuclei" in reason for reason in found.reasons)
    assert not any(reason.startswith("actin") for reason in found.reasons)
    page = found.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "nuclei" in page


def test_gaps_take_no_part() -> None:
    gap = np.zeros(CLEAN.shape, bool)
    gap[:60, :60] = True
    noisy, done = np.where(gap, np.nan, NOISY), np.where(gap, np.nan, CLEAN)
    assert n2d.judge(noisy, done).level == "trust"


def test_an_image_without_noise_is_not_judged_by_its_residual() -> None:
    found = n2d.judge(CLEAN, CLEAN + 0.5)
    assert found.level != "trust"
    assert any("noise" in one for one in (*found.untested, *found.reasons)), str(found)


def test_a_constant_image_says_nothing() -> None:
    flat = np.full((32, 32), 7.0)
    assert n2d.judge(flat, flat).level == "do not trust"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(AxesError, match="axes"):
        n2d.judge(np.zeros((3, 32, 32)), np.zeros((3, 32, 32)))
    with pytest.raises(InputError, match="same scale"):
        n2d.judge(NOISY, CLEAN / 1000)
