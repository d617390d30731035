"""Everything that is refused, really provoked: what was tried, and what was said."""

import contextlib
import gzip
import io
import os
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import PIL.Image
import pydicom
import tifffile
import zarr

from noise2detail.errors import Noise2DetailError
from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from tests.dicom_material import write
from tests.io.test_mrc_write import patch, volume
from tests.keeping.stores import make as make_store
from tests.keeping.tiffs import make_ome, noise

tiff: Any = tifffile
nib: Any = nibabel

Provoke = Callable[[Path], object]
"""Does the wrong thing in an empty folder."""

GREY = noise((9, 8))
INDEX = "1.2.840.10008.1.3.10"


def opening(name: str, content: bytes) -> Provoke:
    """Open a file of these bytes."""

    def provoke(folder: Path) -> None:
        (folder / name).write_bytes(content)
        open_image(folder / name)

    return provoke


def made(name: str, make: Callable[[Path], object]) -> Provoke:
    """Open what was made."""

    def provoke(folder: Path) -> None:
        make(folder / name)
        open_image(folder / name)

    return provoke


def cut(name: str, make: Callable[[Path], object], share: float = 0.7) -> Provoke:
    """Open the first part of what was made."""

    def provoke(folder: Path) -> None:
        make(folder / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(len(whole) * share)])
        open_image(folder / name)

    return provoke


def saving(name: str, axes: str = "YX", dtype: str = "uint16", **more: Any) -> Provoke:
    """Save an array under a name."""
    lengths = {"T": 2, "C": 2, "Z": 3, "Y": 9, "X": 8, "S": 3}
    shape = tuple(lengths[axis] for axis in axes)
    return lambda folder: save_image(Image(noise(shape, dtype), axes), folder / name, **more)


def png(pixels: Any, size: tuple[int, int] | None = None) -> bytes:
    """A grey PNG that says it has another size; not compressed, so that it has as many bytes everywhere."""
    rows, columns = pixels.shape
    lines = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels), level=0)
    head = struct.pack(">2I5B", *(size or (columns, rows)), 8, 0, 0, 0, 0)
    chunks = [b"IHDR" + head, b"IDAT" + lines, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def picture(kind: str, mode: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    PIL.Image.new(mode, (8, 8)).save(stream, kind, **options)
    return stream.getvalue()


def tiff_bomb() -> bytes:
    entries = [(256, 4, 200_000), (257, 4, 200_000), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 4, 200_000), (279, 4, 40)]
    body = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 0)


def broken_png() -> bytes:
    content = bytearray(png(noise((16, 16), "uint8")))
    content[60] ^= 255
    return bytes(content)


