"""Splits of an image: noise of the parts independent, as their laws have it, and errors that need no reference."""

import pickle

import numpy as np
import pytest

from noise2detail.errors import InputError, RefusedSplitError, SettingError
from noise2detail.metrics.splits import error_by_three, error_by_two, interleave, is_shared, recorrupt, thin
from noise2detail.noise.measure import Measurement, Uncertainty
from noise2detail.noise.model import NoiseModel

WHITE = np.ones((1, 1))
SHARED = np.array([[0.0, 0.0, 0.0], [0.3, 1.0, 0.3], [0.0, 0.0, 0.0]])


def photons(side: int = 200, mean: float = 3.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (side, side)).astype(np.float64)


def test_thinned_photons_are_independent_photons_that_sum_to_the_image() -> None:
    model = NoiseModel(gain=2.0, pedestal=10.0)
    counts = photons()
    split = thin(10 + 2 * counts, model, (0.25, 0.75), seed=1)
    numbers = [(part - 10) / 2 * share for part, share in zip(split.parts, (0.25, 0.75), strict=True)]
    assert split.exact
    np.testing.assert_allclose(numbers[0] + numbers[1], counts, atol=1e-9)
    for number, mean in zip(numbers, (0.75, 2.25), strict=True):
        assert number.mean() == pytest.approx(mean, rel=0.02)
        assert number.var() == pytest.approx(mean, rel=0.03)  # of Poisson numbers the variance is the mean
        assert (number == 0).mean() == pytest.approx(np.exp(-mean), rel=0.03)
    assert abs(np.corrcoef(numbers[0].ravel(), numbers[1].ravel())[0, 1]) < 4 / 200


def test_three_parts_have_the_variance_that_is_stated() -> None:
    split = thin(photons(), NoiseModel(gain=1.0), (0.5, 0.25, 0.25))
    for part, variance in zip(split.parts, split.variances, strict=True):
        assert part.mean() == pytest.approx(3.0, rel=0.02)
        assert part.var() == pytest.approx(float(np.mean(variance)), rel=0.03)


def test_reading_noise_makes_thinning_approximate_and_is_told() -> None:
    noisy = photons() + np.random.default_rng(5).normal(0, 0.5, (200, 200))
    split = thin(noisy, NoiseModel(gain=1.0, sigma=0.5))
    assert not split.exact
    assert "reading noise" in split.note
    assert np.mean(split.parts) == pytest.approx(noisy.mean(), abs=0.02)


@pytest.mark.parametrize(
    ("model", "said"),
    [(NoiseModel(sigma=1.0), "does not grow"), (NoiseModel(gain=1.0, low=0.0), "cut off")],
    ids=["no gain", "clipped"],
)
def test_what_cannot_be_counted_is_not_thinned(model: NoiseModel, said: str) -> None:
    with pytest.raises(RefusedSplitError, match=said) as caught:
        thin(photons(8), model)
    assert pickle.loads(pickle.dumps(caught.value)).found == caught.value.found


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (1.5, -0.5)], ids=["one", "more than all", "negative"])
def test_shares_are_checked(shares: tuple[float, ...]) -> None:
    with pytest.raises(SettingError, match="shares are"):
        thin(photons(8), NoiseModel(gain=1.0), shares)


def test_recorrupted_parts_are_independent_with_the_variances_that_are_stated() -> None:
    clean = np.full((200, 200), 5.0)
    noise = np.random.default_rng(1).normal(0, 2, clean.shape)
    split = recorrupt(clean + noise, Measurement(NoiseModel(sigma=2.0), WHITE), clean, 0.25, seed=2)
    first, second = (part - clean for part in split.parts)
    assert split.exact
    assert first.var() == pytest.approx(4 * 1.25, rel=0.03)
    assert second.var() == pytest.approx(4 * 5, rel=0.03)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / 200


def test_error_by_two_parts_is_that_of_the_estimate() -> None:
    rows = np.arange(200.0)[:, None] / 20
    clean = 5 + np.sin(rows) + np.zeros((200, 200))
    noisy = clean + np.random.default_rng(3).normal(0, 1, clean.shape)
    split = recorrupt(noisy, Measurement(NoiseModel(sigma=1.0), WHITE), clean, 1.0)
    estimate = (split.parts[0] + np.roll(split.parts[0], 1, 1)) / 2  # rows are alike, so that this halves the noise
    truth = float(np.mean((estimate - clean) ** 2))
    found = error_by_two(estimate, split.parts[1], split.variances[1])
    assert truth == pytest.approx(1.0, rel=0.05)
    assert abs(found.mse - truth) < 4 * found.error
    low, high = found.interval()
    assert high - low == pytest.approx(2 * 1.6449 * found.error)


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_error_by_three_parts_needs_no_variance(strength: float) -> None:
    rng = np.random.default_rng(7)
    clean = rng.uniform(0, 10, (300, 300))
    one, two, three = (clean + rng.normal(0, strength, clean.shape) for _ in range(3))
    estimate = 0.9 * one
    truth = float(np.mean((estimate - clean) ** 2))
    found = error_by_three(estimate, two, three)
    assert abs(found.mse - truth) < 4 * found.error
    assert found.error < 0.1 * truth


def test_neighbours_tell_the_error_of_a_flat_image() -> None:
    noisy = np.random.default_rng(0).normal(7, 2, (201, 200))
    split = interleave(noisy, Measurement(NoiseModel(sigma=2.0), WHITE), 3)
    assert [part.shape for part in split.parts] == [(100, 100)] * 3
    first, second, third = split.parts
    found = error_by_three(first, second, third)
    assert abs(found.mse - 4) < 4 * found.error  # the identity has the variance as its error
    one, other = interleave(noisy, Measurement(NoiseModel(sigma=2.0), WHITE)).parts
    assert one.var() == pytest.approx(2, rel=0.05)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / 100


def test_shared_noise_is_not_split_among_neighbours() -> None:
    noise = Measurement(NoiseModel(sigma=1.0), SHARED, Uncertainty(correlation=(0.01, 0.01)))
    with pytest.raises(RefusedSplitError, match="30%"):
        interleave(photons(8), noise)
    with pytest.raises(RefusedSplitError, match="30%"):
        recorrupt(photons(8), noise, photons(8))
    assert is_shared(noise, 1)
    assert not is_shared(noise, 2)
    assert not is_shared(Measurement(NoiseModel(sigma=1.0), SHARED, Uncertainty(correlation=(0.2, 0.2))), 1)


def test_only_pixels_that_are_data_count() -> None:
    estimate, part = np.zeros((8, 8)), np.ones((8, 8))
    part[0] = 100
    mask = np.ones((8, 8), bool)
    mask[0] = False
    assert error_by_two(estimate, part, 0.25, mask).mse == 0.75
    with pytest.raises(InputError, match="leaves 0 pixels"):
        error_by_two(estimate, part, 0.25, np.zeros((8, 8), bool))
    with pytest.raises(InputError, match="shape"):
        error_by_three(estimate, part, part[:4])
