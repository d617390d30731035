"""Comparing methods on one's own image."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from noise2detail.bench.candidate import Candidate
from noise2detail.bench.compare import Comparison, compare, cut, every_method
from noise2detail.errors import AxesError, Cancelled, InputError, OutputExistsError, SettingError
from noise2detail.image import Image
from noise2detail.io import open_image
from noise2detail.registry import METHODS
from tests.material import CPU, noisy_array

QUICK = Candidate("zs_n2n", settings=("training.steps=2", "width=4"), label="quick")
OTHER = replace(QUICK, label="other one")
FAILING = Candidate("noise2noise", label="failing")
NOISY = Image(noisy_array(48, 40), "YX")


def comparison(folder: Path, **more: Any) -> Comparison:
    return Comparison(NOISY, folder / "out", (QUICK, FAILING, OTHER), **{"run": CPU, **more})


def reference() -> Image:
    y, x = np.meshgrid(np.arange(48) / 5, np.arange(40) / 7, indexing="ij")
    return Image((0.5 + 0.2 * np.sin(y) * np.cos(x)).astype(np.float32), "YX")


def test_table_sheet_and_images_hold_every_method(tmp_path: Path) -> None:
    results = compare(comparison(tmp_path, reference=reference()))
    folder = tmp_path / "out"
    table = (folder / "table.md").read_text()
    assert table.splitlines()[0] == "| method | PSNR (dB) | SSIM | seconds | peak MiB | remarks |"
    assert "| failing |" in table
    assert "failed: noise2noise" in table
    saved = open_image(folder / "other_one.tif")
    assert saved.array.shape == (48, 40)
    assert saved.array.dtype == np.float32
    row = next(row for row in results.rows if row["method"] == "other one")
    error = np.mean((np.asarray(saved.array, np.float64) - reference().array) ** 2)
    assert row["psnr"] == pytest.approx(10 * np.log10(1 / error), abs=1e-6)
    # noisy, reference, and the two that did not fail
    with Picture.open(folder / "sheet.png") as sheet:
        assert sheet.width > 4 * 250


def test_without_a_reference_residuals_are_tested(tmp_path: Path) -> None:
    results = compare(replace(comparison(tmp_path), candidates=(QUICK,)))
    assert "residual / noise variance" in (tmp_path / "out" / "table.md").read_text()
    assert results.rows[0]["verdict"]
    assert "psnr" not in results.rows[0]


def test_resumed_runs_do_what_is_missing_only(tmp_path: Path) -> None:
    def stop(place: Any) -> None:
        if place.number == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        compare(comparison(tmp_path), stop)
    heard: list[dict[str, Any]] = []
    compare(comparison(tmp_path, resume=True, on_row=heard.append))
    assert [row["method"] for row in heard] == ["failing", "other one"]
    (tmp_path / "out" / "quick.tif").unlink()
    heard.clear()
    compare(comparison(tmp_path, resume=True, on_row=heard.append))
    assert [row["method"] for row in heard] == ["quick", "failing"]
    with pytest.raises(OutputExistsError):
        compare(comparison(tmp_path))


def test_parts_of_images() -> None:
    stack = Image(noisy_array(2, 20, 30), "ZYX", {"X": 0.5})
    part = cut(stack, (4, 6, 10, 12))
    np.testing.assert_array_equal(part.array, np.asarray(stack.array)[:, 4:14, 6:18])
    assert part.pixel_size_um == {"X": 0.5}
    assert cut(stack, None) is stack
    with pytest.raises(SettingError, match="20x30"):
        cut(stack, (15, 0, 10, 10))


def test_references_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AxesError, match="same pixels"):
        compare(comparison(tmp_path, reference=Image(noisy_array(40, 48), "YX")))
    with pytest.raises(InputError, match="same range"):
        compare(comparison(tmp_path, reference=replace(reference(), array=np.asarray(reference().array) * 255)))
    assert not (tmp_path / "out").exists()


def test_by_default_every_method_takes_part() -> None:
    names = [candidate.name for candidate in every_method()]
    assert len(set(names)) == len(names)
    assert set(METHODS) < set(names)
    assert "bm3d stabilized" in names


def test_a_colour_stack_is_compared_too(tmp_path: Path) -> None:
    image = Image((noisy_array(2, 24, 20, 3) * 200).clip(0, 255).astype(np.uint8), "ZYXS")
    results = compare(Comparison(image, tmp_path / "c", (QUICK,), image, run=CPU))
    assert not results.rows[0].get("error")
    assert open_image(tmp_path / "c" / "quick.tif", "ZYXS").array.shape == (2, 24, 20, 3)
