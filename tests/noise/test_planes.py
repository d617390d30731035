"""Noise that neighbouring planes share, whatever structure they share; and how far their structure is the same."""

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from noise2detail.noise.planes import Sharing, resemblance, shared_noise
from tests.neighbouring import noise, scene


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


WHITE = np.ones((1, 1))


def related(correlation: float, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    """Structure of which two planes share so much, and noise of their own."""
    own = noise(2, side=128)
    first, other = (torch.from_numpy(scene(number, 128)) for number in (0, 1))
    second = correlation * first + (1 - correlation**2) ** 0.5 * other
    return first + strength * torch.from_numpy(own[0]), second + strength * torch.from_numpy(own[1])


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_the_correlation_of_structure_is_that_without_noise(correlation: float, strength: float) -> None:
    # noise of less than unit variance is what clipping leaves
    found = resemblance(*related(correlation, strength), WHITE)
    assert found.correlation == pytest.approx(correlation, abs=0.08)


def test_noise_resembles_nothing() -> None:
    first, second = (torch.from_numpy(plane) for plane in noise(2, side=128))
    assert resemblance(first, second, WHITE).correlation == 0
    assert resemblance(first + 100, second + 100, WHITE).correlation == 0


def test_shading_is_no_resemblance() -> None:
    rows = torch.linspace(0, 40, 128)[:, None].expand(128, 128)
    first, second = related(0.0)
    assert resemblance(first + rows, second + rows, WHITE).correlation < 0.15


def test_structure_that_only_both_planes_show_is_the_same() -> None:
    # so faint that no plane's power tells it from noise
    common = 0.15 * torch.from_numpy(scene(side=256)) / 4
    first, second = (common + torch.from_numpy(plane) for plane in noise(2, side=256))
    assert resemblance(first, second, WHITE).correlation > 0.5
