"""``n2d denoise``: files in, files out."""

import json
from pathlib import Path

import numpy as np
import pytest

import noise2detail
from noise2detail.io import open_image
from tests.cli.running import QUICK, grey, left, n2d, records, write
from tests.material import noisy_array


def test_one_file_is_written_beside_the_input(tmp_path: Path) -> None:
    source = write(tmp_path / "cells.tif")
    before = source.read_bytes()
    result = n2d("denoise", source, *QUICK)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{source} -> {tmp_path / 'cells_denoised.tif'}  (")
    assert result.stderr == ""
    assert left(tmp_path) == ["cells.tif", "cells_denoised.tif", "cells_denoised.tif.n2d.json"]
    assert source.read_bytes() == before


def test_the_result_is_that_of_the_library(tmp_path: Path) -> None:
    pixels = grey(17, 31)
    source = write(tmp_path / "cells.tif", pixels)
    assert n2d("denoise", source, "-o", tmp_path / "out.tif", "--seed", "3", *QUICK).exit_code == 0
    method = noise2detail.plan(
        pixels, method="noise2detail"
    )  # the settings that the plan of the command must differ from in three places
    said = json.loads((tmp_path / "out.tif.n2d.json").read_text())["plan"]
    assert said["settings"]["stage1"]["steps"] == 2
    assert said["settings"]["width"] == 4
    assert said["settings"]["strides"] == list(method.settings["strides"])
    from noise2detail.settings import from_data

    run = noise2detail.Run(device="cpu", precision="float32")
    expected = noise2detail.denoise(pixels, method=from_data(said["settings"]), recipe="fast", seed=3, run=run)
    found = open_image(tmp_path / "out.tif")
    assert found.array.dtype == np.uint8
    np.testing.assert_array_equal(found.array, expected)
    assert not np.array_equal(found.array, pixels)


def test_json_has_the_keys_that_programs_read_first(tmp_path: Path) -> None:
    source, target = write(tmp_path / "cells.png"), tmp_path / "out.png"
    result = n2d("denoise", source, "-o", target, "--json", *QUICK)
    (record,) = records(result)
    assert list(record)[:7] == ["input", "output", "method", "recipe", "seconds_total", "seconds_denoise", "peak_mib"]
    assert (record["input"], record["output"]) == (str(source), str(target))
    assert (record["method"], record["recipe"], record["seed"]) == ("noise2detail", "fast", 0)
    assert (record["shape"], record["dtype"], record["axes"]) == ([24, 24], "uint8", "YX")
    assert 0 < record["seconds_denoise"] < record["seconds_total"]
    assert record["peak_mib"] > 50


def test_a_folder_keeps_its_names_and_lists_what_is_foreign(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "a" / "out"
    folder.mkdir()
    write(folder / "a.tif")
    write(folder / "b.png")
    (folder / "notes.txt").write_text("foreign")
    result = n2d("denoise", folder, "-o", out, "--json", *QUICK)
    assert result.exit_code == 0, result.output
    assert [Path(r["output"]).name for r in records(result)] == ["a.tif", "b.png"]
    assert f"skipped {folder / 'notes.txt'}: not named like an image" in result.stderr
    assert "2 done, 0 failed, 1 skipped" in result.stderr
    assert [name for name in left(out) if not name.endswith(".json")] == ["a.tif", "b.png"]


def test_seconds_of_several_files_add_up_to_the_run(tmp_path: Path) -> None:
    sources = [write(tmp_path / name) for name in ("a.tif", "b.tif")]
    first, second = records(n2d("denoise", *sources, "--json", *QUICK))
    assert second["seconds_total"] < first["seconds_total"]  # the first with the start of the process


def test_earlier_results_in_a_folder_are_no_inputs(tmp_path: Path) -> None:
    write(tmp_path / "a.tif")
    assert n2d("denoise", tmp_path, *QUICK).exit_code == 0
    again = n2d("denoise", tmp_path, "--overwrite", *QUICK)
    assert again.exit_code == 0, again.output
    assert "1 an earlier result of this program, such as a_denoised.tif" in again.stderr
    assert "a_denoised_denoised.tif" not in left(tmp_path)


def test_a_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    good, flat = write(tmp_path / "a.tif"), write(tmp_path / "b.tif", np.full((24, 24), 7, np.uint8))
    last = write(tmp_path / "c.tif")
    result = n2d("denoise", good, flat, last, "-o", tmp_path / "out", "--json", *QUICK)
    assert result.exit_code == 3
    assert f"error: {flat}: the image is constant: every pixel is 7" in result.stderr
    assert "2 done, 1 failed, 0 skipped" in result.stderr
    assert [r["output"] is None for r in records(result)] == [False, True, False]
    assert "constant" in records(result)[1]["error"]
    assert "b.tif" not in left(tmp_path / "out")
    assert {"a.tif", "c.tif"} <= set(left(tmp_path / "out"))


def test_an_absent_file_among_others_is_a_failure(tmp_path: Path) -> None:
    good = write(tmp_path / "a.tif")
    result = n2d("denoise", good, tmp_path / "no.tif", "-o", tmp_path / "out", *QUICK)
    assert result.exit_code == 3
    assert f"error: {tmp_path / 'no.tif'}: there is no such file" in result.stderr
    assert "a.tif" in left(tmp_path / "out")


def test_all_failed_is_1(tmp_path: Path) -> None:
    flat = [write(tmp_path / name, np.zeros((24, 24), np.uint8)) for name in ("a.tif", "b.tif")]
    result = n2d("denoise", *flat, *QUICK)
    assert result.exit_code == 1
    assert "0 done, 2 failed" in result.stderr
    assert left(tmp_path) == ["a.tif", "b.tif"]


def test_quiet_says_nothing(tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.tif"), "--quiet", *QUICK)
    assert (result.exit_code, result.output) == (0, "")


def test_quiet_still_says_what_went_wrong(tmp_path: Path) -> None:
    result = n2d("denoise", tmp_path / "no.tif", "--quiet")
    assert result.exit_code == 1
    assert "there is no such file" in result.stderr


def test_verbose_shows_the_plan(tmp_path: Path) -> None:
    result = n2d("denoise", write(tmp_path / "a.tif"), "-v", *QUICK)
    assert "method   noise2detail, recipe fast" in result.stderr
    assert "because  stage1.steps=2 was asked for" in result.stderr


def test_imitated_bfloat16_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noise2detail.cli.wishes.has_bfloat16", lambda device: False)
    monkeypatch.setattr("noise2detail.pipeline.precision.has_bfloat16", lambda device: False)
    result = n2d("denoise", write(tmp_path / "a.tif"), "--precision", "bfloat16", *QUICK)
    assert result.exit_code == 0, result.output
    assert "warning: bfloat16 was asked for; this hardware only imitates bfloat16" in result.stderr


def test_stages_are_saved_beside_the_result(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    plain = n2d("denoise", source, "-o", tmp_path / "plain.tif", *QUICK)
    result = n2d("denoise", source, "-o", tmp_path / "b.tif", "--stages", "--json", *QUICK)
    assert (plain.exit_code, result.exit_code) == (0, 0), result.output
    names = ["b_stage1.tif", "b_refined_stride2.tif", "b_refined_stride4.tif", "b_stage2.tif", "b_stage3.tif"]
    (record,) = records(result)
    assert [Path(path).name for path in record["stages"]] == names
    images = [np.asarray(open_image(tmp_path / name).array) for name in ["b.tif", *names]]
    assert len({image.tobytes() for image in images}) == 6
    np.testing.assert_array_equal(images[0], open_image(tmp_path / "plain.tif").array)


def test_a_stack_is_fitted_plane_by_plane_or_once(tmp_path: Path) -> None:
    source = write(tmp_path / "stack.npy", noisy_array(3, 16, 16))
    for fit in ("plane", "shared", "warm"):
        target = tmp_path / f"{fit}.npy"
        result = n2d("denoise", source, "-o", target, "--axes", "zyx", "--fit", fit, *QUICK)
        assert result.exit_code == 0, result.output
        said = json.loads((tmp_path / f"{fit}.npy.n2d.json").read_text())["plan"]
        assert (said["fit"], said["axes"], said["planes"]) == (fit, "ZYX", 3)
    assert not np.array_equal(np.load(tmp_path / "plane.npy"), np.load(tmp_path / "shared.npy"))


def test_channels_together_or_one_by_one(tmp_path: Path) -> None:
    source = write(tmp_path / "colour.npy", noisy_array(2, 16, 16))
    for mode in ("joint", "each"):
        result = n2d("denoise", source, "-o", tmp_path / f"{mode}.npy", "--axes", "CYX", "--channels", mode, *QUICK)
        assert result.exit_code == 0, result.output
    assert not np.array_equal(np.load(tmp_path / "joint.npy"), np.load(tmp_path / "each.npy"))


def test_what_was_done_is_written_beside_the_result(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    assert n2d("denoise", source, "--seed", "5", *QUICK).exit_code == 0
    said = json.loads((tmp_path / "a_denoised.tif.n2d.json").read_text())
    assert said["version"] == noise2detail.__version__
    assert said["input_name"] == "a.tif"
    assert len(said["input_sha256"]) == 64
    assert {"python", "torch", "numpy", "tifffile"} <= set(said["libraries"])
    assert said["plan"]["seed"] == 5
    assert said["plan"]["why"][-1] == "width=4 was asked for"
