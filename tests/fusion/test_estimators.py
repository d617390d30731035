"""Estimates, and where their risks are compared."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from noise2detail.engine.pair_training import Stage
from noise2detail.engine.smoother import PairSmoother
from noise2detail.fusion.estimators import RIM, SHARED, WINDOW, WINDOWS, Estimators, _places, weigh
from noise2detail.method import Context
from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search
from noise2detail.patches.ridge import Ridge
from noise2detail.patches.two_cascades import TwoCascades
from noise2detail.patches.two_scales import TwoScales

WHITE = torch.ones(1, 1, 1)
SCALES = TwoScales(
    TwoCascades(
        Cascade(Search(step=8, reach=4), "bior1.5", 2.65, overlap=True),
        Cascade(Search(step=8, reach=4, count=32, limit=0.8)),
    )
)
RIDGE = Ridge(Search(step=8, reach=6, count=64, cell=3))


def scene(images: int, y: int, x: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.arange(y) / 5.0, torch.arange(x) / 6.0, indexing="ij")
    clean = (4 * torch.sin(rows) * torch.cos(columns)).expand(images, 1, y, x)
    return clean, clean + torch.randn(images, 1, y, x, generator=torch.Generator().manual_seed(seed))


def ignore() -> None:
    return None


def shared(correlation: float) -> Tensor:
    return torch.tensor([[[0.0, 0.1, 0.0], [correlation, 1.0, correlation], [0.0, 0.1, 0.0]]])


@pytest.mark.parametrize("size", [(40, 33), (70, 66)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_every_piece_of_every_image_is_told(size: tuple[int, int]) -> None:
    heard: list[int] = []
    estimators = Estimators(SCALES, {"ridge": RIDGE}, WHITE)
    found = estimators.all(scene(2, *size)[1], lambda: heard.append(1))
    assert list(found) == ["cascades", "ridge"]
    assert len(heard) == 2 * estimators.pieces(*size)


def test_images_of_a_batch_are_filtered_one_by_one() -> None:
    noisy = scene(2, 40, 33)[1]
    estimators = Estimators(SCALES, {"ridge": RIDGE}, WHITE)
    together, alone = estimators.all(noisy, ignore), estimators.all(noisy[1:], ignore)
    for name, found in alone.items():
        assert torch.equal(together[name][1:], found)


@pytest.mark.parametrize(("correlation", "widely"), [(0.2, False), (SHARED - 0.01, False), (SHARED + 0.01, True)])
def test_widely_shared_noise_leaves_the_ridge_out(correlation: float, widely: bool) -> None:
    estimators = Estimators(SCALES, {"ridge": RIDGE}, shared(correlation))
    assert estimators.is_shared == widely
    assert replace(estimators, autocovariances=shared(correlation).mT.contiguous()).is_shared == widely
    assert ("ridge" in estimators.all(scene(1, 24, 24)[1], ignore)) != widely
    assert not Estimators(SCALES, {"ridge": RIDGE}, WHITE).is_shared


def test_networks_are_averaged_and_restored() -> None:
    noisy = scene(1, 40, 33)[1]
    plain = PairSmoother()
    short = replace(plain, width=8, training=replace(plain.training, steps=2))
    networks = tuple(short.fit(noisy, Context(seed=seed), Stage("network", 0.0, 1.0)) for seed in range(3))
    estimators = Estimators(SCALES, {"ridge": RIDGE}, WHITE, networks=networks)
    expected = sum((network(noisy) for network in networks), torch.zeros_like(noisy)) / 3
    torch.testing.assert_close(estimators.all(noisy, ignore)["network"], expected, atol=1e-4, rtol=0)
    again = Estimators(SCALES, {"ridge": RIDGE}, 5 * WHITE).restored(estimators.tensors(), 3, Context())
    assert torch.equal(again.smoothed(noisy), estimators.smoothed(noisy))
    assert torch.equal(again.autocovariances, WHITE)


@pytest.mark.parametrize("side", [48, 412])
def test_weights_are_near_the_best_of_the_truth(side: int) -> None:
    """The whole of a small image, parts of a large one."""
    clean, noisy = scene(1, side, side)
    estimators = Estimators(SCALES, {"ridge": RIDGE}, WHITE)
    estimates = estimators.all(noisy, ignore)
    weights = weigh(estimators, noisy, estimates, lambda own: own, 0, ignore)
    assert sum(weights) == pytest.approx(1)

    def error(share: float) -> float:
        mixed = share * estimates["cascades"] + (1 - share) * estimates["ridge"]
        return float((mixed - clean).square().mean())

    assert error(weights[0]) < 1.05 * min(error(number / 20) for number in range(21))


def test_with_care_a_large_image_is_compared_whole() -> None:
    """No window is filtered apart: the only further work is one pass over the whole image."""
    _, noisy = scene(1, 412, 412)
    heard: list[int] = []
    estimators = Estimators(SCALES, {"ridge": RIDGE}, WHITE, everywhere=True)
    estimates = estimators.all(noisy, ignore)
    weigh(estimators, noisy, estimates, lambda own: own, 0, lambda: heard.append(1))
    assert len(heard) == estimators.pieces(412, 412)


def test_noise_that_is_weaker_than_said_needs_its_deviations() -> None:
    """An estimate that keeps all noise looks better the weaker the noise is told to be."""
    _, noisy = scene(1, 48, 48)
    estimators = Estimators(SCALES, {"ridge": RIDGE}, WHITE)
    estimates = estimators.all(noisy, ignore)
    silent = weigh(estimators, noisy, estimates, torch.zeros_like, 0, ignore)
    rest = [float((noisy - found).square().sum()) for found in estimates.values()]
    assert silent[rest.index(min(rest))] >= 0.5


@pytest.mark.parametrize("size", [(700, 600), (200, 3000), (5000, 40)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_places_lie_within_large_images_and_are_as_large_as_said(size: tuple[int, int]) -> None:
    components = torch.zeros(2, 1, *size)
    places = list(_places(components, whole=False))
    assert len(places) == WINDOWS
    assert [place[0].start for place in places] == [0, 1, 0, 1]
    for place in places:
        part = components[place]
        assert part.shape[-2:].numel() >= min(0.9 * WINDOW**2, components[0].numel())
        assert part.shape[-2:].numel() <= WINDOW**2
        assert min(part.shape[-2:]) > 2 * RIM
    assert len({(place[2].start, place[3].start) for place in places}) == WINDOWS


def test_small_images_are_compared_whole() -> None:
    found = [place[0] for place in _places(torch.zeros(5, 1, 64, 64), whole=True)]
    assert found == [slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 4)]
