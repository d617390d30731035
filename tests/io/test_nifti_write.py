"""NIfTI files written: what comes back is the original, byte for byte, but for what was changed; nibabel agrees."""

import gzip
import logging
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import nibabel
import numpy as np
import pytest

from noise2detail.errors import UnwritableFileError
from noise2detail.io import default_output, open_image, save_image
from noise2detail.io.wish import wishing
from noise2detail.plans import Provenance

nib: Any = nibabel

Noise = Callable[..., Any]
Real = Callable[[str], Path]

REAL = [
    *("anatomical.nii", "example4d.nii.gz", "example_ct.nii.gz", "example_mr_sm.nii.gz", "example_nifti2.nii.gz"),
    *("functional.nii", "reoriented_anat_moved.nii", "resampled_anat_moved.nii", "standard.nii.gz"),
]
KINDS = {"one": nib.Nifti1Image, "two": nib.Nifti2Image}
AFFINE = np.array([[0, -2.0, 0.1, 7], [1.5, 0, 0, -8], [0, 0.2, 3.0, 9], [0, 0, 0, 1]])


def scan(path: Path, pixels: Any, kind: Any = nib.Nifti1Image, order: str = "<") -> Path:
    """A file in which every field of the header that may be set is set."""
    header = kind.header_class(endianness=order)
    header.set_data_dtype(pixels.dtype)
    image = kind(pixels, AFFINE, header)
    image.set_qform(AFFINE, 1)
    image.set_sform(AFFINE, 4)
    image.header.set_zooms((1.5, 2.0, 3.0, 0.5, 1.0)[: pixels.ndim])
    image.header.set_xyzt_units("mm", "msec")
    image.header.set_dim_info(1, 0, 2)
    image.header.set_intent("t test", (5.0,), "made up")
    for name, value in {
        "descrip": b"MADE UP",
        "aux_file": b"a.txt",
        "cal_min": -5,
        "cal_max": 99,
        "toffset": 4,
    }.items():
        image.header[name] = value
    for code, content in ((6, b"a comment"), (44, b"nobody knows"), (4, b"<xml/>" * 9)):
        image.header.extensions.append(nib.nifti1.Nifti1Extension(code, content))
    nib.save(image, path)
    return path


def rescaled(path: Path, slope: float, intercept: float, order: str = "<") -> Path:
    content = bytearray(path.read_bytes())
    two = struct.unpack_from(f"{order}i", content)[0] == 540
    struct.pack_into(f"{order}dd" if two else f"{order}ff", content, 176 if two else 112, slope, intercept)
    path.write_bytes(content)
    return path


