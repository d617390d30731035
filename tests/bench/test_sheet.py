"""The contact sheet."""

import numpy as np

from noise2detail.bench.sheet import GAP, MARK, PANEL, Panel, contact_sheet, liveliest


def image_with_structure() -> np.ndarray:
    image = np.full((128, 160), 0.2)
    image[96:112, 32:48] = (np.indices((16, 16)).sum(0) // 4 % 2) * 0.8
    return image


def test_the_magnified_part_is_where_structure_is() -> None:
    top, left, side = liveliest(image_with_structure())
    assert side == 16
    assert abs(top - 96) <= 6
    assert abs(left - 32) <= 6


def test_every_image_is_shown_with_its_part_marked() -> None:
    image = image_with_structure()
    panels = [Panel(image, f"method {n}", "31.00 dB") for n in range(7)]
    sheet = np.asarray(contact_sheet(panels, image))
    assert sheet.shape[1] == 5 * (PANEL + GAP) + GAP
    first = sheet[GAP : GAP + 256, GAP : GAP + PANEL]
    assert (first == MARK).all(-1).sum() > 300
    second = sheet[GAP : GAP + 256, 2 * GAP + PANEL : 2 * GAP + 2 * PANEL]
    assert np.array_equal(first, second)
    # eight places, seven images
    assert (sheet[-100:, -PANEL:] == 255).all()


def test_values_are_shown_in_the_range_of_the_guide() -> None:
    guide = np.linspace(100, 200, 64 * 64).reshape(64, 64)
    bright = np.full((64, 64), 400.0)
    sheet = np.asarray(contact_sheet([Panel(guide, ""), Panel(bright, "")], guide))
    panel = sheet[GAP : GAP + PANEL, 2 * GAP + PANEL : 2 * GAP + 2 * PANEL]
    unmarked = panel[(panel != MARK).any(-1)]
    assert (unmarked == 255).all()


def test_colours_stay_colours_and_gaps_do_no_harm() -> None:
    colour = np.zeros((40, 40, 3))
    colour[..., 0] = np.linspace(0, 1, 40)
    colour[0, 0] = np.nan
    panel = np.asarray(
        contact_sheet([Panel(colour, "a long title that does not fit under so small a panel" * 3)], colour)
    )
    middle = panel[GAP + 100, GAP + 10 : GAP + 160]
    assert middle[:, 0].astype(int).max() > 60
    assert (middle[:, 1:] == 0).all()
