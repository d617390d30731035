"""Files that were made, or damaged, so that a careless reader does harm: each is refused before it can."""

import gzip
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import numpy as np
import pytest
import tifffile
from tests import dicom_material
from tests.io.refusing import refused

import noise2detail.io.nifti as nifti_module
from noise2detail.errors import AxesError
from noise2detail.io import find_images, open_image
from noise2detail.io.embedded import embedded_size
from noise2detail.io.ome_xml import parse

tiff: Any = tifffile
nib: Any = nibabel

Noise = Callable[..., Any]

LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
BOMB = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY l0 "ha">{LAUGHS}]>'


def ome(path: Path, pixels: Any, change: Callable[[str], str]) -> Path:
    tiff.imwrite(path, pixels, metadata={"axes": "ZYX"}, photometric="minisblack", ome=True)
    tiff.tiffcomment(path, change(tiff.tiffcomment(path)).encode())
    return path


def one_strip(
    path: Path, compression: int, strip: bytes, *, rows: int = 32, columns: int = 32, samples: int = 1
) -> Path:
    """A TIFF of one strip, as a series of tags and that strip."""
    entries = [
        (256, 3, columns),
        (257, 3, rows),
        (258, 3, 8),
        (259, 3, compression),
        (262, 3, 1 if samples == 1 else 2),
    ]
    entries += [(273, 4, 8 + 2 + 12 * 9 + 4), (277, 3, samples), (278, 3, rows), (279, 4, len(strip))]
    fields = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in entries)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, 9) + fields + bytes(4) + strip)
    return path


# --- XML -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bomb.ome.tif", "bomb.tif"])
def test_entities_are_not_expanded(tmp_path: Path, noise: Noise, name: str) -> None:
    def laugh(text: str) -> str:
        return BOMB + text.partition("?>")[2].replace("<Pixels", "<Description>&l9;</Description><Pixels", 1)

    refused(ome(tmp_path / name, noise((2, 8, 8)), laugh), "document type declaration")


@pytest.mark.parametrize("tag", [270, 700])
def test_entities_in_any_text_of_any_tiff(tmp_path: Path, noise: Noise, tag: int) -> None:
    path = tmp_path / "scanned.tif"
    text = (BOMB + "<scn>&l9;</scn>").encode()
    tiff.imwrite(path, noise((8, 8)), metadata=None, extratags=[(tag, 7 if tag == 700 else 2, len(text), text, False)])
    refused(path, "document type declaration")


def test_no_other_file_is_read_through_an_entity(tmp_path: Path, noise: Noise) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")

    def leak(text: str) -> str:
        declared = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
        return declared + text.partition("?>")[2].replace("<Pixels", "<Description>&x;</Description><Pixels", 1)

    assert "the secret" not in refused(ome(tmp_path / "leak.ome.tif", noise((2, 8, 8)), leak))
    with pytest.raises(ValueError, match="document type"):
        parse(leak("<OME/>").encode())


@pytest.mark.parametrize(
    "name", ["../other.ome.tif", "/etc/passwd", "sub/other.ome.tif", "..\\other.tif", "C:other.tif"]
)
def test_planes_in_another_folder(tmp_path: Path, noise: Noise, name: str) -> None:
    folder = tmp_path / "inner"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder / "sub"):
        tiff.imwrite(place / "other.ome.tif", noise((8, 8)))

    def elsewhere(text: str) -> str:
        start, end = text.index("<TiffData"), text.index("</Pixels>")
        planes = '<TiffData IFD="0" FirstZ="0" PlaneCount="1"/><TiffData IFD="0" FirstZ="1" PlaneCount="1">'
        uuid = f'<UUID FileName="{name}">urn:uuid:4978087c-a670-4b12-af53-256c62d8d101</UUID></TiffData>'
        return text[:start] + planes + uuid + text[end:]

    refused(ome(folder / "part.ome.tif", noise((2, 8, 8)), elsewhere), "outside its folder")


