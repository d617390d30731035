"""Both cascades, at one scale and at two."""

import pytest
import torch
from torch import Tensor

from noise2detail.errors import Cancelled
from noise2detail.noise.colour import coloured
from noise2detail.numerics.cosines import low_frequencies
from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search
from noise2detail.patches.two_cascades import TwoCascades
from noise2detail.patches.two_scales import SMALLEST, TwoScales

WHITE = torch.ones(1, 1, 1)
ONE = TwoCascades(
    Cascade(Search(step=5, reach=8), "bior1.5", 2.65, overlap=True),
    Cascade(Search(step=5, reach=8, count=32, limit=0.8)),
)
TWO = TwoScales(ONE)


def scene(y: int, x: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Slow waves and an edge, without noise and with white noise of variance 1; ``(1, y, x)`` each."""
    rows, columns = torch.meshgrid(torch.arange(y) / 13.0, torch.arange(x) / 17.0, indexing="ij")
    clean = (3 * torch.sin(rows) * torch.cos(columns) + 4 * (rows > columns))[None]
    return clean, clean + torch.randn(1, y, x, generator=torch.Generator().manual_seed(seed))


def low_error(found: Tensor, clean: Tensor) -> float:
    """Sum of squares of the error in the lowest frequencies: those that a patch does not reach."""
    return float(low_frequencies(found - clean, 10, 10).square().sum())


def test_two_cascades_are_the_first_and_then_the_second() -> None:
    _, noisy = scene(41, 38)
    pilot, result = ONE.run(noisy + 5, WHITE)
    mean = (noisy + 5).mean()
    first = ONE.first.run(noisy + 5 - mean, None, WHITE)
    torch.testing.assert_close(pilot, first + mean, atol=1e-4, rtol=0)
    second = ONE.second.run(noisy + 5 - mean, first, WHITE) + mean
    torch.testing.assert_close(result, second, atol=1e-4, rtol=0)


def test_each_cascade_comes_closer() -> None:
    clean, noisy = scene(64, 64)
    pilot, result = ONE.run(noisy, WHITE)
    errors = [float((one - clean).square().mean()) for one in (noisy, pilot, result)]
    assert errors[1] < 0.3 * errors[0]
    assert errors[2] < errors[1]


@pytest.mark.parametrize("size", [(64, 64), (67, 81)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_two_scales_leave_less_noise_in_low_frequencies(size: tuple[int, int]) -> None:
    errors = torch.zeros(2)
    for seed in range(3):
        clean = torch.zeros(1, *size)
        noisy = scene(*size, seed=seed)[1] - scene(*size)[0]
        errors += torch.tensor([low_error(one, clean) for one in (ONE.run(noisy, WHITE)[1], TWO.run(noisy, WHITE))])
    assert errors[1] < 0.8 * errors[0]


def test_two_scales_do_so_with_structure_and_with_shared_noise() -> None:
    line = torch.tensor([0.3, 1.0, 0.3])
    errors = torch.zeros(2, 2)
    for row, shared in enumerate((WHITE, (line[:, None] * line)[None])):
        for seed in range(3):
            clean, noisy = scene(96, 96, seed=seed)
            noisy = clean + coloured(noisy - clean, shared)
            for column, found in enumerate((ONE.run(noisy, shared)[1], TWO.run(noisy, shared))):
                errors[row, column] += low_error(found, clean)
    assert errors[0, 1] < errors[0, 0]
    assert errors[1, 1] < 0.95 * errors[1, 0]


def test_high_frequencies_are_those_of_the_fine_scale() -> None:
    _, noisy = scene(65, 80)
    apart = TWO.run(noisy, WHITE) - ONE.run(noisy, WHITE)[1]
    inside = low_frequencies(apart, 10, 12)  # 0.3 of 33 and of 40
    assert float(inside.square().sum()) == pytest.approx(float(apart.square().sum()), rel=1e-3)
    assert float(apart.abs().max()) > 0.01


@pytest.mark.parametrize("size", [(66, 71), (40, 52)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_a_constant_added_is_kept(size: tuple[int, int]) -> None:
    _, noisy = scene(*size)
    once = TWO.run(noisy, WHITE)
    apart = (TWO.run(noisy + 64, WHITE) - once - 64).abs()
    # hard thresholds may turn at the last bit
    assert float(apart.median()) < 1e-3
    assert float(apart.square().mean().sqrt()) < 0.01


@pytest.mark.parametrize("size", [(8, 8), (9, 90), (62, 62), (63, 63), (64, 130)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_ticks_are_as_many_as_pieces(size: tuple[int, int]) -> None:
    heard: list[int] = []
    _, noisy = scene(*size)
    found = TWO.run(noisy, WHITE, lambda: heard.append(1))
    assert len(heard) == TWO.pieces(*size)
    assert found.shape == noisy.shape
    has_coarse = -(-min(size) // 2) >= SMALLEST
    assert (TWO.pieces(*size) > ONE.pieces(*size)) == has_coarse
    if not has_coarse:
        assert torch.equal(found, ONE.run(noisy, WHITE)[1])


def test_a_tick_may_stop_it() -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        TWO.run(scene(64, 64)[1], WHITE, stop)
