"""A scan on the command line: what comes out is a scan again."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from noise2detail.io import open_image
from tests.cli.running import LONG, n2d
from tests.dicom_material import SECRET, dataset
from tests.material import noisy_array

MEDIAN = ("--method", "median")


def scan(path: Path, **fields: Any) -> Path:
    pixels = (300 * noisy_array(32, 32)).astype(np.int16)
    pixels[:3] = -2000
    made = dataset(pixels, RescaleSlope="1", RescaleIntercept="-1024", SeriesInstanceUID="1.2.3", **fields)
    made.add_new("PixelPaddingValue", "SS", -2000)
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("name", "result"),
    [("a.dcm", "a_denoised.dcm"), ("b.IMA", "b_denoised.IMA"), ("1.2.840.7", "1.2.840.7_denoised.dcm")],
)
def test_one_file(tmp_path: Path, name: str, result: str) -> None:
    source = scan(tmp_path / name)
    said = n2d("denoise", source, *MEDIAN)
    assert said.exit_code == 0, said.output
    before, after = pydicom.dcmread(source), pydicom.dcmread(tmp_path / result)
    assert after.PatientName == SECRET
    assert "median" in after.DerivationDescription
    assert (after.pixel_array[:3] == -2000).all()
    assert (after.pixel_array[3:] != before.pixel_array[3:]).any()
    assert SECRET not in (tmp_path / f"{result}.n2d.json").read_text() + said.output


def test_a_folder_is_one_series(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("1.dcm", "2.dcm", "3"):
        scan(tmp_path / "in" / name)
    assert n2d("denoise", tmp_path / "in", "-o", tmp_path / "out", *MEDIAN).exit_code == 0
    found = [pydicom.dcmread(tmp_path / "out" / name) for name in ("1.dcm", "2.dcm", "3.dcm")]
    assert len({one.SeriesInstanceUID for one in found} - {"1.2.3"}) == 1
    assert len({one.SOPInstanceUID for one in found}) == 3


@pytest.mark.parametrize(("command", "name"), [("convert", "v.nii.gz"), ("denoise", "v.ome.tif")])
def test_a_folder_of_slices_is_one_volume_where_the_output_is_a_file(tmp_path: Path, command: str, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        place = {"ImagePositionPatient": [0, 0, 2.5 * number], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
        scan(folder / f"{number}.dcm", PixelSpacing=[0.5, 0.5], **place)
    said = n2d(command, folder, "-o" if command == "denoise" else tmp_path / name, *_rest(command, tmp_path / name))
    assert said.exit_code == 0, said.output
    image = open_image(tmp_path / name)
    assert (image.axes, image.array.shape) == ("ZYX", (3, 32, 32))
    assert image.pixel_size_um == pytest.approx({"X": 500, "Y": 500, "Z": 2500})
    again = n2d("convert", folder, tmp_path / "one.dcm")
    assert again.exit_code == 1
    assert "give a name without suffix" in again.stderr


def _rest(command: str, output: Path) -> tuple[str | Path, ...]:
    return (output, *MEDIAN) if command == "denoise" else ()


def test_another_type_is_refused_before_any_work(tmp_path: Path) -> None:
    said = n2d("denoise", scan(tmp_path / "a.dcm"), "--dtype", "float32", *LONG)
    assert said.exit_code == 1
    assert "DICOM keeps the pixel type of its source, int16, and cannot hold float32" in said.stderr
    assert ".tif or .npy" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.dcm"]


def test_a_picture_is_no_scan(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noisy_array(32, 32))
    said = n2d("denoise", tmp_path / "a.npy", "-o", tmp_path / "a.dcm", *LONG)
    assert said.exit_code == 1
    assert "did not come from a DICOM file" in said.stderr
