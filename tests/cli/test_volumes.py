"""Volumes through the command: the same kind of file comes out, with everything that surrounds the pixels."""

import gzip
import struct
from pathlib import Path
from typing import Any

import mrcfile
import nibabel
import numpy as np
import pytest

from tests.cli.running import QUICK, left, n2d
from tests.material import noisy_array

nib: Any = nibabel
mrc: Any = mrcfile


def scan(path: Path, slope: float = 0.25, intercept: float = -10.0) -> Path:
    pixels = (noisy_array(16, 18) * 400).astype(np.int16).T
    affine = np.array([[0, -2.0, 0, 7], [1.5, 0, 0, -8], [0, 0, 3.0, 9], [0, 0, 0, 1]])
    image = nib.Nifti1Image(pixels, affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension(44, b"nobody knows"))
    content = bytearray(image.to_bytes())
    struct.pack_into("<ff", content, 112, slope, intercept)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz"])
def test_nifti(tmp_path: Path, name: str) -> None:
    source = scan(tmp_path / name)
    result = n2d("denoise", source, *QUICK)
    assert result.exit_code == 0, result.output
    assert "warning" not in result.stderr
    output = name.replace("scan", "scan_denoised")
    assert left(tmp_path) == sorted([name, output, f"{output}.n2d.json"])
    before, after = nib.load(source), nib.load(tmp_path / output)
    np.testing.assert_array_equal(after.affine, before.affine)
    assert after.dataobj.slope == before.dataobj.slope == 0.25
    assert after.get_data_dtype() == np.int16
    assert [one.get_code() for one in after.header.extensions] == [44, 6]
    assert b"Denoised with noise2detail" in bytes(after.header.extensions[1].get_content())
    assert not np.array_equal(after.get_fdata(), before.get_fdata())


def test_floats_are_not_scaled(tmp_path: Path) -> None:
    result = n2d("denoise", scan(tmp_path / "scan.nii"), "--dtype", "float32", *QUICK)
    assert result.exit_code == 0, result.output
    after = nib.load(tmp_path / "scan_denoised.nii")
    assert (after.get_data_dtype(), after.dataobj.slope, after.dataobj.inter) == (np.float32, 1.0, 0.0)
    values = after.get_fdata()
    assert not np.array_equal(values, np.rint(values * 4) / 4)


def test_a_fitted_denoiser_keeps_the_kind_of_file(tmp_path: Path) -> None:
    source = scan(tmp_path / "scan.nii")
    fitted = n2d("fit", source, "-o", tmp_path / "d.safetensors", *QUICK)
    assert fitted.exit_code == 0, fitted.output
    for more, kind in (((), np.int16), (("--dtype", "float32", "--overwrite"), np.float32)):
        result = n2d("apply", tmp_path / "d.safetensors", source, *more)
        assert result.exit_code == 0, result.output
        assert nib.load(tmp_path / "scan_denoised.nii").get_data_dtype() == kind


def test_mrc(tmp_path: Path) -> None:
    source = tmp_path / "tomo.mrc"
    with mrc.new(source) as file:
        file.set_data((noisy_array(16, 18) * 400).astype(np.int16))
        file.voxel_size = 3.5
        file.header.origin = (1.0, 2.0, 3.0)
    result = n2d("denoise", source, *QUICK)
    assert result.exit_code == 0, result.output
    output = tmp_path / "tomo_denoised.mrc"
    assert mrc.validate(output)
    with mrc.open(output) as file:
        assert int(file.header.mode) == 1
        assert file.voxel_size.tolist() == pytest.approx((3.5, 3.5, 3.5))
        assert file.header.origin.tolist() == (1.0, 2.0, 3.0)
        assert "Denoised with noise2detail" in file.get_labels()[1]


def test_what_no_volume_can_hold_is_refused_before_the_work(tmp_path: Path) -> None:
    source = scan(tmp_path / "scan.nii")
    result = n2d("denoise", source, "-o", tmp_path / "out.dv", *QUICK)
    assert result.exit_code == 1
    assert "only from DeltaVision files" in result.stderr
    assert left(tmp_path) == ["scan.nii"]
