"""Risks told from the noisy image alone, against known truths."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.metrics.risk import STEP, coupled_risk, divergence, mixture
from noise2detail.noise.colour import coloured
from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search
from noise2detail.patches.two_cascades import TwoCascades

WHITE = torch.ones(1, 1, 1)
LINE = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
KERNEL = LINE[:, None] * LINE


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def scene(side: int = 64) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(side) / 4.0, torch.arange(side) / 5.0, indexing="ij")
    return 2 * torch.sin(rows) * torch.cos(columns) + 3 * (rows > columns)


def blurred(images: Tensor) -> Tensor:
    """A linear filter whose every pixel has the same weight of itself; the image ends where it begins."""
    around = F.pad(images[None, None], (2, 2, 2, 2), mode="circular")
    return F.conv2d(around, KERNEL[None, None])[0, 0]


def along(images: Tensor, axis: int) -> Tensor:
    """The same filter along one axis."""
    shifts = zip(range(-2, 3), LINE.tolist(), strict=True)
    return torch.stack([weight * images.roll(shift, axis) for shift, weight in shifts]).sum(0)


def cascades(images: Tensor) -> Tensor:
    search = Search(step=6, reach=8)
    first, second = (
        Cascade(search, "bior1.5", 2.65, overlap=True),
        Cascade(Search(step=6, reach=8, count=32, limit=0.8)),
    )
    return TwoCascades(first, second).run(images[None], WHITE)[1][0]


def true_error(estimate: Tensor, clean: Tensor) -> float:
    return float((estimate - clean).square().mean())


def unbiased(estimate: Callable[[Tensor], Tensor], noisy: Tensor, probes: int) -> float:
    """Stein's estimate of the mean square error, for white noise of variance 1."""
    before = estimate(noisy)
    found = 0.0
    for seed in range(probes):
        probe = random(*noisy.shape, seed=1000 + seed)
        found += divergence(before, estimate(noisy + STEP * probe), probe) / probes
    return float((before - noisy).square().mean()) - 1 + 2 * found / noisy.numel()


# --- divergence ----------------------------------------------------------------------------------------------------


def test_the_divergence_of_a_linear_filter_is_its_trace() -> None:
    noisy = random(64, 64)
    trace = 64 * 64 * float(KERNEL[2, 2])
    spread = (2 * 64 * 64 * float(KERNEL.square().sum())) ** 0.5  # of one probe
    found = []
    for seed in range(20):
        probe = random(64, 64, seed=seed + 1)
        found.append(divergence(blurred(noisy), blurred(noisy + STEP * probe), probe))
    assert np.mean(found) == pytest.approx(trace, abs=4 * spread / 20**0.5)
    assert 0.5 * spread < np.std(found) < 2 * spread


def test_with_shared_noise_it_is_the_covariance_with_the_estimate() -> None:
    """Of a filter H and noise of covariance C: the trace of H C, for each pixel the sum of their products."""
    shared = torch.tensor([[0.1, 0.3, 0.1], [0.3, 1.0, 0.3], [0.1, 0.3, 0.1]])
    expected = 64 * 64 * float((KERNEL[1:4, 1:4] * shared).sum())
    found = []
    for seed in range(20):
        probe = coloured(random(64, 64, seed=seed), shared)
        found.append(divergence(torch.zeros(64, 64), blurred(STEP * probe), probe))
    assert np.mean(found) == pytest.approx(expected, rel=0.04)


def test_the_divergence_of_the_image_itself_is_its_number_of_pixels_and_of_a_constant_0() -> None:
    noisy, probe = random(64, 64), random(64, 64, seed=1)
    assert divergence(noisy, noisy + STEP * probe, probe) == pytest.approx(64 * 64, rel=4 * (2 / 64**2) ** 0.5)
    assert divergence(torch.zeros(64, 64), torch.zeros(64, 64), probe) == 0


# --- mixture -------------------------------------------------------------------------------------------------------


def objective(
    weights: Sequence[float], noisy: Tensor, estimates: Sequence[Tensor], divergences: Sequence[float]
) -> float:
    """Stein's estimate of the risk of a mixture, but for what all mixtures share."""
    mixed = sum((w * one.double() for w, one in zip(weights, estimates, strict=True)), torch.zeros_like(noisy).double())
    shared = sum(w * d for w, d in zip(weights, divergences, strict=True))
    return float((mixed - noisy.double()).square().sum()) + 2 * shared


@pytest.mark.parametrize("seed", range(12))
def test_no_mixture_on_a_grid_has_less_risk(seed: int) -> None:
    noisy, base = random(12, 12, seed=seed), random(12, 12, seed=seed + 100)
    spread = 0.1 + torch.rand(4, generator=torch.Generator().manual_seed(seed))
    estimates = [
        0.3 * noisy + 0.5 * base + s * random(12, 12, seed=seed + 200 + n) for n, s in enumerate(spread.tolist())
    ]
    divergences = (60 * torch.rand(4, generator=torch.Generator().manual_seed(seed + 1))).tolist()
    weights = mixture(noisy, estimates, divergences)
    assert min(weights) >= -1e-9
    assert max(weights) <= 1 + 1e-9
    assert sum(weights) == pytest.approx(1)
    least = objective(weights, noisy, estimates, divergences)
    grid = [np.array(w) / 12 for w in itertools.product(range(13), repeat=4) if sum(w) == 12]
    values = [objective(w.tolist(), noisy, estimates, divergences) for w in grid]
    assert least <= min(values) + 1e-6
    nearest = grid[int(np.argmin(values))]
    assert np.abs(nearest - weights).max() < 0.35


