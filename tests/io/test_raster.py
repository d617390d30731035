"""JPEG and BMP; judged by Pillow, which had no part in what is tested but the decoding of JPEG."""

import logging
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.io.refusing import refused

from noise2detail.errors import FileError, InputError, UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import default_output, describe, facts_of, find_images, open_image, refuse_output, save_image
from noise2detail.types import Pixels

Noise = Callable[..., Any]
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def mutated(whole: bytes, number: int) -> bytes:
    """The file with a few bytes changed, cut or doubled, the same for each number."""
    chance, content = np.random.default_rng(number), bytearray(whole)
    reach = len(content) if number % 2 else min(len(content), 80)  # half of them in the header
    for at in chance.integers(0, reach, int(chance.integers(1, 5))):
        content[at] = int(chance.choice([0, 1, 127, 128, 255, int(chance.integers(256))]))
    cut = int(chance.integers(0, len(content)))
    return bytes(content[:cut] if number % 5 == 0 else content + content[cut:] if number % 7 == 0 else content)


@pytest.mark.parametrize("kind", ["grey.jpg", "colour.jpg", "grey.bmp", "colour.bmp", "a.npz", "packed.npz"])
def test_damaged_files_are_read_or_refused_with_one_error(kind: str, noise: Noise, tmp_path: Path) -> None:
    pixels = noise((20, 17) if kind.startswith("grey") else (20, 17, 3), "uint8")
    path = tmp_path / kind
    if path.suffix == ".npz":
        (np.savez if kind == "a.npz" else np.savez_compressed)(path, cells=pixels[..., 0])
    else:
        PIL.Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    for number in range(200):
        path.write_bytes(mutated(whole, number))
        try:
            open_image(path)
        except (UnreadableFileError, InputError) as error:
            assert kind in str(error)  # noqa: PT017 - some of them are still sound


@pytest.mark.parametrize("kind", ["baseline.jpg", "progressive.jpg", "a.bmp", "a.npz", "packed.npz"])
def test_every_shorter_file_is_refused(kind: str, noise: Noise, tmp_path: Path) -> None:
    path = tmp_path / kind
    if path.suffix == ".npz":
        (np.savez if kind == "a.npz" else np.savez_compressed)(path, noise((16, 16)))
    else:
        options: dict[str, Any] = {"progressive": True} if kind.startswith("progressive") else {}
        PIL.Image.fromarray(noise((16, 16), "uint8")).save(path, **options)
    whole = path.read_bytes()
    for length in range(1, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError):
            open_image(path)


# --- JPEG ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", ["YX", "YXS"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_read_with_one_warning(
    axes: str, progressive: bool, noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "photo.jpg"
    PIL.Image.fromarray(noise((9, 12, 3)[: len(axes)], "uint8")).save(path, progressive=progressive)
    with caplog.at_level(logging.WARNING):
        image = open_image(path)
    assert (image.axes, image.format) == (axes, "jpeg")
    with PIL.Image.open(path) as opened:
        np.testing.assert_array_equal(image.array, np.asarray(opened), strict=True)
    (record,) = caplog.records
    assert "neighbours share their noise" in record.getMessage()
    assert dict(describe(image))["compression"] == ("JPEG, progressive" if progressive else "JPEG")


