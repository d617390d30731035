"""The commands that write nothing."""

import json
from pathlib import Path

import numpy as np

from noise2detail.registry import METHODS
from tests.cli.running import left, n2d, records, write
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


def test_info_shows_facts_and_plan(tmp_path: Path) -> None:
    source = write(tmp_path / "stack.npy", noisy_array(3, 16, 20))
    result = n2d("info", source, "--axes", "TYX", "--recipe", "best", "--device", "cpu")
    assert result.exit_code == 0, result.output
    for said in ("T 3 x Y 16 x X 20", "float32", "n2d denoise would do this:", "recipe best", "3 planes", "expect"):
        assert said in result.stdout
    assert left(tmp_path) == ["stack.npy"]


def test_info_as_json(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    (record,) = records(n2d("info", source, "--json", "--device", "cpu"))
    facts = [record[key] for key in ("format", "axes", "shape", "dtype")]
    assert facts == ["imagej-tiff", "YX", [24, 24], "uint8"]
    assert record["megabytes"] > 0
    assert record["plan"]["expected_seconds"] > 0
    assert record["refusal"] is None


def test_info_says_what_would_be_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.full((16, 16), 9, np.uint8))
    result = n2d("info", source)
    assert result.exit_code == 0
    assert "n2d denoise would refuse it: the image is constant: every pixel is 9" in result.stdout
    (record,) = records(n2d("info", source, "--json"))
    assert record["plan"] is None
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
