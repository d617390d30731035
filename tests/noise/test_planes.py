"""Noise that neighbouring planes share, whatever structure they share."""

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from noise2detail.noise.planes import Sharing, shared_noise


def planes(correlation: float, seed: int = 0, side: int = 256, contrast: float = 1.0) -> tuple[Tensor, Tensor]:
    """The same structure twice, each with noise of deviation 1."""
    rng = np.random.default_rng(seed)
    camera = np.asarray(data.camera(), np.float64)[:side, :side] / 15  # type: ignore[no-untyped-call]
    first, own = rng.normal(size=(2, side, side))
    second = correlation * first + (1 - correlation**2) ** 0.5 * own
    return torch.from_numpy(contrast * camera + first), torch.from_numpy(contrast * camera + second)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8, -0.3])
@pytest.mark.parametrize("contrast", [0.0, 1.0], ids=["flat", "camera"])
def test_what_is_shared_is_found(correlation: float, contrast: float) -> None:
    found = shared_noise(*planes(correlation, contrast=contrast))
    assert isinstance(found, Sharing)
    assert found.correlation == pytest.approx(correlation, abs=0.06)


def test_two_standard_errors_hold_the_truth() -> None:
    found = [shared_noise(*planes(0.2, seed, 96, 0.0)) for seed in range(60)]
    held = [abs(one.correlation - 0.2) < 2 * one.error for one in found if one is not None]
    assert len(held) == 60
    assert 0.85 <= np.mean(held) <= 1.0


def test_gaps_have_no_say() -> None:
    first, second = planes(0.0)
    mask = torch.ones(first.shape, dtype=torch.bool)
    mask[:, 100:] = False
    junk = torch.from_numpy(np.random.default_rng(9).normal(size=first.shape))
    filled, other = (torch.where(mask, plane, junk) for plane in (first, second))
    assert shared_noise(filled, other, mask) == shared_noise(first, second, mask)
    assert shared_noise(first, second, mask & False) is None
    assert shared_noise(torch.zeros(64, 64), torch.zeros(64, 64)) is None