def test_what_a_jpeg_says_goes_into_the_png(noise: Noise, tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 6
    source = tmp_path / "photo.jpeg"
    photo = PIL.Image.fromarray(noise((9, 12, 3), "uint8"))
    photo.save(source, exif=exif, icc_profile=profile, dpi=(300, 150), comment=b"day 2", xmp=b"<x/>")
    output = save_image(open_image(source), default_output(source), source=source)
    assert output.name == "photo_denoised.png"
    with PIL.Image.open(source) as before, PIL.Image.open(output) as after:
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
        assert dict(after.getexif()) == dict(before.getexif())
        assert after.getexif()[0x0112] == 6
        assert after.info["icc_profile"] == profile
        assert after.info["dpi"] == pytest.approx((300, 150), rel=1e-3)
        assert (after.info["Comment"], after.info["xmp"]) == ("day 2", b"<x/>")


def test_what_a_jpeg_says_is_missed_in_a_tiff(noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    PIL.Image.fromarray(noise((9, 12), "uint8")).save(tmp_path / "photo.jpg", dpi=(300, 300))
    image = open_image(tmp_path / "photo.jpg")
    save_image(image, tmp_path / "a.png")
    assert "not carried over" not in caplog.text
    save_image(image, tmp_path / "a.tif")
    assert "not carried over: colour profile, resolution and text of the original JPEG" in caplog.text


@pytest.mark.parametrize("name", ["out.jpg", "out.JPEG", "out.jpe", "out.jfif"])
def test_no_jpeg_is_written(name: str, noise: Noise, tmp_path: Path) -> None:
    with pytest.raises(UnwritableFileError, match=r"JPEG would change the pixels again; choose .*\.png"):
        refuse_output(tmp_path / name)
    with pytest.raises(UnwritableFileError):
        save_image(Image(noise((8, 9), "uint8"), "YX"), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_jpeg_of_inks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    PIL.Image.new("CMYK", (8, 8)).save(path)
    refused(path, "CMYK", "RGB or greyscale")


@pytest.mark.parametrize(("side", "found"), [(65_000, "pixels"), (11_000, "announces 121.0 MB")])
def test_jpeg_that_announces_too_much(side: int, found: str, noise: Noise, tmp_path: Path) -> None:
    path = tmp_path / "bomb.jpg"
    PIL.Image.fromarray(noise((8, 8), "uint8")).save(path)
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", side, side)
    path.write_bytes(content)
    refused(path, found)


def test_second_picture_of_a_jpeg_is_told(noise: Noise, tmp_path: Path) -> None:
    first, second = (PIL.Image.fromarray(noise((9, 12), "uint8", seed)) for seed in range(2))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    assert facts_of(open_image(tmp_path / "a.jpg")).lost == ("1 further images in the same file",)


# --- BMP -------------------------------------------------------------------------------------------------------------


@QUICK
@given(pixels=hnp.arrays(np.uint8, st.sampled_from([(5, 7), (5, 7, 3), (1, 1), (4, 8, 3), (3, 6)])))
def test_any_array_as_bmp(pixels: Pixels, tmp_path: Path) -> None:
    path = save_image(Image(pixels, "YXS"[: pixels.ndim]), tmp_path / "out.bmp", overwrite=True)
    with PIL.Image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(opened), pixels, strict=True)
        opened.save(tmp_path / "in.bmp", dpi=(300, 300))
    again = save_image(open_image(tmp_path / "in.bmp"), tmp_path / "again.bmp", overwrite=True)
    assert again.read_bytes() == (tmp_path / "in.bmp").read_bytes()


def bmp(pixels: Pixels, *, header: int = 40, masks: tuple[int, ...] = (), palette: bytes = b"", flip: bool = True,
        tail: bytes = b"", used: int = 0) -> bytes:  # fmt: skip
    """A BMP by the letter of its specification."""
    height, width, count = pixels.shape
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, 8 * count)
    else:
        info = struct.pack("<IiiHH", header, width, height if flip else -height, 1, 8 * count)
        info += struct.pack("<IIiiII", 3 if masks else 0, 0, 2835, 2835, used, 0)
        info += struct.pack(f"<{len(masks)}I", *masks)
        info = info.ljust(14 + header - 14, b"\0") if not (header == 40 and masks) else info
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (0, -width * count % 4)))
    body = (rows[::-1] if flip else rows).tobytes()
    offset = 14 + len(info) + len(palette)
    return struct.pack("<2sIII", b"BM", offset + len(body) + len(tail), 0, offset) + info + palette + body + tail


MASKS = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)


@pytest.mark.parametrize("flip", [True, False], ids=["upside down", "top down"])
@pytest.mark.parametrize(
    ("count", "more", "order"),
    [
        (3, {}, (2, 1, 0)),
        (3, {"header": 124, "tail": b"profile"}, (2, 1, 0)),
        (3, {"header": 12}, (2, 1, 0)),
        (4, {}, (2, 1, 0)),
        (4, {"masks": MASKS[2::-1]}, (2, 1, 0)),
        (4, {"header": 108, "masks": MASKS}, (0, 1, 2)),
        (4, {"header": 108, "masks": (MASKS[1], MASKS[2], MASKS[3], MASKS[0])}, (1, 2, 3)),
    ],
)
def test_every_byte_around_the_pixels_survives(
    count: int, more: dict[str, Any], order: tuple[int, ...], flip: bool, noise: Noise, tmp_path: Path
) -> None:
    if more.get("header") == 12 and not flip:
        pytest.skip("an old header has no sign")
    stored = noise((5, 6, count), "uint8")
    whole = bmp(stored, flip=flip, **more)
    (tmp_path / "in.bmp").write_bytes(whole)
    image = open_image(tmp_path / "in.bmp")
    np.testing.assert_array_equal(image.array, stored[..., order], strict=True)
    if order[0] != 1:  # an order that Pillow does not know
        with PIL.Image.open(tmp_path / "in.bmp") as opened:
            np.testing.assert_array_equal(np.asarray(opened.convert("RGB")), image.array)
    assert save_image(image, tmp_path / "out.bmp").read_bytes() == whole
    changed = save_image(replace(image, array=255 - np.asarray(image.array)), tmp_path / "changed.bmp")
    stored[..., order] = 255 - stored[..., order]
    assert changed.read_bytes() == bmp(stored, flip=flip, **more)


