import pytest
import torch

from noise2detail.patches.layout import Layout, Piece, Search
from noise2detail.patches.matching import grouped, match, squared_lengths

SIZES = pytest.mark.parametrize("size", [(8, 8), (9, 41), (40, 8), (37, 45)], ids=lambda s: f"{s[0]}x{s[1]}")


@SIZES
@pytest.mark.parametrize(("reach", "step", "cell"), [(19, 3, 6), (4, 3, 2), (5, 2, 3), (3, 4, 1)])
def test_matches_are_those_of_a_full_search(size: tuple[int, int], reach: int, step: int, cell: int) -> None:
    layout = Layout(Search(reach=reach, step=step, cell=cell, count=8), *size)
    image = torch.randn(size, generator=torch.Generator().manual_seed(3))
    bordered = layout.bordered(image[None])[0]
    mirrored = [layout.candidates(n) + 7 for n in size]
    patches = bordered[reach : reach + mirrored[0], reach : reach + mirrored[1]].unfold(0, 8, 1).unfold(1, 8, 1)
    found: dict[tuple[int, int], tuple[list[float], list[tuple[int, int]]]] = {}
    for strip in layout.strips(1):
        table = strip.patches(bordered)
        lengths = squared_lengths(table, strip)
        for piece in strip.pieces():
            places, differences = match(table, lengths, strip, piece)
            head = places[:, 0]
            corners = torch.stack([places // strip.wide + strip.top - reach, places % strip.wide - reach], -1)
            assert len(head) == len(set(head.tolist()))
            for own, values in zip(corners.tolist(), differences.tolist(), strict=True):
                found[tuple(own[0])] = values, [tuple(corner) for corner in own]
    references = [range(0, n - 7 + step - 1, step) for n in size]
    assert set(found) == {(v, u) for v in references[0] for u in references[1]}
    for (v, u), (values, matches) in found.items():
        low = max(v - reach, 0), max(u - reach, 0)
        around = patches[low[0] : v + reach + 1, low[1] : u + reach + 1]
        truth = (around - patches[v, u]).square().mean((2, 3))
        order = truth.flatten().argsort()[:8]
        finite = [value for value in values if value < 1e6]
        torch.testing.assert_close(torch.tensor(finite).clamp_min(0), truth.flatten()[order], atol=1e-5, rtol=0)
        expected = [(low[0] + int(n) // around.shape[1], low[1] + int(n) % around.shape[1]) for n in order]
        assert matches[: len(finite)] == expected


def test_identical_patches_do_not_take_the_place_of_the_reference() -> None:
    layout = Layout(Search(), 20, 20)
    bordered = layout.bordered(torch.full((1, 20, 20), 0.7))[0]
    (strip,) = layout.strips(10**6)
    table = strip.patches(bordered)
    places, _ = match(table, squared_lengths(table, strip), strip, Piece(0, 0, 1))
    corners = torch.stack([places[:, 0] // strip.wide - 19, places[:, 0] % strip.wide - 19], 1)
    assert corners.tolist() == [[v, u] for v in range(0, 13, 3) for u in range(0, 13, 3)]


def test_groups_are_powers_of_two_within_the_limit() -> None:
    found = torch.arange(40).view(5, 8)
    differences = torch.tensor([[0, 9, 9, 9], [0, 1, 9, 9], [0, 1, 1, 9], [0, 1, 1, 1], [9, 9, 9, 9]]).repeat(1, 2)
    differences = differences.sort(1).values.float()  # 2, 4, 6, 8 and 0 within the limit
    groups = {tuple(group[0].tolist()): len(group) for group in grouped(found, differences, 2.0)}
    assert groups == {(24,): 8, (8, 16): 4, (0,): 2, (32,): 1}


@SIZES
@pytest.mark.parametrize("positions", [1, 3000, 10**6])
def test_strips_hold_every_cell_once(size: tuple[int, int], positions: int) -> None:
    layout = Layout(Search(cell=2), *size)
    cells = [
        (strip.first + piece.row, piece.first + cell)
        for strip in layout.strips(positions)
        for piece in strip.pieces()
        for cell in range(piece.cells)
    ]
    assert cells == [(row, cell) for row in range(layout.cells(size[0])) for cell in range(layout.cells(size[1]))]
