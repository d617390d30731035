"""A folder of slices comes back as a folder of slices, each with the fields of its own source."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.dicom_material import write
from tests.io.test_dicom_series import series
from tests.io.test_dicom_write import check_derived, uids

from noise2detail.errors import OutputExistsError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import find_images, open_image, save_image
from noise2detail.plans import Provenance

Real = Callable[[str], Path]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_slices_each_with_its_own_scale(tmp_path: Path, provenance: Provenance) -> None:
    folder, pixels = series(tmp_path / "scan", {2: {"RescaleSlope": "0.5", "RescaleIntercept": "3"}})
    (folder / "notes.txt").write_text("hello")
    image = open_image(folder)
    save_image(image, tmp_path / "result", source=folder, provenance=provenance)
    again = open_image(tmp_path / "result")
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == image.pixel_size_um
    assert names(tmp_path / "result") == [f"{number}.dcm" for number in range(5)]
    assert names(tmp_path) == ["result", "result.n2d.json", "scan"]
    for place in range(5):
        name = f"{(7 * place) % 5}.dcm"
        after = check_derived(folder / name, tmp_path / "result" / name)
        np.testing.assert_array_equal(after.pixel_array, pixels[place])
    found = [uids(path) for path in (tmp_path / "result").iterdir()]
    assert len({one for one, _ in found}) == 1
    assert len({one for _, one in found}) == 5


def test_values_of_a_volume_are_rounded_by_the_scale_of_their_slice(tmp_path: Path) -> None:
    changes = {0: {"RescaleSlope": "2"}, 1: {"RescaleSlope": "0.5"}}
    folder, _ = series(tmp_path / "scan", {k: v | {"RescaleIntercept": "-10"} for k, v in changes.items()}, count=2)
    image = open_image(folder)
    save_image(replace(image, array=np.full_like(image.array, 3.3)), tmp_path / "result")
    stored = [int(pydicom.dcmread(tmp_path / "result" / f"{number}.dcm").pixel_array[0, 0]) for number in (0, 2)]
    assert stored == [7, 27]  # 13.3 / 2 and 13.3 / 0.5
    np.testing.assert_allclose(open_image(tmp_path / "result").array[:, 0, 0], [4, 3.5])


def test_a_folder_is_one_volume_on_the_command_line(tmp_path: Path) -> None:
    folder, _ = series(tmp_path / "scan")
    (found,) = find_images([folder]).sources
    assert (found.path, len(found.parts), found.label) == (folder, 5, "")


def test_replacing_a_folder(tmp_path: Path) -> None:
    folder, _ = series(tmp_path / "scan")
    image = open_image(folder)
    result = save_image(image, tmp_path / "result")
    before = uids(result / "0.dcm")
    with pytest.raises(OutputExistsError, match="is a folder"):
        save_image(image, result)
    with pytest.raises(OutputExistsError, match="the input itself"):
        save_image(image, folder, source=folder, overwrite=True)
    save_image(image, result, overwrite=True)
    assert uids(result / "0.dcm") != before
    for place in (tmp_path, result):
        (result / "notes.txt").write_text("hello")
        with pytest.raises(UnwritableFileError, match="is no DICOM file; choose another folder"):
            save_image(image, place, overwrite=True)
    assert (result / "notes.txt").exists()
    assert names(tmp_path) == ["result", "scan"]


def test_a_volume_goes_into_no_file_and_a_file_into_no_folder(tmp_path: Path) -> None:
    folder, pixels = series(tmp_path / "scan")
    volume, single = open_image(folder), open_image(folder / "0.dcm")
    with pytest.raises(UnwritableFileError, match="the image is a series of slices; give a name without suffix"):
        save_image(volume, tmp_path / "w.dcm")
    for image in (single, Image(pixels, "ZYX")):
        with pytest.raises(UnwritableFileError, match=r"without suffix cannot be written; choose one of .*\.tif"):
            save_image(image, tmp_path / "result")
    with pytest.raises(UnwritableFileError, match="another axes"):
        save_image(open_image(folder, "TYX"), tmp_path / "result")
    save_image(volume, tmp_path / "w.tif")
    assert names(tmp_path) == ["scan", "w.tif"]


def test_failing_slices_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = open_image(series(tmp_path / "scan")[0])
    calls = []

    def full(self: pydicom.FileDataset, path: Path, **options: object) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        pydicom.dcmwrite(path, self, enforce_file_format=bool(options))

    monkeypatch.setattr("pydicom.dataset.FileDataset.save_as", full)
    with pytest.raises(UnwritableFileError, match="no space left"):
        save_image(image, tmp_path / "result")
    assert names(tmp_path) == ["scan"]


def test_smaller_values_are_no_loss_of_type(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pixels = np.array([[0, 60000], [5, 6]], np.uint16)
    image = open_image(write(tmp_path / "v.dcm", pixels, RescaleSlope="1", RescaleIntercept="-1024"))
    assert image.array.dtype == np.int32
    save_image(replace(image, array=np.asarray(image.array) // 4), tmp_path / "w.dcm")
    assert not caplog.text
    np.testing.assert_array_equal(open_image(tmp_path / "w.dcm").array, np.asarray(image.array) // 4)


@pytest.mark.parametrize("name", ["formats/dicom_series/dicom", "ct_spleen"])
def test_real_series(name: str, real: Real, tmp_path: Path) -> None:
    folder = real(name)
    image = open_image(folder)
    save_image(image, tmp_path / "result", source=folder)
    np.testing.assert_array_equal(open_image(tmp_path / "result").array, image.array, strict=True)
    assert names(tmp_path / "result") == names(folder)
    for path in sorted(folder.iterdir())[::8]:
        after = check_derived(path, tmp_path / "result" / path.name)
        np.testing.assert_array_equal(after.pixel_array, pydicom.dcmread(path).pixel_array)
