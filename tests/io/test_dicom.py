"""DICOM: what pydicom writes and decodes, we read the same; nothing that it warns of or quotes gets out."""

import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pydicom
import pytest
from pydicom.sequence import Sequence
from pydicom.uid import UID
from tests.dicom_material import (
    BASELINE,
    BIG,
    DEFLATED,
    EXPLICIT,
    EXTENDED,
    FIRST_ORDER,
    IMPLICIT,
    J2K,
    JPEG_LS,
    LOSSLESS,
    RLE,
    SECRET,
    dataset,
    refused,
    write,
)

from noise2detail.io import default_output, describe, find_images, open_image, save_image
from noise2detail.io.dicom import PADDING_KEY

REAL = ["CT_small", "MR_small", "MR_small_RLE", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit"]
REAL += ["MR_small_jp2klossless", "MR_small_padded", "JPEG2000", "ExplVR_BigEnd", "examples_rgb_color"]

Noise = Callable[..., Any]
Real = Callable[[str], Path]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, BIG])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32"])
def test_plain_pixels(tmp_path: Path, noise: Noise, dtype: str, syntax: str) -> None:
    pixels = noise((9, 8), dtype)
    image = open_image(write(tmp_path / "IM0001", pixels, syntax))
    assert (image.axes, image.format) == ("YX", "dicom")
    np.testing.assert_array_equal(image.array, pixels, strict=True)
    assert np.asarray(image.array).flags.writeable


@pytest.mark.parametrize(
    ("syntax", "bits", "encode"),
    [
        (LOSSLESS, 16, lambda a: imagecodecs.ljpeg_encode(a, bitspersample=16)),
        (FIRST_ORDER, 16, lambda a: imagecodecs.jpeg8_encode(a, lossless=True, bitspersample=16)),
        (FIRST_ORDER, 12, lambda a: imagecodecs.jpeg8_encode(a, lossless=True, bitspersample=12)),
        (FIRST_ORDER, 8, lambda a: imagecodecs.jpeg8_encode(a, lossless=True)),
        (JPEG_LS, 16, imagecodecs.jpegls_encode),
        (JPEG_LS, 8, imagecodecs.jpegls_encode),
        (J2K, 16, lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True, level=0)),
    ],
)
@pytest.mark.parametrize("frames", [1, 3])
def test_lossless_compression(
    tmp_path: Path, noise: Noise, syntax: str, bits: int, encode: Callable[[Any], bytes], frames: int
) -> None:
    pixels = noise((frames, 33, 35), "uint8" if bits == 8 else "uint16") >> (12 if bits == 12 else 16) % 12 % 8
    pixels = pixels if bits != 12 else pixels & 0xFFF
    made = dataset(pixels if frames > 1 else pixels[0], syntax, [bytes(encode(one)) for one in pixels])
    made.BitsStored, made.HighBit = bits, bits - 1
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "v.dcm")
    np.testing.assert_array_equal(image.array, pixels if frames > 1 else pixels[0], strict=True)


