"""Where voxels lie, from DICOM to NIfTI, against nibabel, SimpleITK and the positions of corners."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.running import n2d
from tests.dicom_material import write

from noise2detail.io import open_image, save_image
from noise2detail.io.placement import PLACEMENT_KEY, quaternion

Real = Callable[[str], Path]
nib: Any = nibabel
ANGLE = np.deg2rad(18.5)
TILTED = (1.0, 0.0, 0.0, 0.0, float(np.cos(ANGLE)), -float(np.sin(ANGLE)))
OBLIQUE = tuple(np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0][:, :2].T.ravel().tolist())


def slices(
    folder: Path,
    orientation: Sequence[float],
    step: Sequence[float],
    count: int = 4,
    first: Sequence[float] = (-9, 5, 7),
) -> Path:
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 4000, (count, 12, 10), dtype=np.int16)
    for place in range(count):
        fields: dict[str, Any] = {
            "SeriesInstanceUID": "1.2.3",
            "ImageOrientationPatient": [f"{number:.10f}" for number in orientation],
            "ImagePositionPatient": [f"{a + place * b:.8f}" for a, b in zip(first, step, strict=True)],
            "PixelSpacing": [0.5, 0.25],
            "Modality": "MR",
        }
        write(folder / f"{(3 * place) % 7}.dcm", pixels[place], **fields)
    return folder


def corner(path: Path, row: int, column: int) -> Any:
    """Millimetres right, anterior and superior of a pixel: equation C.7.6.2.1-1 of the DICOM standard."""
    fields = pydicom.dcmread(path)
    directions = np.array(fields.ImageOrientationPatient, float).reshape(2, 3)
    down, across = map(float, fields.PixelSpacing)
    lps = np.array(fields.ImagePositionPatient, float) + directions[0] * across * column + directions[1] * down * row
    return lps * [-1, -1, 1]


def check_corners(folder: Path, nifti: Path) -> Any:
    """Every corner of every slice lies where its own header says, and holds the same value."""
    found: Any = nib.load(nifti)
    values = np.asarray(found.dataobj)
    files = {path: pydicom.dcmread(path) for path in folder.iterdir()}
    for path, fields in files.items():
        stored = fields.pixel_array * float(fields.get("RescaleSlope", 1)) + float(fields.get("RescaleIntercept", 0))
        (place,) = (z for z in range(values.shape[2]) if np.array_equal(values[:, :, z].T, stored))
        for row, column in ((0, 0), (0, stored.shape[1] - 1), (stored.shape[0] - 1, 0), (5, 7)):
            voxel = nib.affines.apply_affine(found.affine, [column, row, place])
            np.testing.assert_allclose(voxel, corner(path, row, column), atol=2e-3)
    return found


@pytest.mark.parametrize(
    ("orientation", "step"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 2.5)),
        ((1, 0, 0, 0, 1, 0), (0, 0, -2.5)),
        ((0, 1, 0, 0, 0, -1), (2, 0, 0)),
        (OBLIQUE, tuple(3 * np.cross(OBLIQUE[:3], OBLIQUE[3:]))),
    ],
    ids=["axial", "downwards", "sagittal", "oblique"],
)
@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_slices(name: str, orientation: Sequence[float], step: Sequence[float], tmp_path: Path) -> None:
    folder = slices(tmp_path / "in", orientation, step)
    result = n2d("convert", folder, tmp_path / name)
    assert result.exit_code == 0, result.output
    assert "not carried over: fields of the DICOM header beyond position and orientation" in result.stderr
    assert "tilt" not in result.stderr
    found = check_corners(folder, tmp_path / name)
    assert found.header.get_sform(coded=True)[1] == found.header.get_qform(coded=True)[1] == 1
    np.testing.assert_allclose(found.header.get_qform(), found.affine, atol=1e-4)
    np.testing.assert_allclose(found.header.get_zooms(), [0.25, 0.5, float(np.linalg.norm(step))], rtol=1e-5)
    assert open_image(tmp_path / name).pixel_size_um == pytest.approx(open_image(folder).pixel_size_um, rel=1e-5)


def test_a_tilted_gantry(tmp_path: Path) -> None:
    folder = slices(tmp_path / "in", TILTED, (0, 0, 4.22))
    result = n2d("convert", folder, tmp_path / "v.nii")
    assert result.exit_code == 0, result.output
    assert "18.5 degrees off their normal, as by a tilted gantry" in result.stderr
    found = check_corners(folder, tmp_path / "v.nii")
    assert found.header.get_qform(coded=True) == (None, 0), "a rotation cannot say a shear"
    assert found.header.get_sform(coded=True)[1] == 1
    assert found.header.get_zooms()[2] == pytest.approx(4.22 * np.cos(ANGLE), rel=1e-5)
    for name in ("v.ome.tif", "v.ome.zarr"):
        flat = n2d("convert", folder, tmp_path / name)
        assert "orientation, the shift of slices by a tilt of 18.5 degrees and other fields" in flat.stderr
        expected = {"X": 250, "Y": 500, "Z": 4220 * np.cos(ANGLE)}
        assert open_image(tmp_path / name).pixel_size_um == pytest.approx(expected, rel=1e-6)


def test_large_volumes_have_another_header(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    place: dict[str, Any] = {"ImageOrientationPatient": list(OBLIQUE), "ImagePositionPatient": [1, 2, 3]}
    path = write(folder / "a.dcm", np.zeros((8, 2**15), np.uint8), PixelSpacing=[0.5, 0.25], **place)
    image = open_image(path)
    save_image(image, tmp_path / "v.nii")
    found: Any = nib.load(tmp_path / "v.nii")
    assert found.header["sizeof_hdr"] == 540
    np.testing.assert_allclose(
        nib.affines.apply_affine(found.affine, [32000, 5, 0]), corner(path, 5, 32000), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(found.header.get_qform(), found.affine, atol=1e-6)


def test_fine_pixels_are_in_micrometres_everywhere(tmp_path: Path) -> None:
    place: dict[str, Any] = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [1, 2, 3]}
    path = write(tmp_path / "a.dcm", np.eye(9, dtype=np.uint8), PixelSpacing=[0.002, 0.001], **place)
    save_image(open_image(path), tmp_path / "v.nii")
    found: Any = nib.load(tmp_path / "v.nii")
    assert found.header.get_xyzt_units()[0] == "micron"
    np.testing.assert_allclose(np.diag(found.affine)[:2], [-1, -2], rtol=1e-6)
    np.testing.assert_allclose(found.affine[:3, 3], [-1000, -2000, 3000], rtol=1e-6)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ImagePositionPatient": [0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0], "ImagePositionPatient": [0, 0, 0]},
        {"ImageOrientationPatient": [1e30, 0, 0, 0, 1e30, 0], "ImagePositionPatient": [0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [1e300, 0, 0]},
    ],
    ids=["nothing", "position", "parallel", "long", "far"],
)
def test_places_that_make_no_sense_are_none(fields: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", np.eye(9, dtype=np.uint8), PixelSpacing=[1, 1], **fields)
    assert PLACEMENT_KEY not in open_image(path).metadata
    said = n2d("convert", path, tmp_path / "v.nii")
    assert "not carried over: position, orientation and other fields" in said.stderr
    found: Any = nib.load(tmp_path / "v.nii")
    assert found.header["sform_code"] == found.header["qform_code"] == 0


def test_slices_beside_the_line_have_no_affine(tmp_path: Path) -> None:
    folder = slices(tmp_path / "in", (1, 0, 0, 0, 1, 0), (0, 0, 2))
    fields = pydicom.dcmread(folder / "3.dcm")
    fields.ImagePositionPatient[0] += 1
    fields.save_as(folder / "3.dcm")
    assert "not carried over: position, orientation and" in n2d("convert", folder, tmp_path / "v.nii").stderr


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_rotations(numbers: list[float], mirrored: bool) -> None:
    turn = nib.quaternions.quat2mat(np.array(numbers) / np.linalg.norm(numbers)) @ np.diag(
        [1, 1, -1.0 if mirrored else 1]
    )
    found = quaternion(turn * [0.5, 2.0, 3.0])
    assert found is not None
    sign, (b, c, d) = found
    again = nib.quaternions.quat2mat(nib.quaternions.fillpositive(np.array([b, c, d]), -1e-6))
    np.testing.assert_allclose(again @ np.diag([1, 1, sign]), turn, atol=2e-4)


@pytest.mark.parametrize("name", ["ct_spleen", "formats/dicom_series/dicom"])
def test_real_series(name: str, real: Real, tmp_path: Path) -> None:
    folder = real(name)
    save_image(open_image(folder), tmp_path / "v.nii")
    found = check_corners(folder, tmp_path / "v.nii")
    itk = pytest.importorskip("SimpleITK")
    reader = itk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    volume, ours = reader.Execute(), itk.ReadImage(str(tmp_path / "v.nii"))
    for method in ("GetOrigin", "GetDirection", "GetSpacing", "GetSize"):
        np.testing.assert_allclose(getattr(ours, method)(), getattr(volume, method)(), atol=1e-3)
    np.testing.assert_array_equal(itk.GetArrayFromImage(ours), itk.GetArrayFromImage(volume))
    assert found.header.get_qform(coded=True)[1] == 1


def test_a_real_tilted_head(real: Real, tmp_path: Path) -> None:
    folder = tmp_path / "even"
    folder.mkdir()
    for number in range(5, 12):
        (folder / f"{number}.dcm").write_bytes((real("ct_head") / f"{number:02}.dcm").read_bytes())
    result = n2d("convert", folder, tmp_path / "v.nii")
    assert result.exit_code == 0, result.output
    assert "18.5 degrees off their normal" in result.stderr
    check_corners(folder, tmp_path / "v.nii")
