"""What noise puts into the frequencies of small blocks."""

import numpy as np

from noise2detail.noise.blocks import BLOCK, WHITE, look_at, responses
from tests.noise.test_autocovariance import correlated, expected_autocovariance


def test_white_noise_has_the_same_variance_in_every_frequency() -> None:
    np.testing.assert_allclose(responses(WHITE), np.ones((BLOCK, BLOCK)))
    np.testing.assert_allclose(responses(np.pad(WHITE, 9)), np.ones((BLOCK, BLOCK)))


def test_responses_are_the_variances_of_samples() -> None:
    samples = correlated(20_000, BLOCK, BLOCK).double().numpy()
    row, column = np.mgrid[:BLOCK, :BLOCK]
    cosines = np.cos(np.pi / BLOCK * row * (column + 0.5)) * np.sqrt(np.where(row == 0, 1, 2) / BLOCK)
    found = (cosines @ samples @ cosines.T).var(0)
    np.testing.assert_allclose(responses(expected_autocovariance().double().numpy()), found, rtol=0.05, atol=3e-3)


def test_lags_far_apart_and_of_any_size_are_read_alike() -> None:
    shape = expected_autocovariance().double().numpy()
    np.testing.assert_allclose(responses(np.pad(shape, ((4, 4), (11, 11)))), responses(shape))


def test_shared_noise_is_as_strong_in_every_frequency_as_it_is() -> None:
    noise = correlated(1, 256, 256)
    white, _ = look_at(noise, None)
    known, _ = look_at(noise, None, expected_autocovariance().double().numpy())
    assert white.fine.mean() < 0.8
    assert abs(known.fine.mean() - 1) < 0.03
    assert abs(known.rough.mean() - 1) < 0.1