def film(path: Path) -> None:
    frames = [PIL.Image.new("L", (8, 8), grey) for grey in range(2)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def two_images(path: Path) -> None:
    with tiff.TiffWriter(path) as writer:
        writer.write(noise((8, 8)), metadata=None)
        writer.write(noise((9, 7)), metadata=None)


def unnamed(path: Path) -> None:
    tiff.imwrite(path, noise((2, 3, 8, 8)), photometric="minisblack")


def pages(path: Path) -> None:
    with tiff.TiffWriter(path) as writer:
        for plane in noise((20, 32, 32)):
            writer.write(plane, metadata=None)


def lacks_companion(path: Path) -> None:
    tiff.imwrite(path, noise((2, 8, 8)), metadata={"axes": "ZYX"}, photometric="minisblack")
    text = tiff.tiffcomment(path)
    data = text[text.index("<TiffData") : text.index("</Pixels>")]
    other = '<UUID FileName="other.ome.tif">urn:uuid:4978087c-a670-4b12-af53-256c62d8d101</UUID>'
    first, second = (f'<TiffData IFD="0" FirstZ="{index}" PlaneCount="1">' for index in range(2))
    tiff.tiffcomment(path, text.replace(data, f"{first}</TiffData>{second}{other}</TiffData>").encode())


def coloured(path: Path) -> None:
    tiff.imwrite(path, noise((8, 8), "uint8"), photometric="palette", colormap=noise((3, 256)))


def nifti(path: Path, dtype: str = "int16") -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nib.save(nib.Nifti1Image(noise((9, 8, 3), "uint8").astype(dtype), np.eye(4)), path)
    return path


def two_arrays(path: Path) -> None:
    np.savez(path, cells=GREY, nuclei=GREY)


def only_text(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")


def objects(path: Path) -> None:
    np.save(path, np.array([[{}, {}]], dtype=object), allow_pickle=True)


def slices(folder: Path, heights: list[float], uids: list[str]) -> None:
    folder.mkdir()
    for place, (height, uid) in enumerate(zip(heights, uids, strict=True)):
        write(
            folder / f"{place}.dcm", GREY, SeriesInstanceUID=uid, ImagePositionPatient=[0, 0, height],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1],
        )  # fmt: skip


def no_image_group(path: Path) -> None:
    zarr.open_group(path, mode="w").attrs["hello"] = 1


def lacks_chunks(path: Path) -> None:
    make_store(path, "0.5", compressed=False)
    for chunk in sorted((path / "0" / "c").rglob("*")):
        if chunk.is_file():
            chunk.write_bytes(chunk.read_bytes()[:-9])


def from_the_future(path: Path) -> None:
    make_store(path, "0.5")
    group: Any = zarr.open_group(path, mode="r+")
    group.attrs["ome"] = {**group.attrs["ome"], "version": "0.9"}


def onto_itself(folder: Path) -> None:
    path = save_image(Image(GREY, "YX"), folder / "cells.tif")
    save_image(open_image(path), path, source=path, overwrite=True)


def onto_another(folder: Path) -> None:
    path = save_image(Image(GREY, "YX"), folder / "cells.tif")
    save_image(open_image(path), path)


def into_a_store(folder: Path) -> None:
    make_store(folder / "cells.zarr", "0.5")
    save_image(Image(GREY, "YX"), folder / "cells.zarr" / "result.tif")


def over_a_folder(folder: Path) -> None:
    (folder / "cells.tif").mkdir()
    save_image(Image(GREY, "YX"), folder / "cells.tif", overwrite=True)


def other_type(folder: Path) -> None:
    image = open_image(write(folder / "slice.dcm", GREY))
    save_image(Image(np.asarray(image.array, np.complex64), "YX"), folder / "result.tif")


READING: dict[str, dict[str, Provoke]] = {
    "Any file": {
        "a name that is not there": lambda folder: open_image(folder / "cells.tif"),
        "an empty file": opening("cells.tif", b""),
        "text": opening("notes.tif", b"pixel;value\n1;2\n"),
        "bytes of no known format": opening("cells.tif", bytes(range(200, 256))),
        "a folder that is no image": lambda folder: open_image(folder),
        "GIF": opening("cells.gif", picture("GIF", "L")),
        "HDF5 (also Imaris)": opening("cells.ims", b"\x89HDF\r\n\x1a\n" + bytes(99)),
        "a compound file that is no OIB": opening("cells.oib", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999)),
        "JPEG 2000": opening("cells.jp2", b"\0\0\0\x0cjP  " + bytes(99)),
        "PDF": opening("paper.pdf", b"%PDF-1.7"),
        "gzip of anything but NIfTI": opening("cells.gz", gzip.compress(bytes(99), mtime=0)),
    },
    "TIFF": {
        "cut short": cut("cells.ome.tif", make_ome),
        "cut short, without OME-XML": cut("cells.tif", pages),
        "122 bytes that announce 40 GB": opening("bomb.tif", tiff_bomb()),
        "images of different sizes": made("two.tif", two_images),
        "four dimensions without names": made("what.tif", unnamed),
        "other files of an OME-TIFF set missing": made("one.ome.tif", lacks_companion),
        "a palette of colours": made("coded.tif", coloured),
    },
    "PNG, JPEG, BMP": {
        "PNG cut short": opening("cells.png", png(noise((16, 16), "uint8"))[:200]),
        "PNG with a changed byte": opening("cells.png", broken_png()),
        "PNG that announces 40 GB": opening("bomb.png", png(np.zeros((4, 4), np.uint8), (200_000, 200_000))),
        "PNG with a palette": opening("coded.png", picture("PNG", "P")),
        "PNG of 1 bit": opening("mask.png", picture("PNG", "1")),
        "animated PNG": made("film.png", film),
        "JPEG of inks (CMYK)": opening("print.jpg", picture("JPEG", "CMYK")),
        "BMP of 1 bit": opening("mask.bmp", picture("BMP", "1")),
    },
    "NPY, NPZ": {
        "three dimensions without names": made("stack.npy", lambda path: np.save(path, noise((5, 8, 8)))),
        "Python objects": made("objects.npy", objects),
        "one dimension": made("line.npy", lambda path: np.save(path, noise((5,)))),
        "NPY cut short": cut("cells.npy", lambda path: np.save(path, noise((16, 16)))),
        "NPZ of two arrays": made("two.npz", two_arrays),
        "a ZIP archive of something else": made("notes.npz", only_text),
    },
    "NIfTI, MRC": {
        "NIfTI cut short": cut("scan.nii", nifti),
        "complex numbers": made("scan.nii", lambda path: nifti(path, "complex64")),
        "CIFTI": made("scan.nii", lambda path: patch(nifti(path), "<h", 68, 3001)),
        "NIfTI that announces 41 GB": made("scan.nii", lambda path: patch(nifti(path), "<4h", 40, 3, 32000, 32000, 20)),
        "a header without its pixels": made("scan.hdr", lambda path: lonely_header(path)),
        "MRC of 4 bits": made("map.mrc", lambda path: patch(volume(path, noise((3, 9, 8), "int16")), "<i", 12, 101)),
        "MRC cut short": cut("map.mrc", lambda path: volume(path, noise((3, 9, 8), "int16"))),
    },
    "DICOM": {
        "cut short": cut("slice.dcm", lambda path: write(path, GREY), 0.9),
        "a segmentation of 1 bit": made("mask.dcm", lambda path: write(path, GREY, BitsAllocated=1)),
        "a palette of colours": made(
            "slice.dcm", lambda path: write(path, GREY, PhotometricInterpretation="PALETTE COLOR")
        ),
        "a whole slide": made(
            "slide.dcm", lambda path: write(path, noise((4, 9, 8)), TotalPixelMatrixColumns=99, NumberOfFrames=4)
        ),
        "DICOMDIR": made("DICOMDIR", lambda path: write(path, GREY, SOPClassUID=pydicom.uid.UID(INDEX))),
        "a folder of two series": made("scan", lambda path: slices(path, [0, 1], ["1.2.3", "1.2.4"])),
        "a slice missing": made("scan", lambda path: slices(path, [0, 1, 2, 4], ["1.2.3"] * 4)),
    },
    "OME-Zarr": {
        "Zarr that is no image": made("cells.zarr", no_image_group),
        "a later version": made("cells.zarr", from_the_future),
        "pixels cut short": lambda folder: read_all(folder / "cells.zarr"),
    },
}  # fmt: skip