def test_a_file_that_was_moved_may_name_its_old_place(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 8, 8))

    def moved(text: str) -> str:
        own = text.partition('UUID="')[2].partition('"')[0]
        assert own.startswith("urn:uuid:")
        start, end = text.index("<TiffData"), text.index("</Pixels>")
        uuid = f'<UUID FileName="C:\\scans\\old.ome.tif">{own}</UUID>'
        return text[:start] + f'<TiffData IFD="0" PlaneCount="2">{uuid}</TiffData>' + text[end:]

    np.testing.assert_array_equal(open_image(ome(tmp_path / "new.ome.tif", pixels, moved)).array, pixels)


# --- images within files -------------------------------------------------------------------------------------------

ENCODERS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "jpeg": (7, imagecodecs.jpeg8_encode),
    "jpeg-2000": (34712, imagecodecs.jpeg2k_encode),
    "jpeg-xl": (50002, imagecodecs.jpegxl_encode),
    "jpeg-xr": (34934, imagecodecs.jpegxr_encode),
    "png": (34933, imagecodecs.png_encode),
    "lerc": (34887, imagecodecs.lerc_encode),
    "webp": (50001, lambda pixels: imagecodecs.webp_encode(np.dstack([pixels] * 3), lossless=True)),
    "webp-lossy": (50001, lambda pixels: imagecodecs.webp_encode(np.dstack([pixels] * 3), level=50, lossless=False)),
    "webp-alpha": (50001, lambda pixels: imagecodecs.webp_encode(np.dstack([pixels] * 4), level=50, lossless=False)),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("shape", [(32, 32), (24, 40), (600, 300), (400, 500), (8, 2000)])
def test_size_of_an_encoded_image(noise: Noise, name: str, shape: tuple[int, int]) -> None:
    encoded = bytes(ENCODERS[name][1](noise(shape, "uint8")))
    assert embedded_size(encoded) == shape
    for kept in range(0, min(60, len(encoded)), 3):
        assert embedded_size(encoded[:kept]) in {None, shape, (0, 0)} or name == "jpeg-xl"


@pytest.mark.parametrize("name", ENCODERS)
def test_strip_that_holds_a_larger_image(tmp_path: Path, noise: Noise, name: str) -> None:
    # They were decoded whole, gigabytes where a few bytes said so, and cropped or sheared without a word.
    compression, encode = ENCODERS[name]
    samples = {"webp": 3, "webp-lossy": 3, "webp-alpha": 4}.get(name, 1)
    path = one_strip(tmp_path / "bomb.tif", compression, bytes(encode(noise((256, 64), "uint8"))), samples=samples)
    refused(path, "256x64 pixels", "32x32")


@pytest.mark.parametrize(("syntax", "name"), [(dicom_material.BASELINE, "jpeg"), (dicom_material.J2K, "jpeg-2000")])
def test_frame_that_holds_a_larger_image(tmp_path: Path, noise: Noise, syntax: str, name: str) -> None:
    path, encode = tmp_path / "bomb.dcm", ENCODERS[name][1]
    small = noise((32, 32), "uint8")
    dicom_material.write(path, small, syntax, [bytes(encode(small))])
    assert open_image(path).array.shape == (32, 32)
    dicom_material.write(path, small, syntax, [bytes(encode(noise((256, 64), "uint8")))])
    refused(path, "256x64 pixels", "32x32")


def test_damaged_jpeg_xr_says_nothing_on_the_screen(tmp_path: Path, noise: Noise, capfd: Any) -> None:
    encoded = bytearray(imagecodecs.jpegxr_encode(noise((32, 32), "uint8")))
    at = int.from_bytes(encoded[4:8], "little")
    encoded[at : at + 2] = b"\xff\xff"
    refused(one_strip(tmp_path / "noisy.tif", 34934, bytes(encoded)), "without a size")
    assert capfd.readouterr() == ("", "")