@pytest.mark.parametrize(
    ("greys", "readable"),
    [
        (range(256), True),
        (range(255, -1, -1), True),
        (range(0, 256, 2), True),
        ([0, 5, 3, 9], False),
        ([7] * 256, False),
    ],
    ids=["ramp", "inverted", "short", "jumping", "constant"],
)
def test_grey_palettes(greys: list[int], readable: bool, noise: Noise, tmp_path: Path) -> None:
    path = tmp_path / "in.bmp"
    stored = (noise((5, 6, 1), "uint8").astype(int) % len(greys)).astype(np.uint8)
    palette = b"".join(bytes((grey, grey, grey, 0)) for grey in greys)
    path.write_bytes(bmp(stored, palette=palette, used=len(greys)))
    if not readable:
        refused(path, "palette")
        return
    image = open_image(path)
    np.testing.assert_array_equal(image.array, np.array(greys, np.uint8)[stored[..., 0]], strict=True)
    output = save_image(replace(image, array=np.asarray(image.array) // 2), tmp_path / "out.bmp")
    with PIL.Image.open(output) as opened:
        np.testing.assert_array_equal(np.asarray(opened), np.asarray(image.array) // 2)
        assert opened.info["dpi"] == pytest.approx((72, 72), abs=0.1)


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (PIL.Image.new("P", (8, 8)), "palette"),
        (PIL.Image.new("1", (8, 8)), "1 bit per pixel"),
    ],
)
def test_bmp_without_intensities(made: PIL.Image.Image, found: str, tmp_path: Path) -> None:
    made.putpalette([0, 0, 9, 9, 0, 0]) if made.mode == "P" else None
    made.save(tmp_path / "coded.bmp")
    refused(tmp_path / "coded.bmp", found)


@pytest.mark.parametrize(
    ("at", "value", "found"),
    [
        (18, 0, "names 0 x"),
        (18, 60_000, "announces"),
        (22, -(2**31), "pixels"),
        (10, 2, "begin at byte 2"),
        (10, 10**9, "begin at byte"),
        (30, 1, "compression 1"),
        (28, 16, "16 bits per pixel"),
    ],
)
def test_bmp_headers_that_lie(at: int, value: int, found: str, noise: Noise, tmp_path: Path) -> None:
    content = bytearray(bmp(noise((5, 6, 3), "uint8")))
    content[at : at + (2 if at == 28 else 4)] = struct.pack("<h" if at == 28 else "<i", value)
    (tmp_path / "a.bmp").write_bytes(content)
    refused(tmp_path / "a.bmp", found)


def test_text_that_begins_like_a_bmp(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("BM is not what it seems to be here")
    refused(tmp_path / "a.txt", "text")


@pytest.mark.parametrize(
    "image",
    [Image(np.zeros((4, 4), "uint16"), "YX"), Image(np.zeros((2, 4, 4), "uint8"), "ZYX")],
    ids=["16 bits", "stack"],
)
def test_what_a_bmp_cannot_hold(image: Image, tmp_path: Path) -> None:
    with pytest.raises(UnwritableFileError, match=r"a BMP cannot hold axes .*; choose"):
        save_image(image, tmp_path / "a.bmp")


def test_fourth_byte_is_missed_elsewhere(noise: Noise, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.bmp").write_bytes(bmp(noise((5, 6, 4), "uint8")))
    save_image(open_image(tmp_path / "a.bmp"), tmp_path / "a.png")
    assert "not carried over: transparency and resolution of the original BMP" in caplog.text


def test_images_of_a_folder(noise: Noise, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.bmp"):
        PIL.Image.fromarray(noise((8, 8), "uint8")).save(tmp_path / name)
    np.savez(tmp_path / "c.npz", noise((8, 8)))
    assert [path.name for path in find_images([tmp_path]).images] == ["a.jpg", "b.bmp", "c.npz"]
    outputs = [default_output(path).name for path in find_images([tmp_path]).images]
    assert outputs == ["a_denoised.png", "b_denoised.bmp", "c_denoised.npz"]
