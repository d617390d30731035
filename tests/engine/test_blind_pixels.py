"""Blind pixels: each as likely as any other, replaced by what does not depend on them."""

from typing import Any

import numpy as np
import pytest
import torch

from noise2detail.engine.blind_pixels import blind_pixels, drawn_from_window, hidden_lines, median_without_centre


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_box_holds_one_blind_pixel_anywhere() -> None:
    rows, columns = blind_pixels(4000, 13, 5, generator())
    assert rows.shape == columns.shape == (4000, 9)
    boxes = (rows // 5) * 3 + columns // 5
    assert torch.equal(boxes, torch.arange(9).expand(4000, 9))
    often = torch.zeros(13, 13).index_put_((rows.flatten(), columns.flatten()), torch.ones(36000), accumulate=True)
    extent = torch.tensor([5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 3, 3, 3])
    expected = 4000 / (extent[:, None] * extent)
    assert ((often - expected).abs() < 5 * expected.sqrt()).all()


@pytest.mark.parametrize("centre", [True, False], ids=["published", "without_centre"])
@pytest.mark.parametrize(
    ("row", "column", "top", "left"), [(7, 8, 2, 3), (0, 0, 0, 0), (15, 2, 10, 0)], ids=["inside", "corner", "border"]
)
def test_every_pixel_of_the_window_is_as_likely(centre: bool, row: int, column: int, top: int, left: int) -> None:
    draws = 60_000
    places = (torch.full((1, draws), row), torch.full((1, draws), column))
    rows, columns = drawn_from_window(*places, 16, centre, generator())
    often = torch.zeros(16, 16).index_put_((rows[0], columns[0]), torch.ones(draws), accumulate=True)
    expected = torch.zeros(16, 16)
    expected[top : min(row + 6, 16), left : min(column + 6, 16)] = 1
    expected[row, column] = float(centre)
    expected *= draws / expected.sum()
    assert ((often - expected).abs() <= 5 * expected.sqrt()).all()


def test_the_median_leaves_the_centre_out() -> None:
    crops = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 16, 16)).astype(np.float32))
    rows, columns = torch.tensor([[0, 7], [15, 3]]), torch.tensor([[0, 8], [1, 15]])
    found = median_without_centre(crops, rows, columns)
    for crop, channel, pixel in np.ndindex(2, 3, 2):
        row, column = int(rows[crop, pixel]), int(columns[crop, pixel])
        window = crops[crop, channel].numpy().copy()
        window[row, column] = np.nan
        window = window[max(0, row - 5) : row + 6, max(0, column - 5) : column + 6]
        assert float(found[crop, channel, pixel]) == pytest.approx(np.nanmedian(window), abs=1e-6)


@pytest.mark.parametrize(
    ("structure", "drawing"),
    [
        ("horizontal", ["......", "......", "##.##.", "......", "......", "...###"]),
        ("vertical", ["..#...", "..#...", "......", "..#..#", "..#..#", ".....#"]),
        ("cross", ["..#...", "..#...", "##.##.", "..#..#", "..#..#", "...###"]),
        ("none", ["......"] * 6),
    ],
)
def test_lines_through_blind_pixels_are_hidden(structure: Any, drawing: list[str]) -> None:
    """Blind pixels at (2, 2) and in the corner (5, 5), which its own line hides at the border, as published."""
    expected = torch.tensor([[sign == "#" for sign in line] for line in drawing])
    found = hidden_lines(torch.tensor([[2, 5]]), torch.tensor([[2, 5]]), 6, structure, 5)
    assert torch.equal(found[0, 0], expected)
