"""Tables and plots from rows whose means are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noise2detail.bench.plots import _scatter, draw, pareto, spaced
from noise2detail.bench.results import Results
from noise2detail.bench.tables import Board, board_of, lead_table, measures_table, report


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for data, images in (("Gaussian", (30.0, 32.0, 34.0)), ("Poisson", (20.0,))):
        for number, value in enumerate(images):
            took = {"seconds": 4.0, "peak_mib": 300}
            common = {"data": data, "subset": "", "image": str(number), "seed": 0}
            found += [
                common | {"method": "noisy", "unclipped": False, "psnr": value - 10, "ssim": 0.5},
                common | {"method": "bm3d", "unclipped": False, "psnr": value, "ssim": 0.9, **took},
                common | {"method": "bm3d", "unclipped": True, "psnr": value + 1, **took},
                common | {"method": "slow|one", "unclipped": False, "psnr": value - 1, "seconds": 40.0 + number},
            ]  # fmt: skip
    found[-1] = {key: found[-1][key] for key in ("data", "subset", "image", "method", "unclipped", "seed")} | {
        "error": "no memory",
        "seconds": 1.0,
    }
    return found


HEAD = {
    "title": "A case", "metrics": ["psnr", "ssim"], "published": {"Gaussian": {"bm3d": 31.7}, "mean": {"bm3d": 29}},
    "source": "somebody 2020", "note": "Read this first.", "commit": "abc", "quick": True,
}  # fmt: skip

RESULTS = Results(Path("r.jsonl"), HEAD, rows())


def test_means_over_images_and_groups() -> None:
    lines = lead_table(board_of(RESULTS)).splitlines()
    assert lines[0] == "| method | Gaussian | Poisson | mean of images |"
    assert lines[2:] == [
        "| noisy | 22.00 | 10.00 | 19.00 |",
        "| bm3d | 32.00 (31.7) | 20.00 | 29.00 (29) |",
        "| bm3d, clipping undone | **33.00** | **21.00** | **30.00** |",
        "| slow\\|one | 31.00 |  | 31.00† |",
    ]


def test_other_measures_seconds_and_memory() -> None:
    lines = measures_table(board_of(RESULTS)).splitlines()
    assert lines[0] == "| method | PSNR (dB) | SSIM | seconds | peak MiB | images |"
    assert lines[2] == "| noisy | 19.00 | 0.500 |  |  | 4 |"
    assert lines[3] == "| bm3d | 29.00 | **0.900** | 4.0 | 300 | 4 |"
    assert lines[5].startswith("| slow\\|one | 31.00† |  |")
    assert lines[5].endswith("| 41.0 |  | 3 |")


def test_where_nothing_is_clipped_undoing_changes_nothing() -> None:
    own = [row for row in rows() if not row["unclipped"] or row["data"] == "Gaussian"]
    board = board_of(Results(Path("r"), HEAD, own))
    undone = "bm3d, clipping undone"
    assert board.mean(undone, "psnr", "Gaussian") == 33.0
    assert board.mean(undone, "psnr", "Poisson") == board.mean("bm3d", "psnr", "Poisson") == 20.0
    assert board.is_whole(undone, "psnr")
    assert "slow|one, clipping undone" not in board.methods


def test_one_data_set_is_shown_by_its_subsets() -> None:
    own = [row | {"subset": "cells" if row["image"] == "0" else "mouse"} for row in rows() if row["data"] == "Gaussian"]
    assert board_of(Results(Path("r"), HEAD, own)).groups == ["cells", "mouse"]


def test_the_page_says_everything() -> None:
    page = report(RESULTS, ["plot.png"])
    for said in (
        "# A case (reduced form)",
        "Read this first.",
        "somebody 2020",
        "![plot.png](plot.png)",
        "| commit | abc |",
    ):
        assert said in page
    assert "slow|one on Poisson 0: no memory" in page


def test_plots_are_drawn(tmp_path: Path) -> None:
    drawn = draw(board_of(RESULTS), tmp_path / "page")
    assert [path.name for path in drawn] == ["page-seconds.png", "page-boxes.png"]
    for path in drawn:
        assert np.asarray(Image.open(path).convert("L")).std() > 5
    assert draw(board_of(Results(Path("r"), HEAD, [])), tmp_path / "none") == []


@pytest.mark.parametrize("images", [1, 9], ids=["few", "boxes"])
def test_what_is_far_worse_than_the_noisy_image_stands_at_the_edge(images: int) -> None:
    """The picture is as wide as without it: a mark lies where the lowest of the others does."""
    from matplotlib.figure import Figure

    def board(worst: float) -> Board:
        values = {"noisy": 20.0, "good": 30.0, "worst": worst}
        rows = [
            {"data": "d", "image": str(number), "method": name, "seed": 0, "psnr": value + 0.1 * number}
            for name, value in values.items()
            for number in range(images)
        ]
        return board_of(Results(Path("r"), HEAD, rows))

    limits = []
    for worst in (21.0, 2.0):
        figure = Figure()
        assert _scatter(board(worst), figure)
        limits.append(figure.axes[0].get_xlim())
    assert limits[1] == pytest.approx(limits[0], abs=0.1)


def test_labels_keep_their_order_and_their_distance() -> None:
    heights = [*np.random.default_rng(0).uniform(0, 1, 25).tolist(), 1.0, 1.0, 0.0, 0.0]
    found = np.array(spaced(heights, 1 / 30))
    assert found.min() >= 0
    assert found.max() <= 1
    assert (np.diff(np.sort(found)) > 1 / 30 - 1e-9).all()
    assert (np.diff(found[np.argsort(heights, kind="stable")]) > 0).all()
    assert spaced([0.2, 0.5], 0.1) == [0.2, 0.5]


def test_the_front_holds_what_nothing_beats() -> None:
    rng = np.random.default_rng(0)
    points = [(float(a), float(b)) for a, b in rng.integers(0, 9, (40, 2))]
    front = pareto(points)
    beaten = {p for p in points for q in points if q[0] <= p[0] and q[1] >= p[1] and q != p}
    assert set(front) == set(points) - beaten