def test_signed_pixels_in_lossless_jpeg(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((33, 35), "int16")
    code = imagecodecs.jpeg8_encode(pixels.view("uint16"), lossless=True, bitspersample=16)
    np.testing.assert_array_equal(
        open_image(write(tmp_path / "v.dcm", pixels, FIRST_ORDER, [bytes(code)])).array, pixels
    )


def test_jpeg_of_12_bits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows, columns = np.mgrid[:33, :35]
    pixels = (60 * rows + 50 * columns).astype("uint16")
    code = bytes(imagecodecs.jpeg8_encode(pixels, level=99, bitspersample=12))
    image = open_image(write(tmp_path / "v.dcm", pixels, EXTENDED, [code], BitsStored=12, HighBit=11))
    assert np.abs(np.asarray(image.array).astype(int) - pixels).max() <= 20
    assert "compressed with losses" in caplog.text


@pytest.mark.parametrize("syntax", [BASELINE, FIRST_ORDER, JPEG_LS, EXPLICIT, RLE])
def test_colours_are_rgb(tmp_path: Path, syntax: str) -> None:
    rows, columns = np.mgrid[:32, :32]
    pixels = np.stack([8 * rows, 8 * columns, 255 - 4 * rows - 4 * columns], -1).astype(np.uint8)
    stored = np.asarray(PIL.Image.fromarray(pixels).convert("YCbCr"))
    made = dataset(stored, syntax, PhotometricInterpretation="YBR_FULL")
    if syntax == BASELINE:
        code = imagecodecs.jpeg8_encode(pixels, level=100, subsampling="444")
        made = dataset(pixels, syntax, [bytes(code)], PhotometricInterpretation="YBR_FULL_422")
    elif syntax == RLE:
        made.file_meta.TransferSyntaxUID = UID(EXPLICIT)
        made.compress(RLE)
    elif syntax != EXPLICIT:
        lossless: dict[str, Any] = {"lossless": True, "colorspace": "YCBCR", "outcolorspace": "YCBCR"}
        code = imagecodecs.jpegls_encode(stored) if syntax == JPEG_LS else imagecodecs.jpeg8_encode(stored, **lossless)
        made = dataset(stored, syntax, [bytes(code)], PhotometricInterpretation="YBR_FULL")
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "v.dcm")
    assert image.axes == "YXS"
    assert np.abs(np.asarray(image.array).astype(int) - pixels).max() <= 4


def test_colours_by_plane_and_as_frames(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8, 3), "uint8")
    planar = dataset(pixels, PixelData=pixels.transpose(2, 0, 1).tobytes(), PlanarConfiguration=1)
    planar.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(open_image(tmp_path / "v.dcm").array, pixels, strict=True)
    frames = noise((2, 9, 8, 3), "uint8")
    made = dataset(pixels, NumberOfFrames=2, PixelData=frames.tobytes(), FrameTime="40")
    made.save_as(tmp_path / "f.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "f.dcm")
    assert (image.axes, image.time_increment) == ("TYXS", 0.04)
    np.testing.assert_array_equal(image.array, frames, strict=True)


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [("1", "-1024", "int16"), ("2", "0", "int32"), ("0.5", "-10.25", "float32"), ("1", "0", "uint16")],
)
def test_rescaled(tmp_path: Path, slope: str, intercept: str, dtype: str) -> None:
    pixels = np.array([[0, 100], [2000, 33000]], np.uint16)
    image = open_image(write(tmp_path / "v.dcm", pixels, RescaleSlope=slope, RescaleIntercept=intercept))
    expected = (pixels.astype(float) * float(slope) + float(intercept)).astype(dtype)
    np.testing.assert_array_equal(image.array, expected, strict=True)
    assert ("values", "Hounsfield units") in describe(image)


def test_lookup_table(tmp_path: Path) -> None:
    item: Any = pydicom.Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [4, 0, 16], "US", struct.pack("<4H", 10, 20, 40, 80)
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    path = write(tmp_path / "v.dcm", np.array([[0, 1], [2, 3]], np.uint8), ModalityLUTSequence=Sequence([item]))
    np.testing.assert_array_equal(open_image(path).array, [[10, 20], [40, 80]])


@pytest.mark.parametrize(
    ("padding", "limit", "expected"),
    [(-2000, None, (-3024.0, -3024.0)), (-2000, -1900, (-3024.0, -2924.0)), (63536, None, (-3024.0, -3024.0))],
)
def test_padding_keeps_its_value(
    tmp_path: Path, padding: int, limit: int | None, expected: tuple[float, float]
) -> None:
    pixels = np.array([[-2000, 5], [7, 8]], np.int16)
    made = dataset(pixels, RescaleSlope="1", RescaleIntercept="-1024")
    made.add_new("PixelPaddingValue", "SS" if padding < 0 else "US", padding)
    if limit is not None:
        made.add_new("PixelPaddingRangeLimit", "SS", limit)
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "v.dcm")
    assert image.metadata[PADDING_KEY] == expected
    np.testing.assert_array_equal(image.array, pixels - 1024)