# --- what is not there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
def test_tiff_without_pixels(tmp_path: Path, noise: Noise, tag: str) -> None:
    path = tmp_path / "nothing.tif"
    tiff.imwrite(path, noise((8, 8)), metadata=None)
    with tiff.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[tag].overwrite(0)
    refused(path, "no pixels")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_missing_strip_is_not_read_as_zeros(tmp_path: Path, noise: Noise, compression: str | None) -> None:
    path = tmp_path / "gap.tif"
    tiff.imwrite(path, noise((32, 32)), metadata=None, rowsperstrip=8, compression=compression)
    with tiff.TiffFile(path, mode="r+b") as tif:
        tag = tif.pages[0].tags["StripByteCounts"]
        tag.overwrite([*tag.value[:2], 0, tag.value[3]])
    refused(path)


def test_axes_that_do_not_fit_name_the_file(tmp_path: Path, noise: Noise) -> None:
    for name, write in (("a.npy", np.save), ("a.tif", tiff.imwrite)):
        write(tmp_path / name, noise((8, 8)))
        with pytest.raises(AxesError, match=rf"{name}.*'ZYX' name 3 dimensions"):
            open_image(tmp_path / name, "ZYX")


# --- what never ends -----------------------------------------------------------------------------------------------


def test_directories_that_overlap(tmp_path: Path) -> None:
    # 65000 entries that each hold the whole file: 50 GB to read from 780 kB.
    path, entries = tmp_path / "overlap.tif", 65000
    size = 8 + 2 + 12 * entries + 4
    tags = b"".join(struct.pack("<HHII", 33000 + n % 400, 7, size - n - 1, n % 8) for n in range(entries))
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, entries) + tags + bytes(4))
    refused(path, "overlap")


@pytest.mark.parametrize("offset", [2.0**62, 3e38, 1e12])
def test_pixels_that_begin_beyond_any_file(tmp_path: Path, noise: Noise, offset: float) -> None:
    path = tmp_path / "far.nii.gz"
    nib.save(nib.Nifti1Image(noise((8, 8, 2), "int16"), np.eye(4)), path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<f", content, 108, offset)
    path.write_bytes(gzip.compress(content))
    refused(path, "announces")


def test_gzip_that_goes_on_after_the_pixels(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.nii.gz"
    nib.save(nib.Nifti1Image(noise((8, 8, 2), "int16"), np.eye(4)), path)
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole + bytes(2**22)))
    assert open_image(path).array.shape == (2, 8, 8)
    monkeypatch.setattr(nifti_module, "_BEYOND", 2**21)
    refused(path, "goes on")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.tif"
    os.mkfifo(path)
    refused(path, "is a pipe")
    found = find_images([tmp_path])
    assert (found.images, [file for file, _ in found.skipped]) == ((), [path])


@pytest.mark.parametrize("number", [10**7, 2**31 - 1, 2**40])
@pytest.mark.parametrize("name", ["SizeX", "SizeY", "SizeZ", "SizeC", "SizeT", "PlaneCount", "IFD", "FirstZ"])
def test_numbers_in_ome_xml_that_would_be_counted_to(tmp_path: Path, noise: Noise, name: str, number: int) -> None:
    # tifffile made a list of as many pages, or counted to the number, before it compared anything
    def change(text: str) -> str:
        start, end = text.index("<TiffData"), text.index("</Pixels>")
        text = text[:start] + '<TiffData IFD="0" FirstZ="0" PlaneCount="2"/>' + text[end:]
        return re.sub(rf'{name}="\d+"', f'{name}="{number}"', text)

    refused(ome(tmp_path / "long.ome.tif", noise((2, 8, 8)), change))


@pytest.mark.parametrize("spacing", ["0", "nan", "1e400", "-0"])
def test_lengths_of_imagej_that_are_none(tmp_path: Path, noise: Noise, spacing: str) -> None:
    path, told = tmp_path / "a.tif", {"axes": "ZYX", "unit": "um", "spacing": 0.5}
    tiff.imwrite(path, noise((2, 8, 8)), imagej=True, resolution=(4.0, 4.0), metadata=told)
    assert open_image(path).pixel_size_um == {"X": 0.25, "Y": 0.25, "Z": 0.5}
    tiff.tiffcomment(path, tiff.tiffcomment(path).replace("spacing=0.5", f"spacing={spacing}").encode())
    assert open_image(path).pixel_size_um == {"X": 0.25, "Y": 0.25}