def content_of(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def header_of(path: Path) -> dict[str, Any]:
    header = nib.load(path).header
    # nibabel hides what it applies itself, so these are read where they stand.
    place, form = (176, "dd") if header["sizeof_hdr"] == 540 else (112, "ff")
    scale = struct.unpack_from(f"{header.endianness}{form}", content_of(path), place)
    return {name: header[name].tolist() for name in header} | {"scale": scale, "endianness": header.endianness}


def back(path: Path, **changes: Any) -> Path:
    """The file that is made of the image in a file."""
    return save_image(replace(open_image(path), **changes), default_output(path), source=path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_comes_back(tmp_path: Path, noise: Noise, kind: str, dtype: str, order: str) -> None:
    name = "v.nii" if kind == "one" else "v.nii.gz"
    path = scan(tmp_path / name, noise((9, 8, 3, 2), np.dtype(dtype).name), KINDS[kind], order)
    output = back(path)
    assert output.name == f"v_denoised{name[1:]}"
    assert content_of(output) == content_of(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4"])
@pytest.mark.parametrize(("slope", "intercept"), [(0.25, -7.5), (-1.0, 100.0), (1.7e-3, -1024.0), (3e4, 0.1)])
def test_scaled_integers_come_back(
    tmp_path: Path, noise: Noise, kind: str, order: str, dtype: str, slope: float, intercept: float
) -> None:
    path = scan(tmp_path / "v.nii", noise((9, 8, 3), np.dtype(dtype).name), KINDS[kind], order)
    rescaled(path, slope, intercept, order)
    assert content_of(back(path)) == content_of(path)


@hypothesis.given(
    slope=st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6),
    intercept=st.floats(-1e9, 1e9),
    values=st.lists(st.floats(-1e9, 1e9, width=32), min_size=4, max_size=4),
    dtype=st.sampled_from(["u1", "i2", "u2", "i4", "i8", "u8"]),
)
def test_any_scale_and_any_value(
    tmp_path_factory: pytest.TempPathFactory, slope: float, intercept: float, values: list[float], dtype: str
) -> None:
    path = rescaled(
        scan(tmp_path_factory.mktemp("any") / "v.nii", np.ones((2, 2), dtype), nib.Nifti2Image), slope, intercept
    )
    image = open_image(path)
    hypothesis.assume(image.array.dtype.kind == "f")
    pixels = np.reshape(np.array(values, image.array.dtype), (2, 2))
    output = back(path, array=pixels)  # is verified by itself
    limits = np.iinfo(dtype)
    ends = sorted((slope * float(limits.min) + intercept, slope * float(limits.max) + intercept))
    wanted = np.clip(pixels.astype(np.float64), ends[0], ends[1])
    step = abs(slope) * 0.51 + np.spacing(np.float32(np.abs(wanted).max() + abs(intercept))) * 2
    assert np.abs(open_image(output).array - wanted).max() <= step
    assert repr(header_of(output)) == repr(header_of(path))


def test_rounding_and_clipping(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    path = rescaled(scan(tmp_path / "v.nii", noise((4, 2), "uint8")), 0.5, -10.0)
    values = np.array([[-11, -10, -9.75, -9.25], [-8.75, 117.5, 117.75, 400]], np.float32)
    output = back(path, array=values)
    stored = np.asarray(nib.load(output).dataobj.get_unscaled()).T
    assert stored.tolist() == [[0, 0, 0, 2], [2, 255, 255, 255]], "half to even, and no further than the type"
    assert "25.00% of the pixels do not fit into the original's scaled uint8" in caplog.text
    np.testing.assert_array_equal(nib.load(output).get_fdata().T, open_image(output).array)


def test_floats_that_were_asked_for(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    path = rescaled(scan(tmp_path / "v.nii", noise((9, 8, 3), "int16"), order=">"), 0.25, -7.5, ">")
    image = wishing(open_image(path), np.dtype("float32"))
    values = np.asarray(image.array) + np.float32(0.1)
    output = save_image(replace(image, array=values), tmp_path / "out.nii")
    np.testing.assert_array_equal(np.asarray(nib.load(output).dataobj).T, values)
    before, after = header_of(path), header_of(output)
    changed = {name for name in before if repr(before[name]) != repr(after[name])}
    assert changed == {"datatype", "bitpix", "scale"}
    assert (after["datatype"], after["bitpix"], after["scale"]) == (16, 32, (1.0, 0.0))
    assert not caplog.text


@pytest.mark.parametrize("wished", ["int16", "uint8", "float64"])
def test_other_types_that_were_asked_for(tmp_path: Path, noise: Noise, wished: str) -> None:
    path = rescaled(scan(tmp_path / "v.nii", noise((9, 8, 3), "int16")), 0.25, -7.5)
    image = wishing(open_image(path), np.dtype(wished))
    values = noise((3, 8, 9), wished)
    output = save_image(replace(image, array=values), tmp_path / "out.nii")
    np.testing.assert_array_equal(np.asarray(nib.load(output).dataobj).T, values)
    assert nib.load(output).header.get_data_dtype() == wished


def test_what_scaled_integers_cannot_hold(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    path = rescaled(scan(tmp_path / "v.nii", noise((9, 8), "int16")), 0.25, -7.5)
    values = np.array(open_image(path).array)
    values[2, 3:5] = np.nan, -np.inf
    output = back(path, array=values)
    np.testing.assert_array_equal(np.asarray(nib.load(output).dataobj).T, values)
    assert "scaled int16 cannot hold this; it is float32" in caplog.text


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scaled_floats_become_plain(tmp_path: Path, noise: Noise, dtype: str) -> None:
    path = rescaled(scan(tmp_path / "v.nii", noise((9, 8), np.dtype(dtype).name)), 3.7, 0.3)
    output = back(path)
    np.testing.assert_array_equal(np.asarray(nib.load(output).dataobj).T, open_image(path).array, strict=True)
    assert header_of(output)["scale"] == (1.0, 0.0)


def test_not_a_number_comes_back(tmp_path: Path) -> None:
    odd = np.array([0x7FC00001, 0xFF800000, 0x7F800000, 0x3F800000], np.uint32).view(np.float32).reshape(2, 2)
    path = scan(tmp_path / "v.nii", odd, order=">")
    assert content_of(back(path)) == content_of(path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", KINDS)
def test_note_is_one_more_extension(
    tmp_path: Path, noise: Noise, kind: str, order: str, provenance: Provenance
) -> None:
    path = scan(tmp_path / "v.nii.gz", noise((9, 8, 3), "int16"), KINDS[kind], order)
    output = save_image(open_image(path), tmp_path / "out.nii.gz", provenance=provenance)
    before, after = nib.load(path), nib.load(output)
    kept = [(one.get_code(), one.get_content()) for one in before.header.extensions]
    now = [(one.get_code(), one.get_content()) for one in after.header.extensions]
    assert now[:-1] == kept
    assert now[-1][0] == 6
    assert b"Denoised with noise2detail 0.1.0: method noise2detail, recipe fast, seed 7" in bytes(now[-1][1])
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj))
    one, other = header_of(path), header_of(output)
    assert {name for name in one if repr(one[name]) != repr(other[name])} == set()
    np.testing.assert_array_equal(open_image(output).array, open_image(path).array)


def test_note_where_there_are_none(tmp_path: Path, noise: Noise, provenance: Provenance) -> None:
    nib.save(nib.Nifti1Image(noise((9, 8, 3), "int16"), AFFINE), tmp_path / "v.nii")
    output = save_image(open_image(tmp_path / "v.nii"), tmp_path / "out.nii", provenance=provenance)
    assert [one.get_code() for one in nib.load(output).header.extensions] == [6]


def test_bytes_that_follow_no_standard_stay(tmp_path: Path, noise: Noise, provenance: Provenance) -> None:
    nib.save(nib.Nifti1Image(noise((9, 8, 3), "int16"), AFFINE), tmp_path / "v.nii")
    whole = (tmp_path / "v.nii").read_bytes()
    content = bytearray(whole[:348] + b"\1\0\0\0" + b"\7" * 44 + whole[352:])
    struct.pack_into("<f", content, 108, 396.0)
    (tmp_path / "v.nii").write_bytes(content)
    image = open_image(tmp_path / "v.nii")
    assert save_image(image, tmp_path / "out.nii", provenance=provenance).read_bytes() == content


@pytest.mark.parametrize(("suffix", "kind"), [(".hdr", nib.Nifti1Pair), (".img", nib.Nifti2Pair)])
def test_pair_becomes_one_file(
    tmp_path: Path, noise: Noise, suffix: str, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = scan(tmp_path / "v.hdr", noise((9, 8, 3), "int16"), kind, ">").with_suffix(suffix)
    output = back(path)
    assert output.name == "v_denoised.nii"
    assert "two files before, become one" in caplog.text
    before, after = nib.load(path), nib.load(output)
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj))
    assert [one.get_content() for one in after.header.extensions] == [
        one.get_content() for one in before.header.extensions
    ]
    differ = {name for name in before.header if repr(before.header[name]) != repr(after.header[name])}
    assert differ == {"magic"}, "nibabel hides the place of the pixels"


def test_analyze_becomes_nifti(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    pixels = noise((9, 8, 3), "int16")
    nib.save(nib.AnalyzeImage(pixels, np.diag([2.0, 3, 4, 1])), tmp_path / "v.hdr")
    output = back(tmp_path / "v.hdr")
    after = nib.load(output)
    np.testing.assert_array_equal(np.asarray(after.dataobj), pixels)
    assert after.header.get_zooms() == (2, 3, 4)
    assert "position, orientation and other fields" in caplog.text


@pytest.mark.parametrize("samples", [3, 4])
def test_colours_and_transparency_come_back(tmp_path: Path, noise: Noise, samples: int) -> None:
    kind = np.dtype([(name, "u1") for name in "RGBA"[:samples]])
    path = scan(tmp_path / "v.nii", noise((9, 8, 2, samples), "uint8").view(kind)[..., 0])
    assert content_of(back(path)) == content_of(path)
    image = open_image(path)
    with pytest.raises(UnwritableFileError, match=r"colours of uint8 alone, not of float32"):
        save_image(replace(image, array=np.asarray(image.array, np.float32)), tmp_path / "out.nii")


def test_axes_that_only_the_user_knows(tmp_path: Path, noise: Noise) -> None:
    path = scan(tmp_path / "v.nii", noise((9, 8, 3, 2, 4), "int16"))
    for axes in ("CTZYX", "TCZYX", "YXCZT"):
        output = save_image(open_image(path, axes), tmp_path / f"{axes}.nii")
        assert content_of(output) == content_of(path)
    samples = open_image(scan(tmp_path / "samples.nii", noise((9, 8, 3), "int16")), "SYX")
    floats = replace(samples, array=np.asarray(samples.array, np.float32))
    assert nib.load(save_image(floats, tmp_path / "s.nii")).get_data_dtype() == np.float32
    series = scan(tmp_path / "series.nii", noise((9, 8, 3), "int16"))
    assert content_of(save_image(open_image(series, "TYX"), tmp_path / "t.nii")) == content_of(series)


@pytest.mark.parametrize("change", ["crop", "pixel size", "axes"])
def test_what_no_longer_fits_is_said(
    tmp_path: Path, noise: Noise, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    image = open_image(scan(tmp_path / "v.nii", noise((9, 8, 3), "int16")))
    changed = {
        "crop": replace(image, array=image.array[:, 1:]),
        "pixel size": replace(image, pixel_size_um=dict(image.pixel_size_um) | {"X": 5.0}),
        "axes": replace(image, axes="TYX", pixel_size_um={"X": 5.0, "Y": 5.0}, time_increment=2.5),
    }[change]
    again = open_image(save_image(changed, tmp_path / "out.nii"))
    np.testing.assert_array_equal(again.array, changed.array)
    assert (again.axes, again.time_increment) == (changed.axes, changed.time_increment)
    assert again.pixel_size_um == pytest.approx(dict(changed.pixel_size_um))
    assert "fields of the NIfTI header" in caplog.text


@pytest.mark.parametrize("name", REAL)
def test_real_files_come_back(name: str, real: Real, tmp_path: Path) -> None:
    source = real(f"formats/nifti/{name}")
    output = save_image(open_image(source), default_output(tmp_path / name), source=source)
    assert output.name == name.replace(".nii", "_denoised.nii")
    assert content_of(output) == content_of(source)
    before, after = nib.load(source), nib.load(output)
    assert repr(header_of(output)) == repr(header_of(source))
    np.testing.assert_array_equal(after.affine, before.affine)


@pytest.mark.parametrize("name", ["anatomical.nii", "example4d.nii.gz", "resampled_anat_moved.nii"])
def test_changed_pixels_in_real_files(name: str, real: Real, tmp_path: Path, provenance: Provenance) -> None:
    source = real(f"formats/nifti/{name}")
    image = open_image(source)
    changed = replace(image, array=np.ascontiguousarray(image.array[..., ::-1]))
    output = save_image(changed, tmp_path / name, source=source, provenance=provenance)
    before, after = nib.load(source), nib.load(output)
    np.testing.assert_array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj)[::-1])
    np.testing.assert_array_equal(after.affine, before.affine)
    one, other = header_of(source), header_of(output)
    assert {key for key in one if repr(one[key]) != repr(other[key])} == set()


def test_no_warning_for_a_plain_scan(tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        back(rescaled(scan(tmp_path / "v.nii", noise((9, 8, 3), "int16")), 0.25, -7.5))
    assert not caplog.text