def enhanced(pixels: Any, positions: list[float]) -> Any:
    made = dataset(pixels)
    shared: Any = pydicom.Dataset()
    measures, plane = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, plane.ImageOrientationPatient = [0.5, 0.25], [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Sequence([measures]), Sequence([plane])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for number, place in enumerate(positions):
        frame: Any = pydicom.Dataset()
        position, values = pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = [0, 0, place]
        values.RescaleSlope, values.RescaleIntercept = str(number + 1), "-10"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = Sequence([position]), Sequence([values])
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return made


@pytest.mark.parametrize(
    ("positions", "axes", "depth"),
    [
        ([0, 2, 4], "ZYX", {"Z": 2000.0}),
        ([4, 2, 0], "ZYX", {"Z": 2000.0}),
        ([0, 2, 7], "ZYX", {}),
        ([3, 3, 3], "TYX", {}),
    ],
    ids=["up", "down", "uneven", "in one place"],
)
def test_enhanced_frames(tmp_path: Path, positions: list[float], axes: str, depth: dict[str, float]) -> None:
    pixels = np.arange(3 * 72, dtype=np.uint16).reshape(3, 9, 8)
    enhanced(pixels, positions).save_as(tmp_path / "v.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "v.dcm")
    assert image.axes == axes
    assert image.pixel_size_um == {"Y": 500.0, "X": 250.0} | depth
    expected = pixels.astype(int) * np.array([1, 2, 3])[:, None, None] - 10
    np.testing.assert_array_equal(image.array, expected.astype("int16"), strict=True)


def test_pixel_spacing_is_row_then_column(tmp_path: Path, noise: Noise) -> None:
    image = open_image(write(tmp_path / "v.dcm", noise((9, 8)), PixelSpacing=["0.5", "0.25"], SpacingBetweenSlices="3"))
    assert image.pixel_size_um == {"Y": 500.0, "X": 250.0}
    stack = open_image(write(tmp_path / "s.dcm", noise((4, 9, 8)), PixelSpacing=[0.5, 0.25], SpacingBetweenSlices="-3"))
    assert (stack.axes, dict(stack.pixel_size_um)) == ("ZYX", {"Y": 500.0, "X": 250.0, "Z": 3000.0})


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_without_preamble(tmp_path: Path, noise: Noise, syntax: str) -> None:
    pixels = noise((9, 8))
    made = dataset(pixels, syntax)
    bare: Any = pydicom.Dataset(made)
    bare.save_as(tmp_path / "v.dcm", implicit_vr=syntax == IMPLICIT, little_endian=True)
    assert (tmp_path / "v.dcm").read_bytes()[:2] == b"\x08\0"
    np.testing.assert_array_equal(open_image(tmp_path / "v.dcm").array, pixels, strict=True)
    assert find_images([tmp_path]).images == (tmp_path / "v.dcm",)
    (tmp_path / "v.dcm").rename(tmp_path / "v.bin")
    refused(tmp_path / "v.bin", "no known image format")


def test_preamble_of_a_tiff(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8))
    path = write(tmp_path / "v.dcm", pixels)
    path.write_bytes(b"II*\0" + struct.pack("<I", 5000) + path.read_bytes()[8:])
    np.testing.assert_array_equal(open_image(path).array, pixels)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, JPEG_LS, J2K, RLE])
