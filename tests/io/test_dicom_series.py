"""A folder of DICOM slices as one volume, or a refusal that says which slice is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from tests.dicom_material import SECRET, refused, write

from noise2detail.errors import UnreadableFileError
from noise2detail.io import open_image
from noise2detail.io.dicom_series import read_series

Real = Callable[[str], Path]


def series(folder: Path, changes: dict[int, dict[str, Any]] | None = None, count: int = 5) -> tuple[Path, Any]:
    folder.mkdir(exist_ok=True)
    uid = pydicom.uid.generate_uid()
    pixels = np.random.default_rng(0).integers(0, 1000, (count, 9, 8), dtype=np.uint16)
    for place in range(count):
        fields: dict[str, Any] = {
            "SeriesInstanceUID": uid,
            "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
            "ImagePositionPatient": [-2.5 * place, 7, 11],
            "PixelSpacing": [0.5, 0.25],
            "RescaleSlope": "1",
            "RescaleIntercept": str(-1000 - place),
        } | (changes or {}).get(place, {})
        write(folder / f"{(7 * place) % 5}.dcm", pixels[place], **fields)
    return folder, pixels


def test_series(tmp_path: Path) -> None:
    folder, pixels = series(tmp_path / "scan")
    (folder / "notes.txt").write_text("hello")
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    volume = read_series(folder)
    assert (volume.axes, volume.format) == ("ZYX", "dicom")
    assert volume.pixel_size_um == pytest.approx({"Y": 500.0, "X": 250.0, "Z": 2500.0})
    # Row times column direction is (-1, 0, 0): the slices lie along it in the order in which they were made.
    expected = pixels.astype("int16") - 1000 - np.arange(5, dtype="int16")[:, None, None]
    np.testing.assert_array_equal(volume.array, expected, strict=True)


def test_series_of_one_fractional_slope(tmp_path: Path) -> None:
    folder, pixels = series(tmp_path / "scan", {2: {"RescaleSlope": "0.5", "RescaleIntercept": "3"}})
    volume = read_series(folder)
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array[2], pixels[2] * np.float32(0.5) + 3)
    np.testing.assert_array_equal(volume.array[1], pixels[1].astype(int) - 1001)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({1: {"SeriesInstanceUID": "1.2.3"}}, "holds 2 series"),
        ({1: {"ImagePositionPatient": [-3.1, 7, 11]}}, "unevenly spaced: "),
        ({4: {"ImagePositionPatient": [-12.5, 7, 11]}}, "5 mm apart, usual are 2.5 mm"),
        ({1: {"ImagePositionPatient": [-5, 7, 11]}}, "in the same place"),
        ({1: {"ImagePositionPatient": None}}, "does not say where its slice lies"),
        ({1: {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}}, "parallel planes"),
        ({1: {"PixelSpacing": [0.5, 0.26]}}, "pixels of different size"),
        ({1: {"Rows": 8, "Columns": 9}}, "9x8 and 8x9 pixels"),
        ({1: {"NumberOfFrames": 2, "PixelData": bytes(288)}}, "expected one grey slice"),
    ],
    ids=["mixed", "uneven", "missing", "twice", "nowhere", "turned", "scale", "shape", "frames"],
)
def test_series_that_is_none(tmp_path: Path, changes: dict[int, dict[str, Any]], found: str) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        read_series(series(tmp_path / "scan", changes)[0])
    assert found in str(caught.value)
    assert caught.value.remedy
    assert SECRET not in str(caught.value)


def test_series_with_a_damaged_slice_or_without_any(tmp_path: Path) -> None:
    folder, _ = series(tmp_path / "scan")
    (folder / "3.dcm").write_bytes((folder / "3.dcm").read_bytes()[:-20])
    with pytest.raises(UnreadableFileError, match=r"3\.dcm"):
        read_series(folder)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no DICOM files", read=read_series)
    refused(tmp_path / "gone", "is no folder", read=read_series)


@pytest.mark.parametrize("content", [b"", b"half", bytes(131), None], ids=["empty", "few", "preamble", "link"])
def test_remains_of_a_slice_are_not_passed_over(tmp_path: Path, content: bytes | None) -> None:
    # The last slice was left out without a word: what is left of the volume is spaced evenly.
    folder, _ = series(tmp_path / "scan")
    (folder / "3.dcm").unlink()  # place 4 of 5
    assert read_series(folder).array.shape == (4, 9, 8)
    if content is None:
        (folder / "3.dcm").symlink_to(tmp_path / "gone")
    else:
        (folder / "3.dcm").write_bytes(content)
    refused(folder / "3.dcm", "is named like a slice", read=lambda path: read_series(path.parent))


def test_remains_of_a_slice_without_a_suffix(tmp_path: Path) -> None:
    folder, _ = series(tmp_path / "scan")
    for path in folder.iterdir():
        path.rename(path.with_suffix(""))
    (folder / "README").write_text("hello")
    assert read_series(folder).array.shape == (5, 9, 8)
    (folder / "3").write_bytes(b"")
    refused(folder / "3", "is named like a slice", read=lambda path: read_series(path.parent))


def test_series_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = series(tmp_path / "scan")

    def forbidden(*arguments: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    for method in ("open", "iterdir"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, forbidden)
            with pytest.raises(UnreadableFileError, match=r"\(Permission denied\); check its permissions"):
                open_image(folder)


def test_one_slice_is_a_series(tmp_path: Path) -> None:
    volume = read_series(series(tmp_path / "scan", count=1)[0])
    assert volume.array.shape == (1, 9, 8)
    assert set(volume.pixel_size_um) == {"Y", "X"}


@pytest.mark.parametrize(
    ("name", "shape", "depth"),
    [("formats/dicom_series/dicom", (17, 128, 88), 2000), ("ct_spleen", (17, 512, 512), 1600)],
)
def test_real_series(name: str, shape: tuple[int, ...], depth: float, real: Real) -> None:
    folder = real(name)
    volume = read_series(folder)
    assert volume.array.shape == shape
    assert volume.pixel_size_um["Z"] == pytest.approx(depth, rel=1e-4)
    slices = [pydicom.dcmread(path) for path in folder.iterdir()]
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    first = slices[0].pixel_array * float(slices[0].RescaleSlope) + float(slices[0].RescaleIntercept)
    np.testing.assert_array_equal(volume.array[0], first)


def test_real_series_with_uneven_steps(real: Real) -> None:
    refused(real("ct_head"), "unevenly spaced", read=read_series)
