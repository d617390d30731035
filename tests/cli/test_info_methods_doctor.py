"""The commands that write nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from noise2detail.cli.file_facts import _one_line, _record
from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.registry import METHODS
from tests.cli.running import grey, left, n2d, records, write
from tests.material import noisy_array


def test_methods_lists_all_with_their_recipes() -> None:
    result = n2d("methods")
    assert result.exit_code == 0
    for name, entry in METHODS.items():
        (line,) = [line for line in result.stdout.splitlines() if line.split(" ")[0] == name]
        assert ", ".join(entry.recipes) in line
        assert str(entry.year) in line
        for said in (entry.title, entry.paper, entry.licence):
            assert said in result.stdout
    assert "auto (default)" in result.stdout


def test_methods_as_json() -> None:
    listed = json.loads(n2d("methods", "--json").stdout)
    assert [m["method"] for m in listed] == list(METHODS)
    assert [m["method"] for m in listed if m["default"]] == ["auto"]
    assert listed[0]["recipes"][0] == "standard"
    assert all(m["seconds"] <= 60 and m["paper"] and m["licence"] for m in listed)


def test_info_shows_facts_and_what_denoising_takes(tmp_path: Path) -> None:
    source = write(tmp_path / "stack.npy", noisy_array(3, 16, 20))
    result = n2d("info", source, "--axes", "TYX", "--recipe", "best", "--device", "cpu")
    assert result.exit_code == 0, result.output
    for said in ("T 3 x Y 16 x X 20", "float32", "stack_denoised.npy", "n2d denoise would take about", "recipe best"):
        assert said in result.stdout
    assert left(tmp_path) == ["stack.npy"]


def test_info_as_json_is_everything_known(tmp_path: Path) -> None:
    scale = {"X": 0.25, "Y": 0.25, "Z": 1.5}
    image = Image(grey(2, 3, 2, 16, 20), "TZCYX", scale, 2.0, ("red", "DAPI \u00b5"))
    source = save_image(image, tmp_path / "a.ome.tif")
    (record,) = records(n2d("info", source, "--json", "--device", "cpu"))
    denoising = record.pop("denoising")
    assert record == {
        "file": str(source),
        "bytes_on_disk": source.stat().st_size,
        "bytes_in_memory": 3840,
        "format": "ome-tiff",
        "axes": "TZCYX",
        "shape": [2, 3, 2, 16, 20],
        "size": {"T": 2, "Z": 3, "C": 2, "Y": 16, "X": 20},
        "dtype": "uint8",
        "pixel_size_um": scale,
        "time_increment": 2.0,
        "channel_names": ["red", "DAPI \u00b5"],
        "compression": "none",
        "byte_order": "little-endian",
        "details": {},
        "not_carried_over": [],
        "default_output": "a_denoised.ome.tif",
        "default_format": "ome",
        "refusal": None,
    }
    assert (denoising["method"], denoising["recipe"], denoising["device"]) == ("auto", "standard", "cpu")
    assert denoising["expected_seconds"] > 0
    assert denoising["expected_mib"] > 0


def test_info_does_not_measure_the_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("looked")

    monkeypatch.setattr("noise2detail.pipeline.deciding.look", fail)
    assert n2d("info", write(tmp_path / "a.tif")).exit_code == 0


def test_info_of_several_goes_on_where_one_fails(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    good, bad = write(tmp_path / "folder" / "a.tif"), write(tmp_path / "b.png")
    bad.write_bytes(bad.read_bytes()[:50])
    (tmp_path / "folder" / "notes.txt").write_text("foreign")
    result = n2d("info", bad, tmp_path / "folder", tmp_path / "gone.tif", "--json")
    assert result.exit_code == 3
    assert [record["file"] for record in records(result)] == [str(tmp_path / "gone.tif"), str(bad), str(good)]
    assert ["error" in record for record in records(result)] == [True, True, False]
    assert "notes.txt: not named like an image" in result.stderr
    assert n2d("info", bad, tmp_path / "gone.tif").exit_code == 1
    assert n2d("info", tmp_path / "folder").stdout.count("ImageJ TIFF") == 1


def test_info_says_what_a_result_would_lack(tmp_path: Path) -> None:
    source = save_image(Image(grey(3, 16, 20), "ZYX", {"X": 0.5, "Y": 0.5}), tmp_path / "a.tif").rename(
        tmp_path / "a.lsm"
    )
    (record,) = records(n2d("info", source, "--json"))
    assert record["not_carried_over"] == ["tags, lookup tables and notes of the original TIFF"]
    assert record["default_format"] == "ome"
    assert "not in a .tif  tags, lookup tables" in n2d("info", source).stdout


def test_what_a_file_says_is_plain_text(tmp_path: Path) -> None:
    names = ('"}\x1b[31m\n', "\u202e\x00")
    image = Image(grey(2, 16, 20), "CYX", {"X": np.inf, "Y": 1.0}, channel_names=names)
    record = _record(image, ())
    assert record["channel_names"] == list(names)
    assert record["pixel_size_um"] == {"X": None, "Y": 1.0}
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert _one_line("".join(names)) == '"}\ufffd[31m\ufffd\ufffd\ufffd'


def test_info_says_what_would_be_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.full((16, 16), 9, np.uint8))
    result = n2d("info", source)
    assert result.exit_code == 0
    assert "n2d denoise would refuse it: the image is constant: every pixel is 9" in result.stdout
    (record,) = records(n2d("info", source, "--json"))
    assert record["denoising"] is None
    assert "constant" in record["refusal"]


def test_info_about_nothing(tmp_path: Path) -> None:
    result = n2d("info", tmp_path / "no.tif")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: {tmp_path / 'no.tif'}: there is no such file" in result.stderr


def test_doctor_names_everything_that_decides(cache: Path) -> None:
    result = n2d("doctor", "--device", "cpu")
    assert result.exit_code == 0, result.output
    labels = [line.split()[0] for line in result.stdout.splitlines()]
    for label in ("noise2detail", "python", "torch", "numpy", "tifffile", "imagecodecs", "system", "cores", "cpu",
                  "GPU", "device", "512x512", "cache"):  # fmt: skip
        assert label in labels
    assert str(cache) in result.stdout


def test_doctor_measures_anew_and_forecasts_every_recipe(cache: Path) -> None:
    facts = json.loads(n2d("doctor", "--device", "cpu", "--json").stdout)
    for name, entry in METHODS.items():
        for recipe in entry.recipes:
            cost = entry.method.recipe(recipe).cost(1, 512, 512).total
            assert facts["expected_seconds_512"][name][recipe] == round(cost / 1e6, 1)
    (found,) = facts["devices"]
    assert (found["float32_megapixels_per_second"], found["bfloat16_megapixels_per_second"]) == (1.0, None)
    assert facts["cache"] == str(cache / "machine.json")
    assert "abacus" in (cache / "machine.json").read_text()