def test_a_mixture_is_nearly_as_good_as_the_truth_would_choose() -> None:
    clean = scene()
    noisy = clean + random(64, 64, seed=3)
    filters = (lambda image: along(image, 0), lambda image: along(image, 1), lambda image: image)
    estimates = [one(noisy) for one in filters]
    probe = random(64, 64, seed=4)
    after = [one(noisy + STEP * probe) for one in filters]
    divergences = [divergence(b, a, probe) for b, a in zip(estimates, after, strict=True)]
    weights = mixture(noisy, estimates, divergences)

    def error(shares: Sequence[float]) -> float:
        return true_error(sum((w * e for w, e in zip(shares, estimates, strict=True)), torch.zeros(64, 64)), clean)

    steps = np.linspace(0, 1, 51)
    best = min(error([a, b, 1 - a - b]) for a in steps for b in steps if a + b <= 1)
    assert error(weights) <= 1.03 * best
    assert best < 0.97 * min(true_error(one, clean) for one in estimates)


def test_of_independent_errors_weights_are_one_over_their_variance() -> None:
    """Truth plus errors that have nothing to do with the noise: divergences are 0."""
    clean = scene(128)
    noisy = clean + random(128, 128)
    deviations = (1.0, 0.5, 2.0)
    estimates = [clean + s * random(128, 128, seed=n + 1) for n, s in enumerate(deviations)]
    expected = np.array([1 / s**2 for s in deviations])
    assert mixture(noisy, estimates, [0.0] * 3) == pytest.approx((expected / expected.sum()).tolist(), abs=0.03)


def test_the_order_of_estimates_does_not_matter() -> None:
    noisy = random(16, 16)
    estimates = [s * noisy + 0.3 * random(16, 16, seed=n) for n, s in enumerate((0.2, 0.5, 0.6), 1)]
    divergences = [50.0, 120.0, 150.0]
    once = mixture(noisy, estimates, divergences)
    turned = mixture(noisy, estimates[::-1], divergences[::-1])
    assert turned[::-1] == pytest.approx(once, abs=1e-5)
    assert mixture(100 + noisy, [100 + e for e in estimates], divergences) == pytest.approx(once, abs=1e-3)


def test_one_estimate_gets_everything() -> None:
    assert mixture(random(8, 8), [random(8, 8, seed=1)], [17.0]) == [1.0]


def test_a_far_worse_estimate_gets_nothing() -> None:
    clean = scene()
    noisy = clean + random(64, 64)
    weights = mixture(noisy, [clean, clean + 50], [0.0, 0.0])
    assert weights == pytest.approx([1, 0], abs=0.01)
    assert mixture(noisy, [clean + 50, clean], [0.0, 0.0]) == pytest.approx([0, 1], abs=0.01)


@pytest.mark.parametrize("count", [2, 3])
def test_identical_estimates_share_as_they_like(count: int) -> None:
    noisy = random(16, 16)
    weights = mixture(noisy, [0.5 * noisy] * count, [128.0] * count)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) >= 0


def test_twins_do_not_change_the_mixture_of_the_others() -> None:
    noisy = random(16, 16)
    one, other = 0.2 * noisy + 0.3 * random(16, 16, seed=1), 0.6 * noisy + 0.3 * random(16, 16, seed=2)
    plain = mixture(noisy, [one, other], [50.0, 150.0])
    twins = mixture(noisy, [one, one, other], [50.0, 50.0, 150.0])
    assert twins[0] + twins[1] == pytest.approx(plain[0], abs=1e-4)


# --- risk ----------------------------------------------------------------------------------------------------------


def test_the_coupled_risk_of_a_linear_filter_is_its_true_one() -> None:
    """Bias squared, and the noise, at 1.25 times its variance, that the filter leaves."""
    clean = scene()
    expected = true_error(blurred(clean), clean) + 1.25 * float(KERNEL.square().sum())
    found = [coupled_risk(blurred, clean + random(64, 64, seed=n), 6, seed=n + 500) for n in range(8)]
    assert np.mean(found) == pytest.approx(expected, abs=4 * float(np.std(found, ddof=1)) / 8**0.5)
    assert np.std(found) < 0.3


def test_the_coupled_risk_is_the_same_for_the_same_seed() -> None:
    noisy = scene() + random(64, 64)
    assert coupled_risk(blurred, noisy, 2, seed=5) == coupled_risk(blurred, noisy, 2, seed=5)
    assert coupled_risk(blurred, noisy, 2, seed=5) != coupled_risk(blurred, noisy, 2, seed=6)


@pytest.mark.parametrize("estimate", [blurred, cascades], ids=["blur", "cascades"])
def test_the_probe_agrees_with_the_coupled_risk_and_the_truth(estimate: Callable[[Tensor], Tensor]) -> None:
    """Of the same images, a little less noise added than there is: the common error of the image cancels in part."""
    clean = scene()
    gaps, errors, probed = [], [], []
    for seed in range(6):
        noisy = clean + random(64, 64, seed=seed + 50)
        stein = unbiased(estimate, noisy, 2)
        coupled = coupled_risk(estimate, noisy, 3, share=0.05, seed=seed)
        probed.append(stein)
        gaps.append(stein - coupled)
        errors.append(stein - true_error(estimate(noisy), clean))
    for apart in (gaps, errors):
        assert abs(np.mean(apart)) < 4 * np.std(apart, ddof=1) / 6**0.5 + 0.02
    assert np.std(errors, ddof=1) < 0.06
    assert float(np.mean(probed)) < 0.6