def test_every_shorter_file_is_refused(tmp_path: Path, noise: Noise, syntax: str, recwarn: Any) -> None:
    pixels = noise((17, 16))
    frames = None
    if syntax in {JPEG_LS, J2K}:
        code = (
            imagecodecs.jpegls_encode(pixels)
            if syntax == JPEG_LS
            else imagecodecs.jpeg2k_encode(pixels, codecformat="j2k")
        )
        frames = [bytes(code)]
    made = dataset(pixels, EXPLICIT if syntax == RLE else syntax, frames)
    if syntax == RLE:
        made.compress(RLE)
    path = tmp_path / "v.dcm"
    made.save_as(path, enforce_file_format=True)
    whole = path.read_bytes()
    assert open_image(path).array.shape == (17, 16)
    end = len(whole) - 8 * (syntax in {JPEG_LS, J2K, RLE})  # the last mark of compressed pixels may be missing
    for length in [*range(0, end, 37), *range(end - 5, end)]:
        path.write_bytes(whole[:length])
        refused(path)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"Rows": 60000, "Columns": 60000}, "announces 7.2 GB"),
        ({"Rows": 0}, "without an image (CT Image Storage)"),
        ({"RescaleSlope": "0"}, "RescaleSlope is 0"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette"),
        ({"SamplesPerPixel": 4}, "4 samples"),
        ({"BitsAllocated": 1}, "1 bit per pixel"),
        ({"BitsAllocated": 12}, "cannot be read"),
        ({"NumberOfFrames": 2}, "144 vs 288 bytes"),
        ({"TotalPixelMatrixColumns": 99, "NumberOfFrames": 4}, "whole slide"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_headers_that_make_no_sense(tmp_path: Path, noise: Noise, fields: dict[str, Any], found: str) -> None:
    made = dataset(noise((9, 8)), **fields)
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    if fields.get("Rows"):
        assert (tmp_path / "v.dcm").stat().st_size < 2000
    refused(tmp_path / "v.dcm", found)


def test_missing_and_garbled_fields(tmp_path: Path, noise: Noise) -> None:
    for name in ("Rows", "BitsAllocated", "PixelData"):
        made = dataset(noise((9, 8)))
        delattr(made, name)
        made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
        refused(tmp_path / "v.dcm")
    path = write(tmp_path / "v.dcm", noise((9, 8)), RescaleSlope="1234", PixelSpacing=["0.5", "0.5"])
    path.write_bytes(path.read_bytes().replace(b"1234", SECRET[:4].encode()))
    refused(path, "RescaleSlope is no number")


def test_compression_that_nothing_here_decodes(tmp_path: Path, noise: Noise) -> None:
    for syntax, name in (("1.2.840.10008.1.2.4.102", "MPEG-4"), ("1.2.840.113619.5.2", "1.2.840.113619.5.2")):
        path = write(
            tmp_path / "v.dcm",
            noise((9, 8)),
            syntax,
            [b"\0" * 300],
        )
        refused(path, name, "decompress it first")


@pytest.mark.parametrize("syntax", [LOSSLESS, JPEG_LS])
def test_frame_that_announces_more_than_the_header(tmp_path: Path, noise: Noise, syntax: str) -> None:
    pixels = noise((33, 35))
    code = (
        imagecodecs.ljpeg_encode(pixels, bitspersample=16) if syntax == LOSSLESS else imagecodecs.jpegls_encode(pixels)
    )
    at = max(code.find(b"\xff\xc3"), code.find(b"\xff\xf7"))
    huge = bytes(code[: at + 5]) + struct.pack(">HH", 65000, 65000) + bytes(code[at + 9 :])
    refused(write(tmp_path / "v.dcm", pixels, syntax, [huge]), "65000x65000", "33x35")
    refused(write(tmp_path / "w.dcm", pixels, syntax, [b"\xff\xd8" + bytes(40)]), "cannot be read")
    refused(write(tmp_path / "x.dcm", pixels, syntax, [bytes(code)[: len(code) // 2]]), "without an end")


def test_deflated_bomb(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "v.dcm", noise((9, 8)), DEFLATED)
    whole = path.read_bytes()
    start = 144 + struct.unpack("<I", whole[140:144])[0]
    content = zlib.decompress(whole[start:], -15) + struct.pack("<HH2sHI", 0x7FE1, 0x10, b"OB", 0, 2**22) + bytes(2**22)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    path.write_bytes(whole[:start] + deflate.compress(content) + deflate.flush())
    free = type("Memory", (), {"available": 2**21})
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    refused(path, "2.1 MB of memory are free")


def test_no_warning_and_no_patient_gets_out(
    tmp_path: Path, noise: Noise, recwarn: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = dataset(noise((9, 8)), StudyDate="20000101")
    made.PixelData += bytes(128)
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    image = open_image(tmp_path / "v.dcm")
    assert not recwarn.list
    assert SECRET not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("pydicom")]
    assert SECRET not in repr(image.metadata)
    assert SECRET not in repr(describe(image))
    with pytest.warns(UserWarning, match="excess padding"):
        assert pydicom.dcmread(tmp_path / "v.dcm").pixel_array.shape == (9, 8)


def test_names_of_folders_and_results(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8))
    for name in ("IM0001", "1.2.840.10", "1.2.840.9", "a.dcm", "b.IMA"):
        write(tmp_path / name, pixels)
    write(tmp_path / "DICOMDIR", pixels)
    (tmp_path / "README").write_text("hello")
    found = find_images([tmp_path])
    assert [path.name for path in found.images] == ["1.2.840.9", "1.2.840.10", "a.dcm", "b.IMA", "IM0001"]
    assert {path.name for path, _ in found.skipped} == {"DICOMDIR", "README"}
    results = [default_output(path).name for path in found.images]
    assert results[:3] == ["1.2.840.9_denoised.dcm", "1.2.840.10_denoised.dcm", "a_denoised.dcm"]
    assert results[3:] == ["b_denoised.IMA", "IM0001_denoised.dcm"]


def test_directory_is_no_image(tmp_path: Path, noise: Noise) -> None:
    path = write(tmp_path / "DICOMDIR", noise((9, 8)), SOPClassUID=UID("1.2.840.10008.1.3.10"))
    refused(path, "a DICOMDIR")


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_result_is_a_tif_with_the_pixel_size(tmp_path: Path, noise: Noise, name: str) -> None:
    path = write(
        tmp_path / "scan.dcm", noise((9, 8)), PixelSpacing=[0.5, 0.25], RescaleSlope="1", RescaleIntercept="-1024"
    )
    image = open_image(path)
    again = open_image(save_image(image, tmp_path / name, source=path))
    np.testing.assert_array_equal(again.array, image.array, strict=True)
    assert again.pixel_size_um == pytest.approx({"Y": 500.0, "X": 250.0})


@pytest.mark.parametrize("name", REAL)
@pytest.mark.filterwarnings("ignore:The pixel data is 8320 bytes")
def test_real_files(name: str, real: Real) -> None:
    path = real(f"formats/dicom/{name}.dcm")
    image, oracle = open_image(path), pydicom.dcmread(path)
    offset = int(oracle.get("RescaleIntercept", 0))
    np.testing.assert_array_equal(image.array, oracle.pixel_array + offset)
    assert image.array.dtype == oracle.pixel_array.dtype.newbyteorder("=")
    assert ("X" in image.pixel_size_um) == ("PixelSpacing" in oracle)


def test_real_jpeg_ls(real: Real) -> None:
    # pydicom cannot decode it without a further library; the same image is there uncompressed.
    same = open_image(real("formats/dicom/MR_small.dcm"))
    image = open_image(real("formats/dicom/MR_small_jpeg_ls_lossless.dcm"))
    np.testing.assert_array_equal(image.array, same.array, strict=True)


def test_real_segmentation(real: Real) -> None:
    refused(real("formats/dicom/liver_1frame.dcm"), "1 bit per pixel")
