"""NPZ of one array; judged by NumPy and by the ZIP archive itself."""

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.io.refusing import refused

from noise2detail.errors import AxesError
from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels

Noise = Callable[..., Any]
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(
    pixels=hnp.arrays(st.sampled_from(["uint8", ">u2", "<f4", "int64", "bool"]), st.sampled_from([(2, 3), (2, 3, 4)])),
    packed=st.booleans(),
    columns_first=st.booleans(),
    name=st.sampled_from(["cells", "arr_0", "zoom/level 1", "größe"]),
)
def test_any_array_as_npz(pixels: Pixels, packed: bool, columns_first: bool, name: str, tmp_path: Path) -> None:
    source = tmp_path / "in.npz"
    stored = np.asfortranarray(pixels) if columns_first else pixels
    save: Any = np.savez_compressed if packed else np.savez
    save(source, **{name: stored})
    image = open_image(source, "ZYX"[-pixels.ndim :])
    assert np.asarray(image.array).dtype == pixels.dtype.newbyteorder("=")
    np.testing.assert_array_equal(np.nan_to_num(image.array), np.nan_to_num(pixels))
    output = save_image(image, tmp_path / "out.npz", overwrite=True)
    with np.load(output) as again, zipfile.ZipFile(source) as before, zipfile.ZipFile(output) as after:
        assert again.files == [name]
        assert again[name].dtype == pixels.dtype
        assert after.infolist()[0].compress_type == before.infolist()[0].compress_type
        assert after.read(f"{name}.npy") == before.read(f"{name}.npy")


def test_an_image_from_elsewhere_as_npz(noise: Noise, tmp_path: Path) -> None:
    image = Image(noise((2, 8, 9)), "ZYX")
    paths = [save_image(image, tmp_path / name) for name in ("a.npz", "b.npz")]
    with np.load(paths[0]) as again:
        np.testing.assert_array_equal(again["arr_0"], image.array, strict=True)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(AxesError, match=r"a\.npz: an NPZ file of shape \(2, 8, 9\).*likely: ZYX"):
        open_image(paths[0])


def archive(path: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in members:
            made.writestr(name, content)
    return path


def stored(array: Pixels) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


ARRAY = stored(np.ones((4, 5), np.uint8))


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ((("a.npy", ARRAY), ("b.npy", ARRAY)), "holds 2 things: a, b; expected one array"),
        ((("a.npy", ARRAY), ("notes.txt", b"")), "a, notes.txt"),
        (tuple((f"{n}.npy", ARRAY) for n in range(20)), "6, 7, ...; expected one array"),
        ((("document.xml", b"<x/>"),), "a ZIP archive without a NumPy array"),
        ((("../../up.npy", ARRAY),), "which is no name"),
        ((("/etc/up.npy", ARRAY),), "which is no name"),
        ((("..\\up.npy", ARRAY),), "which is no name"),
        (((".npy", ARRAY),), "which is no name"),
        ((("a.npy", stored(np.array([[{}, 1]], dtype=object))),), "expected numbers"),
        ((("a.npy", stored(np.ones(5))),), "expected an image"),
        ((("a.npy", ARRAY[:-1]),), "announces 20 bytes of pixels and holds 19"),
        ((("a.npy", ARRAY + b"x"),), "holds 21"),
        ((("a.npy", b"no array"),), "not a whole NPZ"),
        ((("a.npy", ARRAY.replace(b"(4, 5)", b"(-4,5)")),), "expected an image"),
        ((("a.npy", b"\x93NUMPY\x09\0" + ARRAY[8:]),), "unknown version"),
    ],
)
def test_archives_that_are_no_image(members: tuple[tuple[str, bytes], ...], found: str, tmp_path: Path) -> None:
    refused(archive(tmp_path / "a.npz", *members), found)


def test_zip_bombs(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", ("a.npy", ARRAY), compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    where = content.index(b"PK\x01\x02")
    content[where + 24 : where + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    refused(path, "announces 4.3 GB")
    shape = ARRAY.replace(b"(4, 5), }  ", b"(90000, 90000), }")
    refused(
        archive(tmp_path / "b.npz", ("a.npy", shape), compression=zipfile.ZIP_DEFLATED), "announces 8100000000 bytes"
    )


def test_corrupt_pixels_fail_the_checksum(noise: Noise, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, noise((8, 8), "uint8"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") - 5] ^= 255
    path.write_bytes(content)
    refused(path, "CRC")