def lonely_header(path: Path) -> None:
    nib.save(nib.Nifti1Pair(noise((9, 8, 3), "int16"), np.eye(4)), path.with_suffix(".img"))
    path.with_suffix(".img").unlink()


def read_all(path: Path) -> None:
    lacks_chunks(path)
    np.asarray(open_image(path).array)


WRITING: dict[str, dict[str, Provoke]] = {
    "Where it would go": {
        "the output is the input": onto_itself,
        "the output is there already": onto_another,
        "its folder is not there": saving("results/cells.tif"),
        "a folder of that name": over_a_folder,
        "a place inside a Zarr store": into_a_store,
    },
    "What the format cannot hold": {
        "JPEG": saving("cells.jpg"),
        "Analyze": saving("scan.hdr"),
        "a format that is not known": saving("cells.xyz"),
        "PNG of float32": saving("cells.png", dtype="float32"),
        "PNG of a stack": saving("cells.png", "ZYX"),
        "BMP of 16 bits": saving("cells.bmp"),
        "OME-TIFF of int64": saving("cells.ome.tif", dtype="int64"),
        "NIfTI of channels": saving("cells.nii.gz", "CYX"),
        "NIfTI of 16-bit colours": saving("cells.nii.gz", "YXS"),
        "MRC of channels": saving("cells.mrc", "CYX"),
        "OME-Zarr of RGB": saving("cells.ome.zarr", "YXS"),
        "OME-Zarr of complex numbers": saving("cells.ome.zarr", dtype="complex64"),
        "DICOM of something else": saving("cells.dcm"),
        "a DICOM series of something else": saving("cells"),
    },
}


def said(provoke: Provoke, folder: Path) -> str:
    """The message, without the folder in which it happened; empty where nothing was refused."""
    folder.mkdir()
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            provoke(folder)
        except Noise2DetailError as error:
            return str(error).replace(f"{folder}{os.sep}", "").replace(str(folder), "folder").replace("\\", "/")
    return ""
