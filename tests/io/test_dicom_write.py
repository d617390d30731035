"""Derived DICOM: pydicom reads what we write; every field is that of the source, or one of those that must differ."""

import shutil
import struct
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.sequence import Sequence
from pydicom.uid import UID
from tests.dicom_material import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG_LS, RLE, dataset, write

from noise2detail.io import open_image, save_image
from noise2detail.plans import Provenance

REAL = ["CT_small", "ExplVR_BigEnd", "JPEG2000", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb"]
REAL += ["MR_small_implicit", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_padded"]
REAL += ["examples_rgb_color"]

NEW = {"SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "ImageType", "InstanceCreationDate"}
NEW |= {"InstanceCreationTime", "DerivationDescription", "DerivationCodeSequence", "SourceImageSequence"}
NEW |= {"ContributingEquipmentSequence"}
GONE = {"SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries", "LargestPixelValueInSeries"}
GONE |= {
    "IconImageSequence",
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "DataSetTrailingPadding",
    "PixelData",
}
GONE |= {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"}

Noise = Callable[..., Any]
Real = Callable[[str], Path]


def check_derived(source: Path, result: Path, *also: str) -> Any:
    """What pydicom reads, compared field by field with its source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = pydicom.dcmread(source, force=True), pydicom.dcmread(result)
        names = NEW | GONE | set(also)
        kept = {e.tag: e for e in before if e.tag.element and e.keyword not in names}  # element 0 is a group length
        found = {e.tag: e for e in after if e.keyword not in NEW | set(also) | {"PixelData"}}
        assert found == kept
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID != before.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPClassUID == after.SOPClassUID
    assert after.file_meta.ImplementationVersionName == "NOISE2DETAIL"
    assert after.SeriesInstanceUID != before.get("SeriesInstanceUID")
    assert UID(after.SeriesInstanceUID).is_valid
    assert after.SeriesNumber == int(before.get("SeriesNumber") or 0) + 1000
    assert after.SeriesDescription.endswith("N2D")
    assert after.ImageType[0] == "DERIVED"
    assert list(after.ImageType[1:]) == list(before.get("ImageType", ["", "SECONDARY"])[1:])
    assert len(after.InstanceCreationDate) == 8
    assert "research use" in after.DerivationDescription
    (referenced,) = after.SourceImageSequence
    assert referenced.ReferencedSOPInstanceUID == before.SOPInstanceUID
    assert referenced.ReferencedSOPClassUID == before.SOPClassUID
    assert code(referenced.PurposeOfReferenceCodeSequence[0]) == ("121322", "DCM")
    assert code(after.DerivationCodeSequence[-1]) == ("113087", "DCM")
    equipment = after.ContributingEquipmentSequence[-1]
    assert code(equipment.PurposeOfReferenceCodeSequence[0]) == ("109102", "DCM")
    assert equipment.ManufacturerModelName == "noise2detail"
    return after


def code(item: Any) -> tuple[str, str]:
    return item.CodeValue, item.CodingSchemeDesignator


def unchanged(source: Path, result: Path, *also: str) -> Any:
    """Save without denoising: the same values in the same type."""
    image = open_image(source)
    content = source.read_bytes()
    assert save_image(image, result, source=source) == result
    assert source.read_bytes() == content
    again = open_image(result)
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert (again.axes, again.pixel_size_um, again.time_increment) == (
        image.axes,
        image.pixel_size_um,
        image.time_increment,
    )
    return check_derived(source, result, *also)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, BIG, RLE, JPEG_LS])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_unchanged(tmp_path: Path, noise: Noise, dtype: str, syntax: str) -> None:
    pixels = noise((9, 7), dtype)
    frames = [bytes(imagecodecs.jpegls_encode(pixels.view(f"u{pixels.itemsize}")))] if syntax == JPEG_LS else None
    made = dataset(pixels, EXPLICIT if syntax == RLE else syntax, frames, RescaleSlope="1", RescaleIntercept="-100")
    made.add_new(0x00091010, "OW", b"\1\2\3\4")
    made.private_block(0x11, "SOMEBODY", create=True).add_new(1, "UN", b"private!")
    if syntax == RLE:
        made.compress(RLE, generate_instance_uid=False)
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    after = unchanged(tmp_path / "v.dcm", tmp_path / "w.dcm")
    np.testing.assert_array_equal(after.pixel_array.astype(after.pixel_array.dtype.newbyteorder("=")), pixels)
    assert after.file_meta.TransferSyntaxUID == (syntax if syntax in {IMPLICIT, EXPLICIT, BIG} else EXPLICIT)
    assert after[0x00091010].value == b"\1\2\3\4"
    assert len(after.PixelData) % 2 == 0


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("frames", [(), (2,)])
def test_colours(tmp_path: Path, noise: Noise, planar: int, frames: tuple[int, ...]) -> None:
    pixels = noise((*frames, 9, 7, 3), "uint8")
    stored = np.moveaxis(pixels, -1, -3) if planar else pixels
    content = stored.tobytes() + b"\0" * (stored.size % 2)
    fields = {"NumberOfFrames": len(pixels)} if frames else {}
    write(tmp_path / "v.dcm", pixels[0] if frames else pixels, PixelData=content, PlanarConfiguration=planar, **fields)
    after = unchanged(tmp_path / "v.dcm", tmp_path / "w.dcm")
    np.testing.assert_array_equal(after.pixel_array, pixels)


def test_colours_of_television_become_rgb(tmp_path: Path, noise: Noise) -> None:
    write(tmp_path / "v.dcm", noise((8, 8, 3), "uint8"), PhotometricInterpretation="YBR_FULL")
    after = unchanged(tmp_path / "v.dcm", tmp_path / "w.dcm", "PhotometricInterpretation")
    assert after.PhotometricInterpretation == "RGB"


def test_frames_each_with_its_own_scale(tmp_path: Path, noise: Noise) -> None:
    made = dataset(noise((3, 9, 8)) // 8)
    frames = []
    for number in range(3):
        frame, values, kind = (pydicom.Dataset() for _ in range(3))
        values.RescaleSlope, values.RescaleIntercept = str(number + 1), "-10"
        kind.FrameType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        frame.PixelValueTransformationSequence = Sequence([values])
        frame.CTImageFrameTypeSequence = Sequence([kind])
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    after = unchanged(tmp_path / "v.dcm", tmp_path / "w.dcm", "PerFrameFunctionalGroupsSequence")
    np.testing.assert_array_equal(after.pixel_array, made.pixel_array)
    for frame in after.PerFrameFunctionalGroupsSequence:
        assert list(frame.CTImageFrameTypeSequence[0].FrameType) == ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
        frame.CTImageFrameTypeSequence[0].FrameType[0] = "ORIGINAL"
    assert after.PerFrameFunctionalGroupsSequence == made.PerFrameFunctionalGroupsSequence


def test_rounded_half_to_even_and_clipped_to_the_stored_bits(tmp_path: Path) -> None:
    pixels = np.array([[0, 1, 2], [3, 4, 4095]], np.uint16)
    path = write(tmp_path / "v.dcm", pixels, BitsStored=12, HighBit=11, RescaleSlope="2.0", RescaleIntercept="-1000.5")
    image = open_image(path)
    units = np.array([[0.5, 1.5, 2.5], [-7, 4000, 5000]]) * 2 - 1000.5
    save_image(replace(image, array=units.astype(np.float32)), tmp_path / "w.dcm")
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "w.dcm").pixel_array, [[0, 2, 2], [0, 4000, 4095]])
    signed = np.array([[-2048, 0], [5, 2047]], np.int16)
    path = write(tmp_path / "s.dcm", signed, BitsStored=12, HighBit=11)
    image = open_image(path)
    save_image(replace(image, array=np.array([[-3000, 1], [2, 3000]], np.int16)), tmp_path / "t.dcm")
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "t.dcm").pixel_array, [[-2048, 1], [2, 2047]])


@pytest.mark.parametrize("limit", [None, -1990])
def test_padding_is_as_it_was(tmp_path: Path, limit: int | None) -> None:
    pixels = np.array([[-2000, -1995, -1990], [-1989, 5, -2000]], np.int16)
    made = dataset(pixels, RescaleSlope="1", RescaleIntercept="-1024")
    made.add_new("PixelPaddingValue", "SS", -2000)
    if limit is not None:
        made.add_new("PixelPaddingRangeLimit", "SS", limit)
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "v.dcm")
    save_image(replace(image, array=np.full_like(image.array, 76)), tmp_path / "w.dcm")
    expected = np.where((pixels >= -2000) & (pixels <= (limit or -2000)), pixels, 1100)
    np.testing.assert_array_equal(check_derived(tmp_path / "v.dcm", tmp_path / "w.dcm").pixel_array, expected)


@settings(max_examples=25, deadline=None)
@given(
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16"]),
    slope=st.floats(0.001, 100) | st.floats(-100, -0.001) | st.integers(1, 50).map(float),
    intercept=st.floats(-2000, 2000) | st.integers(-2000, 2000).map(float),
    seed=st.integers(0, 99),
)
def test_any_scale_is_inverted_exactly(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, slope: float, intercept: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("scale")
    limits = np.iinfo(dtype)
    pixels = np.random.default_rng(seed).integers(limits.min, limits.max, (5, 4), dtype=dtype, endpoint=True)
    made = dataset(pixels, RescaleSlope=f"{slope:.10g}", RescaleIntercept=f"{intercept:.10g}")
    made.save_as(folder / "v.dcm", enforce_file_format=True)
    after = unchanged(folder / "v.dcm", folder / "w.dcm")
    np.testing.assert_array_equal(after.pixel_array, pixels)


def test_what_no_longer_holds_is_gone(tmp_path: Path, noise: Noise) -> None:
    fields = dict.fromkeys(GONE - {"PixelData", "DataSetTrailingPadding"} - {n for n in GONE if n.startswith("Ext")})
    for name in fields:
        fields[name] = Sequence([pydicom.Dataset()]) if name.endswith("Sequence") else 7
    write(tmp_path / "v.dcm", noise((9, 8)), **fields)
    after = unchanged(tmp_path / "v.dcm", tmp_path / "w.dcm")
    assert not [name for name in fields if name in after]


def test_history_grows_and_long_texts_fit(tmp_path: Path, noise: Noise, provenance: Provenance) -> None:
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "113040", "DCM", "Lossy Compression"
    write(
        tmp_path / "v.dcm",
        noise((9, 8)),
        SeriesDescription="x" * 64,
        DerivationDescription="squeezed",
        DerivationCodeSequence=Sequence([item]),
        SeriesNumber=7,
    )
    image = open_image(tmp_path / "v.dcm")
    save_image(image, tmp_path / "w.dcm", provenance=provenance)
    after = check_derived(tmp_path / "v.dcm", tmp_path / "w.dcm")
    assert after.SeriesDescription == "x" * 60 + " N2D"
    assert after.DerivationDescription.startswith("squeezed; Denoised with noise2detail 0.1.0: method")
    assert [code(one)[0] for one in after.DerivationCodeSequence] == ["113040", "113087"]
    assert "seed 7" in after.ContributingEquipmentSequence[0].ContributionDescription
    again = open_image(tmp_path / "w.dcm")
    save_image(again, tmp_path / "u.dcm")
    assert len(pydicom.dcmread(tmp_path / "u.dcm").ContributingEquipmentSequence) == 2


def uids(path: Path) -> tuple[str, str]:
    found = pydicom.dcmread(path)
    return found.SeriesInstanceUID, found.SOPInstanceUID


def test_one_series_for_one_source_series(tmp_path: Path, noise: Noise) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    for name, series in (("a", "1.2.3"), ("b", "1.2.3"), ("c", "1.2.4")):
        image = open_image(write(tmp_path / f"{name}.dcm", noise((9, 8)), SeriesInstanceUID=series))
        for target in (f"one/{name}.dcm", f"two/{name}.dcm", f"{name}_denoised.dcm", f"{name}_second.dcm"):
            save_image(image, tmp_path / target)
    found = {path.relative_to(tmp_path).as_posix(): uids(path) for path in tmp_path.rglob("*.dcm")}
    for pattern in ("one/{}.dcm", "two/{}.dcm", "{}_denoised.dcm", "{}_second.dcm"):
        assert found[pattern.format("a")][0] == found[pattern.format("b")][0] != found[pattern.format("c")][0]
    assert len({series for series, _ in found.values()}) == 2 + 2 * 4
    assert len({instance for _, instance in found.values()}) == len(found)


@pytest.mark.parametrize(
    ("charset", "text"),
    [("ISO_IR 192", "頭部"), ("ISO_IR 144", "Голова"), (["", "ISO 2022 IR 87"], "頭部"), ("ISO_IR 100", "Tête")],
    ids=["utf-8", "cyrillic", "japanese", "latin"],
)
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_every_script(tmp_path: Path, noise: Noise, charset: str | list[str], text: str, syntax: str) -> None:
    fields = {"SpecificCharacterSet": charset, "SeriesDescription": text, "PatientName": text, "PatientComments": text}
    write(tmp_path / "v.dcm", noise((9, 8)), syntax, **fields)
    assert unchanged(tmp_path / "v.dcm", tmp_path / "w.dcm").SeriesDescription == f"{text} N2D"


@pytest.mark.parametrize("number", [b"x ", b"2147483647"])
def test_series_number_that_cannot_be_counted_on(tmp_path: Path, noise: Noise, number: bytes) -> None:
    path = write(tmp_path / "v.dcm", noise((9, 8)), SeriesNumber="7")
    field, value = b"\x20\0\x11\0IS", struct.pack("<H", len(number)) + number
    path.write_bytes(path.read_bytes().replace(field + b"\2\x007 ", field + value))
    save_image(open_image(path), tmp_path / "w.dcm")
    assert pydicom.dcmread(tmp_path / "w.dcm").SeriesNumber == 1000


@pytest.mark.parametrize("name", REAL)
def test_real_files(name: str, real: Real, tmp_path: Path) -> None:
    source = real(f"formats/dicom/{name}.dcm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unchanged(source, tmp_path / "w.dcm")


def test_real_tilted_slices_keep_place_and_padding(real: Real, tmp_path: Path) -> None:
    for source in sorted(real("ct_head").iterdir())[::4]:
        image = open_image(source)
        save_image(replace(image, array=np.asarray(image.array) // 2 + 9), tmp_path / source.name)
        after, before = check_derived(source, tmp_path / source.name), pydicom.dcmread(source)
        padding = before.pixel_array == before.PixelPaddingValue
        assert padding.any()
        np.testing.assert_array_equal(after.pixel_array, np.where(padding, -1500, before.pixel_array // 2 + 9))
    assert len({uids(path)[0] for path in tmp_path.iterdir()}) == 1


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of dicom3tools is not installed")
@pytest.mark.parametrize("name", [*(f"formats/dicom/{name}.dcm" for name in REAL), "ct_head/05.dcm", "ct_head/15.dcm"])
def test_no_errors_that_the_source_had_not(name: str, real: Real, tmp_path: Path) -> None:
    source = real(name)
    save_image(open_image(source), tmp_path / "w.dcm")
    assert errors(tmp_path / "w.dcm") <= errors(source)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy of dicom3tools is not installed")
@pytest.mark.parametrize("name", ["CT_small", "MR_small", "MR_small_RLE", "ExplVR_BigEnd"])
def test_no_errors_that_a_file_of_pydicom_had_not(name: str, tmp_path: Path) -> None:
    source = Path(pydicom.__file__).parent / "data" / "test_files" / f"{name}.dcm"
    save_image(open_image(source), tmp_path / "w.dcm")
    assert errors(tmp_path / "w.dcm") <= errors(source)


def errors(path: Path) -> set[str]:
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False)
    return {line for line in said.stderr.splitlines() if line.startswith("Error")}
