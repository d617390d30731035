"""Patterns, folders of folders, and trees of scans: which images they mean, and where the results go."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from noise2detail.cli.jobs import plan_jobs
from noise2detail.errors import OutputExistsError
from noise2detail.io import find_images, open_image
from tests.cli.running import left, n2d, records, write
from tests.dicom_material import write as write_scan

MEDIAN = ("--method", "median")


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name)
    return folder


def outputs(inputs: list[Path], output: Path, **wishes: Any) -> list[str]:
    jobs = plan_jobs(inputs, str(output), overwrite=False, **wishes)
    return [job.output.relative_to(output).as_posix() for job in jobs.jobs]


def scan(folder: Path, *names: str, number: int = 1, steps: tuple[float, ...] = (), **fields: Any) -> Path:
    """Slices of one series."""
    folder.mkdir(parents=True, exist_ok=True)
    uid = pydicom.uid.generate_uid()
    pixels = np.random.default_rng(number).integers(0, 1000, (len(names), 16, 16), dtype=np.uint16)
    for place, name in enumerate(names):
        series: dict[str, Any] = {
            "SeriesInstanceUID": uid,
            "SeriesNumber": number,
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [0, 0, steps[place] if steps else 2.5 * place],
            "PixelSpacing": [0.5, 0.25],
        }
        write_scan(folder / name, pixels[place], **(series | fields))
    return folder


def every_file(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_results_keep_their_places(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", "x.tif", "a/x.tif", "b/x.tif", "b/c/x.tif", "cells.v1.tif", "cells.v2.tif")
    tree(root, "a.b.ome.tif", "a.ome.tif", ".hidden/x.tif")
    new = tmp_path / "new"
    assert outputs([root], new) == [
        *("a.b.ome.tif", "a.ome.tif", "cells.v1.tif", "cells.v2.tif", "x.tif"),
        *("a/x.tif", "b/x.tif", "b/c/x.tif"),
    ]
    assert outputs([root / "a", root / "b"], new) == ["a/x.tif", "b/x.tif", "b/c/x.tif"]
    assert outputs([root / "a" / "x.tif", root / "b" / "x.tif"], new) == ["a/x.tif", "b/x.tif"]
    assert outputs([root / "x.tif", root / "b"], new) == ["x.tif", "b/x.tif", "b/c/x.tif"]
    assert outputs([root / "b" / "c", root / "b" / "x.tif", root / "b"], new) == ["b/c/x.tif", "b/x.tif"]
    assert outputs([root], new, suffix=".npy")[0:4] == ["a.b.npy", "a.npy", "cells.v1.npy", "cells.v2.npy"]


def test_folders_are_made_as_they_are_needed_and_taken_back(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", "a/b/x.tif", "c/y.tif")
    tree(tmp_path / "new", "c/y.tif")
    with pytest.raises(OutputExistsError, match="is there already"):
        outputs([root], tmp_path / "new")
    assert left(tmp_path / "new") == ["c"]
    result = n2d("denoise", root, "-o", tmp_path / "new", "--overwrite", *MEDIAN)
    assert result.exit_code == 0, result.output
    assert [name for name in every_file(tmp_path / "new") if not name.endswith("json")] == ["a/b/x.tif", "c/y.tif"]


@pytest.mark.parametrize("command", ["denoise", "convert"])
def test_results_below_the_input_are_no_inputs(command: str, tmp_path: Path) -> None:
    root, out = tree(tmp_path / "in", "a.tif", "b/c.tif"), tmp_path / "in" / "out"
    arguments = ("-o", out, *MEDIAN) if command == "denoise" else (out,)
    for run in range(2):
        result = n2d(command, root, *arguments, *(("--overwrite",) if run else ()))
        assert result.exit_code == 0, result.output
        assert "2 done, 0 failed" in result.stderr
        assert [name for name in every_file(out) if not name.endswith("json")] == ["a.tif", "b/c.tif"]
    assert f"skipped {out}: the outputs go there" in result.stderr


def test_patterns_that_the_shell_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "cell10.tif", "cell2.tif", "b/c/cell1.tif", "d.png", "[x].tif")
    monkeypatch.chdir(tmp_path)

    def found(*typed: str) -> list[str]:
        return [job.source.as_posix() for job in plan_jobs(list(map(Path, typed)), "new", overwrite=False).jobs]

    assert found("cell*.tif") == ["cell2.tif", "cell10.tif"]
    assert found("**/cell*.tif", "d.*") == ["b/c/cell1.tif", "cell2.tif", "cell10.tif", "d.png"]
    assert found("[x].tif") == ["[x].tif"], "a file that is called so is meant itself"
    result = n2d("convert", "*.tif", "gone*.tif", "new", "--json")
    assert result.exit_code == 3
    assert "error: gone*.tif: no file fits this pattern; check the name and the folder" in result.stderr
    assert [record["input"] for record in records(result)] == ["gone*.tif", "[x].tif", "cell2.tif", "cell10.tif"]


def test_a_pattern_passes_over_earlier_results(tmp_path: Path) -> None:
    tree(tmp_path, "a.tif")
    for overwrite in ((), ("--overwrite",)):
        result = n2d("denoise", tmp_path / "*.tif", *overwrite, *MEDIAN)
        assert result.exit_code == 0, result.output
    assert "earlier result" in result.stderr
    again = n2d("denoise", tmp_path / "a_denoised.tif", *MEDIAN)
    assert again.exit_code == 0, "a result that is named is an input"


def test_a_folder_for_outputs_may_be_called_like_a_file(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", "a/x.tif", "b/x.tif")
    result = n2d("denoise", root, "--out-dir", tmp_path / "run.v2", *MEDIAN)
    assert result.exit_code == 0, result.output
    assert [name for name in every_file(tmp_path / "run.v2") if name.endswith("tif")] == ["a/x.tif", "b/x.tif"]
    alone = n2d("denoise", root / "a" / "x.tif", "--out-dir", tmp_path / "one.tif", *MEDIAN)
    assert alone.exit_code == 0, alone.output
    assert (tmp_path / "one.tif" / "x.tif").is_file()
    twice = n2d("denoise", root, "--out-dir", tmp_path / "c", "-o", tmp_path / "d", *MEDIAN)
    assert twice.exit_code == 2
    assert "both name the output" in twice.stderr


def test_what_is_no_image_is_counted_in_one_line(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", "a.tif", "deep/b.tif")
    for name in ("Thumbs.db", "deep/notes.txt", ".DS_Store", ".a.tif.1234.part", "a.tif.part", "deep/no.tif"):
        (root / name).write_text("foreign")
    result = n2d("convert", root, tmp_path / "out")
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("skipped")]
    assert line.startswith("skipped 6 files: 3 not named like an image (.tif, ")
    assert "2 hidden, such as " in line
    assert "1 named like an image, but its content is none, such as no.tif" in line
    assert result.stderr.splitlines()[-1] == "2 done, 0 failed, 6 skipped"


def test_circles_of_links_end(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", "a/x.tif", "z/y.tif")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "b").symlink_to(root / "z")
    (root / "a" / "same.tif").symlink_to(root / "a" / "x.tif")
    (root / "a" / "gone.tif").symlink_to(root / "nowhere.tif")
    other = tree(tmp_path / "elsewhere", "w.tif")
    (root / "b").symlink_to(other)
    found = find_images([root])
    assert [path.relative_to(root).as_posix() for path in found.images] == ["a/same.tif", "z/y.tif", "b/w.tif"]
    assert outputs([root], tmp_path / "new") == ["a/same.tif", "z/y.tif", "b/w.tif"]
    assert [path.name for path, _ in found.skipped] == ["gone.tif"]


def test_a_tree_of_scans(tmp_path: Path) -> None:
    root = tmp_path / "in"
    scan(root / "jane" / "1.2.840.1", "IM1", "IM2", "IM3")
    scan(root / "john" / "scan.v2", "1.dcm", "2.dcm")
    mixed = scan(root / "john" / "both", "a1", "a2", number=3)
    scan(mixed, "b1", "b2", "b3", number=4)
    scan(mixed, "alone", number=5)
    (root / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    report = pydicom.dcmread(mixed / "alone")
    for field in ("Rows", "Columns", "PixelData"):
        delattr(report, field)
    report.save_as(mixed / "report")
    result = n2d("denoise", root, "-o", tmp_path / "out", "--json", *MEDIAN)
    assert result.exit_code == 0, result.output
    assert len(records(result)) == 5
    assert [name for name in every_file(tmp_path / "out") if not name.endswith("json")] == [
        *("jane/1.2.840.1/IM1", "jane/1.2.840.1/IM2", "jane/1.2.840.1/IM3", "john/both/alone.dcm"),
        *("john/both/series_3/a1", "john/both/series_3/a2"),
        *("john/both/series_4/b1", "john/both/series_4/b2", "john/both/series_4/b3"),
        *("john/scan_v2/1.dcm", "john/scan_v2/2.dcm"),
    ]
    assert "1 an index of DICOM files, such as DICOMDIR" in result.stderr
    assert "a DICOM file without an image" in result.stderr
    uids = {
        str(pydicom.dcmread(path).SeriesInstanceUID)
        for path in (tmp_path / "out" / "john" / "both").rglob("*")
        if path.suffix != ".json" and path.is_file()
    }
    assert len(uids) == 3
    converted = n2d("convert", root, tmp_path / "nii", "--to", ".nii.gz", "--quiet")
    assert converted.exit_code == 0, converted.output
    assert every_file(tmp_path / "nii") == [
        *("jane/1.2.840.1.nii.gz", "john/both/alone.nii.gz"),
        *("john/both/series_3.nii.gz", "john/both/series_4.nii.gz", "john/scan.v2.nii.gz"),
    ]
    assert open_image(tmp_path / "nii" / "john" / "both" / "series_4.nii.gz").array.shape == (3, 16, 16)


def test_one_scan_is_a_folder_again(tmp_path: Path) -> None:
    root = scan(tmp_path / "in", "1", "2")
    names = ["1", "2"]
    assert n2d("denoise", root, "-o", tmp_path / "new", *MEDIAN).exit_code == 0
    assert every_file(tmp_path / "new") == names
    again = n2d("denoise", root, "-o", tmp_path / "new", *MEDIAN)
    assert (again.exit_code, "is a folder" in again.stderr) == (1, True)
    (tmp_path / "there").mkdir()
    assert n2d("denoise", root, "-o", tmp_path / "there", *MEDIAN).exit_code == 0
    assert every_file(tmp_path / "there" / "in") == names
    assert n2d("denoise", root, *MEDIAN).exit_code == 0
    assert every_file(tmp_path / "in_denoised") == names
    assert (tmp_path / "in_denoised.n2d.json").is_file()
    assert n2d("convert", root, tmp_path / "v.nii").exit_code == 0
    assert n2d("convert", tmp_path / "new", tmp_path / "again").exit_code == 0
    assert every_file(tmp_path / "again") == names


def test_an_earlier_scan_is_no_input(tmp_path: Path) -> None:
    scan(tmp_path / "in" / "scan", "1", "2")
    for overwrite in ((), ("--overwrite",)):
        result = n2d("denoise", tmp_path / "in", *overwrite, *MEDIAN)
        assert result.exit_code == 0, result.output
    assert left(tmp_path / "in") == ["scan", "scan_denoised", "scan_denoised.n2d.json"]


def test_slices_that_are_no_volume_are_images_of_their_own(tmp_path: Path) -> None:
    root = scan(tmp_path / "in", "1.dcm", "2.dcm", "3.dcm", "4.dcm", steps=(0, 1, 2, 7))
    result = n2d("convert", root, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert left(tmp_path / "out") == ["1.dcm", "2.dcm", "3.dcm", "4.dcm"]
    assert "4 slices of series_1 are images of their own: slices are missing or unevenly spaced" in result.stderr
    one = n2d("convert", root, tmp_path / "v.nii")
    assert one.exit_code == 1
    assert "unevenly spaced" in one.stderr


def test_plans_and_noise_of_a_folder(tmp_path: Path) -> None:
    root = tree(tmp_path / "in", "a.tif", "b/c.tif")
    (root / "b" / "bad.tif").write_bytes(b"II*\0" + bytes(9))
    for command in ("noise", "plan"):
        result = n2d(command, root, "--json", *(MEDIAN if command == "plan" else ()))
        assert result.exit_code == 3, result.output
        assert [Path(r["file"]).name for r in records(result) if "error" not in r] == ["a.tif", "c.tif"]
    assert n2d("plan", root, "-o", tmp_path / "p.json").exit_code == 2
    refused = n2d("noise", root / "*.tif", root / "b" / "c.tif", "--plot", tmp_path / "p.png")
    assert refused.exit_code == 2
    assert "--plot is for one image, and 2 are named; expected one" in refused.stderr
    assert left(tmp_path) == ["in"]
    assert n2d("plan", root / "*.tif", "-o", tmp_path / "p.json", *MEDIAN).exit_code == 0


def test_a_slice_of_which_nothing_is_left_is_not_passed_over(tmp_path: Path) -> None:
    folder = scan(tmp_path / "scan", "1.dcm", "2.dcm", "3.dcm")
    (folder / "0.dcm").touch()
    (folder / "notes.txt").write_text("left arm")
    result = n2d("convert", folder, tmp_path / "out")
    assert result.exit_code == 1
    assert "0.dcm: the header of this DICOM file cannot be read" in result.stderr
    assert "notes.txt" in result.stderr
    assert not list((tmp_path / "out").glob("*"))
