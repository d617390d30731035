"""The way to where estimators work, and back."""

import math

import pytest
import torch
from torch import Tensor

from noise2detail.fusion.way import find_way, way_from
from noise2detail.noise.model import NoiseModel
from noise2detail.numerics.cosines import filled_up, low_frequencies

PLAIN = (NoiseModel(sigma=0.5), NoiseModel(), NoiseModel(pedestal=3.0, sigma=2.0))
COUNTS = (NoiseModel(gain=2.0, pedestal=100.0, sigma=3.0), NoiseModel(sigma=0.2, low=0.0, high=1.0))


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_noise_has_variance_1_and_structure_that_is_shared_is_in_one_component() -> None:
    shared = 20 * low_frequencies(noise(2, 1, 64, 64), 8, 8)
    shared = filled_up(shared, 64, 64) / 8
    own = torch.cat([0.5 * noise(2, 1, 64, 64, seed=1), torch.zeros(2, 1, 64, 64), 2 * noise(2, 1, 64, 64, seed=2)], 1)
    clean = torch.cat([shared, shared, 4 * shared], 1)
    way = find_way(clean + own, PLAIN, 1.0, None, latent=True)
    assert way is not None
    assert way.turn.shape == (2, 2)
    torch.testing.assert_close(way.turn @ way.turn.mT, torch.eye(2), atol=1e-5, rtol=0)
    alone = way.forward(clean + own) - way.forward(clean)
    torch.testing.assert_close(alone.transpose(0, 1).flatten(1).cov(), torch.eye(2), atol=0.06, rtol=0)
    strong, weak = way.forward(clean).transpose(0, 1).flatten(1).var(1).tolist()
    assert weak < 0.01 * strong


@pytest.mark.parametrize("size", [(16, 16), (33, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_forth_and_back_is_the_image_where_noise_does_not_depend_on_it(size: tuple[int, int]) -> None:
    noisy = noise(2, 3, *size)
    way = find_way(noisy, PLAIN, 1.0, None, latent=True)
    assert way is not None
    torch.testing.assert_close(way.back(way.forward(noisy), noisy), noisy, atol=1e-4, rtol=0)
    other = torch.zeros_like(noisy)
    assert torch.equal(way.back(way.forward(noisy), other)[:, 1], other[:, 1])


def test_only_the_band_goes_forth_and_comes_back() -> None:
    noisy = noise(1, 1, 65, 80)
    way = find_way(noisy, (NoiseModel(sigma=2.0),), 0.6, None, latent=True)
    assert way is not None
    components = way.forward(noisy)
    assert components.shape == (1, 1, 39, 48) == (1, 1, *way.size(65, 80))
    assert float(components.var()) == pytest.approx(0.25, abs=0.03)
    expected = filled_up(low_frequencies(noisy, 39, 48), 65, 80)
    torch.testing.assert_close(way.back(components, noisy), expected, atol=1e-4, rtol=0)
    assert way.strengths(components) is None


def test_small_images_keep_every_frequency() -> None:
    noisy = noise(1, 1, 40, 80)
    way = find_way(noisy, (NoiseModel(sigma=2.0),), 0.6, None, latent=True)
    assert way is not None
    assert way.size(40, 80) == (40, 80)


def test_strengths_are_1_in_bright_parts_and_less_where_noise_is_cut_off() -> None:
    clean = torch.stack([torch.full((32, 32), 200.0), torch.linspace(0, 1, 32).expand(32, 32)])[None]
    way = find_way(clean + 0.01 * noise(1, 2, 32, 32), COUNTS, 1.0, None, latent=True)
    assert way is not None
    found = way.strengths(way.forward(clean))
    assert found is not None
    torch.testing.assert_close(found[:, 0], torch.ones(1, 32, 32), atol=0.02, rtol=0)
    torch.testing.assert_close(found[0, 1, :, 15], torch.ones(32), atol=0.03, rtol=0)
    half = math.sqrt(0.5 - 1 / (2 * math.pi))  # of normal values, the negative ones set to 0
    torch.testing.assert_close(found[0, 1, :, [0, 31]], torch.full((32, 2), half), atol=0.01, rtol=0)


def test_what_was_kept_gives_the_same_bits() -> None:
    noisy = torch.cat([100 + 30 * noise(1, 1, 33, 40).abs(), noise(1, 1, 33, 40).clamp(0, 1)], 1)
    for band in (1.0, 0.97):
        way = find_way(noisy, COUNTS, band, None, latent=False)
        assert way is not None
        again = way_from(way.tensors(), latent=False)
        assert torch.equal(again.forward(noisy), way.forward(noisy))
        assert torch.equal(again.back(again.forward(noisy), noisy), way.back(way.forward(noisy), noisy))


def test_no_noise_no_way() -> None:
    assert find_way(noise(1, 2, 16, 16), (NoiseModel(), NoiseModel()), 1.0, None, latent=True) is None


def test_the_autocovariance_is_that_of_the_components() -> None:
    """White noise of the strength that the model says: 1 at lag 0, nothing beside it."""
    noisy = torch.cat([0.5 * noise(2, 1, 96, 96), noise(2, 1, 96, 96, seed=1), 2 * noise(2, 1, 96, 96, seed=2)], 1)
    way = find_way(noisy, PLAIN, 1.0, None, latent=True)
    assert way is not None
    found = way.autocovariances(noisy)
    y, x = (size // 2 for size in found.shape[1:])
    assert len(found) == 2
    torch.testing.assert_close(found[:, y, x], torch.ones(2), atol=0.1, rtol=0)
    assert float(found[:, y, x + 1].abs().max()) < 0.1


def test_gaps_have_no_say_in_the_turn() -> None:
    shared = 3 * noise(1, 1, 48, 48)
    noisy = torch.cat([shared, shared], 1) + noise(1, 2, 48, 48, seed=1)
    models = (NoiseModel(sigma=1.0),) * 2
    mask = torch.ones(1, 1, 48, 48, dtype=torch.bool)
    mask[..., :10] = False
    spoilt = noisy.clone()
    spoilt[:, 0, :, :10] = 500
    plain, kept = (find_way(one, models, 1.0, mask, latent=True) for one in (noisy, spoilt))
    assert plain is not None
    assert kept is not None
    torch.testing.assert_close(kept.turn, plain.turn, atol=1e-4, rtol=0)


def test_a_frame_that_was_put_around_an_image_stays_what_it_is() -> None:
    """No light gives the pedestal, so that zeros of a stitched image became it."""
    noisy = 150.0 + 12 * noise(1, 2, 48, 40)
    noisy[:, 0, 40:] = 0.0
    noisy[:, 0, 3, 3] = 0.0  # a single dead pixel is none
    way = find_way(noisy, COUNTS, 1.0, None, latent=False)
    assert way is not None
    back = way.back(way.forward(noisy), noisy)
    assert torch.equal(back[:, 0, 40:], noisy[:, 0, 40:])
    assert float(back[0, 0, 3, 3]) > 50
