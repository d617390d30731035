import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.errors import Cancelled
from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search
from tests.patches.slow_bm3d import slow_pass

WHITE = torch.ones(1, 1, 1)
FIRST = Cascade(Search(), "bior1.5")
SECOND = Cascade(Search(count=32, limit=0.8))


def scene(y: int, x: int, seed: int = 0) -> Tensor:
    """Waves and an edge, with noise of variance 1."""
    rows, columns = torch.meshgrid(torch.arange(y) / 3.0, torch.arange(x) / 4.0, indexing="ij")
    clean = 4 * torch.sin(rows) * torch.cos(columns) + 6 * (rows > columns)
    return clean + torch.randn(y, x, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(8, 8), (9, 10), (21, 23)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("limit", [math.inf, 6.0, 0.1])
def test_hard_threshold_is_that_of_the_slow_one(size: tuple[int, int], limit: float) -> None:
    noisy = scene(*size)
    cascade = replace(FIRST, search=Search(limit=limit))
    expected = slow_pass(noisy.double().numpy(), None, count=16, limit=limit)
    np.testing.assert_allclose(cascade.run(noisy[None], None, WHITE)[0].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("size", [(8, 8), (20, 19)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("limit", [math.inf, 2.0])
def test_wiener_filter_is_that_of_the_slow_one(size: tuple[int, int], limit: float) -> None:
    noisy = scene(*size)
    pilot = 0.8 * noisy + 0.2 * scene(*size, seed=1)
    cascade = replace(SECOND, search=replace(SECOND.search, limit=limit))
    expected = slow_pass(noisy.double().numpy(), pilot.double().numpy(), count=32, limit=limit)
    np.testing.assert_allclose(cascade.run(noisy[None], pilot[None], WHITE)[0].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("positions", [1, 6000])
@pytest.mark.parametrize("cell", [2, 3])
def test_pieces_do_not_change_the_result(positions: int, cell: int) -> None:
    noisy = scene(38, 21)[None]
    whole = FIRST.run(noisy, None, WHITE)
    pieces = replace(FIRST, positions=positions, search=Search(cell=cell)).run(noisy, None, WHITE)
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=0)


def test_without_noise_nothing_changes() -> None:
    clean = scene(31, 22)[None]
    for found in (FIRST.run(clean, None, 1e-8 * WHITE), SECOND.run(clean, clean, 1e-8 * WHITE)):
        torch.testing.assert_close(found, clean, atol=1e-4, rtol=0)


def test_of_pure_noise_little_is_left() -> None:
    """16 averaged patches alone leave 1/16 of the variance; overlapping groups less."""
    noise = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(5))
    pilot = FIRST.run(noise, None, WHITE)
    assert pilot.var() < 1 / 16
    assert SECOND.run(noise, pilot, WHITE).var() < 1 / 16


@pytest.mark.parametrize("transform", ["dct", "bior1.5"])
def test_scale_and_sign_go_through(transform: str) -> None:
    noisy = scene(30, 30)[None]
    cascade = Cascade(Search(limit=20.0), transform)  # type: ignore[arg-type]
    once = cascade.run(noisy, None, WHITE)
    torch.testing.assert_close(cascade.run(-8 * noisy, None, 64 * WHITE), -8 * once, atol=1e-3, rtol=0)


def test_mirrored_and_turned_images_give_mirrored_and_turned_results() -> None:
    """The cosine transform is symmetric, and 8 + 3 n pixels have the same references from either side."""
    noisy = scene(29, 29)[None]
    once = Cascade().run(noisy, None, WHITE)
    torch.testing.assert_close(Cascade().run(noisy.mT, None, WHITE), once.mT, atol=1e-4, rtol=0)
    torch.testing.assert_close(Cascade().run(noisy.flip(1), None, WHITE), once.flip(1), atol=1e-4, rtol=0)


def test_identical_channels_give_what_one_gives() -> None:
    noisy = scene(30, 26)[None]
    alone = FIRST.run(noisy, None, WHITE)
    found = FIRST.run(noisy.repeat(4, 1, 1), None, WHITE.repeat(4, 1, 1))
    torch.testing.assert_close(found, alone.repeat(4, 1, 1), atol=1e-4, rtol=0)


def test_every_piece_is_reported_and_may_stop() -> None:
    noisy, heard = scene(70, 20)[None], []
    FIRST.run(noisy, None, WHITE, lambda: heard.append(1))
    assert len(heard) == FIRST.pieces(70, 20) == 4

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        FIRST.run(noisy, None, WHITE, stop)
