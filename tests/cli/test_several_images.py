"""Files with several images, from the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.cli.running import QUICK, grey, left, n2d, records, write
from tests.io import test_ome_sets

tiff: Any = tifffile

NAMES = ("left eye", "right/eye", "Right_Eye", "../x", "")
LABELS = ("left_eye", "1", "2", "x", "4")


def several(path: Path) -> Path:
    with tiff.TiffWriter(path) as writer:
        for number, name in enumerate(NAMES):
            pixels = grey(16 + number, 20, seed=number)
            writer.write(pixels, metadata={"axes": "YX", "Name": name, "PhysicalSizeX": 0.25})
    return path


def test_without_a_choice_they_are_listed(tmp_path: Path) -> None:
    source = several(tmp_path / "a.ome.tif")
    for command, *more in (("convert", tmp_path / "b.tif"), ("denoise",), ("plan",), ("noise",)):
        result = n2d(str(command), source, *more)
        assert result.exit_code == 1
        assert "holds 5 images: 0 'left eye' YX (16, 20)" in result.stderr
        assert "--image 0" in result.stderr


def test_info_tells_all(tmp_path: Path) -> None:
    source = several(tmp_path / "a.ome.tif")
    (record,) = records(n2d("info", source, "--json"))
    assert [image["number"] for image in record["images"]] == [0, 1, 2, 3, 4]
    assert [image["name"] for image in record["images"]][:4] == list(NAMES[:4])
    assert record["images"][1]["shape"] == [17, 20]
    assert record["images"][1]["pixel_size_um"] == {"X": 0.25}
    assert (record["images"][1]["axes"], record["images"][1]["dtype"]) == ("YX", "uint8")
    shown = n2d("info", source).stdout
    assert "image 1    'right/eye': Y 17 x X 20, uint8, X 0.25 um" in shown
    assert "--image" in shown
    (one,) = records(n2d("info", source, "--json", "--image", "left eye"))
    assert one["shape"] == [16, 20]
    assert one["default_output"] == "a_denoised.left_eye.ome.tif"


@pytest.mark.parametrize("choice", ["1", "right/eye"])
def test_one_by_number_or_name(tmp_path: Path, choice: str) -> None:
    source = several(tmp_path / "a.ome.tif")
    result = n2d("convert", source, tmp_path / "out", "--image", choice, "--json")
    assert [record["image"] for record in records(result)] == [1]
    assert left(tmp_path / "out") == ["a.1.ome.tif"]
    np.testing.assert_array_equal(tiff.imread(tmp_path / "out" / "a.1.ome.tif"), grey(17, 20, seed=1), strict=True)
    assert n2d("convert", source, tmp_path / "own.tif", "--image", choice).exit_code == 0
    np.testing.assert_array_equal(tiff.imread(tmp_path / "own.tif"), grey(17, 20, seed=1), strict=True)
    assert n2d("plan", source, "--image", choice, "--method", "median").exit_code == 0


def test_all_become_files_of_their_own(tmp_path: Path) -> None:
    source = several(tmp_path / "a.ome.tif")
    write(tmp_path / "b.tif")
    result = n2d("convert", source, tmp_path / "b.tif", tmp_path / "out", "--image", "all")
    assert result.exit_code == 0, result.output
    assert left(tmp_path / "out") == sorted([*(f"a.{label}.ome.tif" for label in LABELS), "b.tif"])
    for number, label in enumerate(LABELS):
        pixels = tiff.imread(tmp_path / "out" / f"a.{label}.ome.tif")
        np.testing.assert_array_equal(pixels, grey(16 + number, 20, seed=number), strict=True)


def test_results_say_which_image_they_are(tmp_path: Path) -> None:
    source = several(tmp_path / "a.ome.tif")
    result = n2d("denoise", source, "--image", "1", *QUICK)
    assert result.exit_code == 0, result.output
    assert left(tmp_path) == ["a.ome.tif", "a_denoised.1.ome.tif", "a_denoised.1.ome.tif.n2d.json"]
    assert json.loads((tmp_path / "a_denoised.1.ome.tif.n2d.json").read_text())["input_image"] == 1
    assert tiff.imread(tmp_path / "a_denoised.1.ome.tif").shape == (17, 20)


def test_refused_before_the_work_starts(tmp_path: Path) -> None:
    source = several(tmp_path / "a.ome.tif")
    result = n2d("convert", source, tmp_path / "one.tif", "--image", "all")
    assert (result.exit_code, left(tmp_path)) == (2, ["a.ome.tif"])
    assert "holds 5 images; expected a folder" in result.stderr
    (tmp_path / "out").mkdir()
    write(tmp_path / "out" / "a.4.ome.tif")
    result = n2d("convert", source, tmp_path / "out", "--image", "all")
    assert (result.exit_code, left(tmp_path / "out")) == (1, ["a.4.ome.tif"])
    shutil.copy(source, tmp_path / "a.ome.tiff")
    result = n2d("convert", source, tmp_path / "a.ome.tiff", tmp_path / "new", "--image", "0", "--to", ".tif")
    assert result.exit_code == 1
    assert "two inputs" in result.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("choice", "said"), [("5", "none is 5"), ("no", "none is 'no'"), ("", "--image is empty")])
def test_choices_that_are_not_there(tmp_path: Path, choice: str, said: str) -> None:
    source = several(tmp_path / "a.ome.tif")
    result = n2d("convert", source, tmp_path / "one.tif", "--image", choice)
    assert result.exit_code == (2 if not choice else 1)
    assert said in result.stderr
    assert left(tmp_path) == ["a.ome.tif"]


def test_a_set_is_one_job(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pixels = np.stack([grey(6, 7, seed=z) for z in range(3)]).astype(np.uint16)
    test_ome_sets.make(tmp_path / "in", pixels)
    for inputs in ([tmp_path / "in"], sorted((tmp_path / "in").glob("set-*"))):
        result = n2d("convert", *inputs, tmp_path / "out", "--overwrite", "--json")
        assert result.exit_code == 0, result.output
        assert left(tmp_path / "out") == ["set.ome.tif"]
        np.testing.assert_array_equal(tiff.imread(tmp_path / "out" / "set.ome.tif"), pixels, strict=True)
