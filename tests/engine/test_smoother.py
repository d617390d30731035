"""One network on two views, applied twice."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from noise2detail.engine.crops import Crops
from noise2detail.engine.pair_training import Stage
from noise2detail.engine.smoother import PairSmoother, TrainedSmoother, restore_smoother
from noise2detail.errors import Cancelled
from noise2detail.method import Context, Step

STAGE = Stage("network", 0.0, 0.5)


def smoother(steps: int = 3, width: int = 8, stride: int = 1) -> PairSmoother:
    plain = PairSmoother()
    return replace(plain, stride=stride, width=width, training=replace(plain.training, steps=steps))


def waves(*shape: int) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(shape[-2]) / 7.0, torch.arange(shape[-1]) / 9.0, indexing="ij")
    return (4 * torch.sin(rows) * torch.cos(columns)).expand(shape)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(autouse=True)
def chance_is_left_alone() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1, 33, 40), (2, 3, 21, 19), (1, 2, 8, 31)], ids=lambda s: "x".join(map(str, s)))
def test_shape_and_restored_bits(shape: tuple[int, int, int, int], stride: int) -> None:
    noisy = waves(*shape) + noise(*shape)
    heard: list[Step] = []
    trained = smoother(stride=stride).fit(noisy, Context(seed=3, on_step=heard.append), STAGE)
    found = trained(noisy)
    assert found.shape == noisy.shape
    assert bool(found.isfinite().all())
    assert len(heard) == 3
    assert heard[-1].fraction == pytest.approx(0.5)
    again = restore_smoother(trained.tensors(), Context())
    assert torch.equal(again(noisy), found)
    other = waves(1, shape[1], 26, 37)
    assert torch.equal(again(other), trained(other))
    assert again.stride == stride


def test_the_same_seed_gives_the_same_bits() -> None:
    noisy = waves(1, 1, 32, 32) + noise(1, 1, 32, 32)
    once, twice, other = (smoother().fit(noisy, Context(seed=seed), STAGE)(noisy) for seed in (1, 1, 2))
    assert torch.equal(once, twice)
    assert not torch.equal(once, other)


@pytest.mark.parametrize("stride", [1, 2])
def test_noise_is_reduced(stride: int) -> None:
    clean = waves(1, 1, 64, 64)
    noisy = clean + noise(1, 1, 64, 64)
    found = smoother(60, 16, stride).fit(noisy, Context(), STAGE)(noisy)
    limit = 0.4 if stride == 1 else 0.6  # with a stride a network sees structure finer
    assert float((found - clean).square().mean()) < limit


def test_shared_noise_is_reduced_where_neighbours_are_kept_apart() -> None:
    """Blocks of two by two pixels share their noise: neighbours predict it of each other."""
    clean = waves(1, 1, 96, 96)
    own = noise(1, 1, 97, 97)
    shared = (own[..., 1:, 1:] + own[..., :-1, 1:] + own[..., 1:, :-1] + own[..., :-1, :-1]) / 2
    errors = [
        float((smoother(60, 16, stride).fit(clean + shared, Context(), STAGE)(clean + shared) - clean).square().mean())
        for stride in (1, 2)
    ]
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize(("scale", "offset"), [(100.0, 0.0), (1.0, 200.0), (0.01, -3.0)])
def test_units_do_not_matter(scale: float, offset: float) -> None:
    noisy = waves(1, 1, 32, 40) + noise(1, 1, 32, 40)
    once = smoother().fit(noisy, Context(), STAGE)(noisy)
    other = scale * noisy + offset
    found = smoother().fit(other, Context(), STAGE)(other)
    torch.testing.assert_close((found - offset) / scale, once, atol=2e-2, rtol=0)


def test_a_constant_image_is_no_trouble() -> None:
    image = torch.full((1, 1, 16, 16), 5.0)
    assert bool(smoother().fit(image, Context(), STAGE)(image).isfinite().all())


def test_crops_are_used_and_a_listener_may_stop() -> None:
    assert isinstance(PairSmoother().training.crops, Crops)

    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        smoother().fit(waves(1, 1, 32, 32), Context(on_step=stop), STAGE)


def test_it_works_in_the_range_that_was_learnt() -> None:
    """0.1 and 99.9 percentile, so that a single hot pixel has no say."""
    noisy = waves(1, 1, 64, 64).clone()
    noisy[0, 0, 5, 5] = 1e4
    trained: TrainedSmoother = smoother().fit(noisy, Context(), STAGE)
    assert trained.low == pytest.approx(-4, abs=0.1)
    assert trained.low + trained.scale == pytest.approx(4, abs=0.1)
