"""Texts, archives and compressed pixels that mean far more than they are: nothing is expanded or followed."""

import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
import pytest
import tifffile
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from tests.dicom_material import write
from tests.io import test_czi, test_lif
from tests.io.refusing import refused
from tests.io.test_dicom_series import series
from tests.io.test_hostile_files import LAUGHS, ome, one_strip
from tests.io.test_npz import ARRAY, archive
from tests.mutation.judging import peak

from noise2detail.errors import UnreadableFileError
from noise2detail.io import open_image
from noise2detail.io.plan_file import read_plan

tiff: Any = tifffile

Noise = Callable[..., Any]

DECLARED = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'
DEPTH = 20_000
DEEP = "<a>" * DEPTH + "</a>" * DEPTH
OPENED: list[str] = []
LISTENING = [False]


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if LISTENING[0] and event in {"open", "os.listdir", "os.scandir"}:
        OPENED.append(str(arguments[0]))


@pytest.fixture
def opened() -> Any:
    """Names of everything that is opened or listed from now on."""
    if not any(LISTENING):
        sys.addaudithook(_listen)
    OPENED.clear()
    LISTENING[0] = True
    yield OPENED
    LISTENING[0] = False


def grown(path: Path) -> int:
    """Bytes that an attempt to open a file took at its peak."""
    before = peak(reset=True)
    with suppress(UnreadableFileError):
        open_image(path)
    return max(0, peak() - before)


# --- XML -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("declared", [DECLARED, '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>'])
def test_entities_in_czi(tmp_path: Path, noise: Noise, coding: str, declared: str) -> None:
    # They were expanded where the text was UTF-16, in which the declaration was not recognised.
    path = test_czi.make(tmp_path / "a.czi", test_czi.grid(noise((2, 8, 8)), "Z"))
    content = path.read_bytes()
    version = f'<?xml version="1.0"{"" if coding == "utf-8" else " encoding=" + repr("utf-16")}?>'
    xml = (version + declared + "<ImageDocument>&l9;</ImageDocument>").encode(coding)
    inside = struct.pack("<ii", len(xml), 0).ljust(256, b"\0") + xml
    path.write_bytes(content[: content.rindex(b"ZISRAWMETADATA")] + test_czi.segment(b"ZISRAWMETADATA", inside))
    refused(path, "document type declaration")


def test_entities_in_lif(tmp_path: Path) -> None:
    root = '<LMSDataContainerHeader Version="2"><Element Name="&l9;"/></LMSDataContainerHeader>'
    refused(test_lif.assemble(tmp_path / "a.lif", DECLARED + root, {}), "no known image format")
    refused(test_lif.assemble(tmp_path / "b.lif", root, {}), "undefined entity")
    within = root.replace("<Element", DECLARED + "<Element")
    refused(test_lif.assemble(tmp_path / "c.lif", within, {}), "not a Leica LIF file")


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16"])
def test_entities_in_xmp_of_two_bytes_a_sign(tmp_path: Path, noise: Noise, coding: str) -> None:
    path, text = tmp_path / "scanned.tif", (DECLARED + "<x>&l9;</x>").encode(coding)
    tiff.imwrite(path, noise((8, 8)), metadata=None, extratags=[(700, 7, len(text), text, False)])
    refused(path, "document type declaration")


def test_elements_within_elements(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((2, 8, 8))
    czi = test_czi.make(tmp_path / "a.czi", test_czi.grid(pixels, "Z"), xml=f"<ImageDocument>{DEEP}</ImageDocument>")
    np.testing.assert_array_equal(open_image(czi).array, pixels)
    deep = ome(tmp_path / "a.ome.tif", pixels, lambda text: text.replace("<Pixels", DEEP + "<Pixels", 1))
    np.testing.assert_array_equal(open_image(deep).array, pixels)
    inner = "<Element><Children>" * DEPTH + "</Children></Element>" * DEPTH
    root = f'<LMSDataContainerHeader Version="2">{inner}</LMSDataContainerHeader>'
    refused(test_lif.assemble(tmp_path / "a.lif", root, {}))


# --- JSON ----------------------------------------------------------------------------------------------------------


def test_lists_within_lists(tmp_path: Path, noise: Noise) -> None:
    deep = "[" * DEPTH + "]" * DEPTH
    for number, text in enumerate((f'{{"shape": {deep}}}', f'{{"shape": [2, 8, 8], "x": {deep}}}', deep)):
        path = tmp_path / f"{number}.tif"
        tiff.imwrite(path, noise((2, 8, 8)), description=text, metadata=None, photometric="minisblack")
        with suppress(UnreadableFileError):
            assert open_image(path, "ZYX").array.shape == (2, 8, 8)
    sidecar = tmp_path / "a.n2d.json"
    for text in (deep, f'{{"plan": {deep}}}', '{"a":' * DEPTH):
        sidecar.write_text(text)
        with pytest.raises(UnreadableFileError, match=r"a\.n2d\.json"):
            read_plan(sidecar)


@pytest.mark.parametrize("kind", ["descr", "shape"])
def test_headers_within_headers(tmp_path: Path, kind: str) -> None:
    said = {"descr": "'<u2'", "fortran_order": "False", "shape": "(2, 2)"} | {kind: "(" * 9000 + ")" * 9000}
    header = ("{" + ", ".join(f"'{key}': {value}" for key, value in said.items()) + "}").encode()
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(8)
    (tmp_path / "a.npy").write_bytes(content)
    refused(tmp_path / "a.npy")
    refused(archive(tmp_path / "a.npz", ("a.npy", content)))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_parsers_of_headers_do_not_warn(tmp_path: Path, name: str) -> None:
    content = ARRAY.replace(b"'descr': '|u1'", b"'d\\scr': '|u1'")
    assert content != ARRAY
    (tmp_path / "a.npy").write_bytes(content)
    archive(tmp_path / "a.npz", ("a.npy", content))
    refused(tmp_path / name)


# --- archives ------------------------------------------------------------------------------------------------------


def test_link_in_an_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "secret.npy", np.ones((8, 8)))
    member = zipfile.ZipInfo("a.npy")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as made:
        made.writestr(member, str(tmp_path / "secret.npy"))
    refused(tmp_path / "a.npz", "not a whole NPZ")
    assert {path.name for path in tmp_path.iterdir()} == {"secret.npy", "a.npz"}


def test_archive_that_unpacks_to_more_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = ARRAY[:128].replace(b"(4, 5), }  ", b"(4096, 4096),}")[:128]
    content = header[:-1].ljust(127) + b"\n" + bytes(4096 * 4096)
    path = archive(tmp_path / "a.npz", ("a.npy", content), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**15
    free = psutil.virtual_memory()._replace(available=2**23)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    refused(path, "of memory are free")


# --- compressed pixels ---------------------------------------------------------------------------------------------

UNPACKED = 2**25
ROOM = 2**23


@pytest.mark.parametrize(
    ("code", "pack"),
    [
        (8, lambda plain: zlib.compress(plain, 9)),
        (34925, imagecodecs.lzma_encode),
        (50000, imagecodecs.zstd_encode),
        (5, lambda plain: imagecodecs.lzw_encode(plain[: 2**25])),
    ],
    ids=["deflate", "lzma", "zstd", "lzw"],
)
def test_strip_that_unpacks_to_more_than_it_should(tmp_path: Path, code: int, pack: Callable[[bytes], bytes]) -> None:
    path = one_strip(tmp_path / "bomb.tif", code, bytes(pack(bytes(UNPACKED))))
    assert path.stat().st_size < 2**18
    assert grown(path) < ROOM


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.mark.parametrize("before", [b"iCCP:p\0\0", b"zTXt:p\0\0", b"iTXt:p\0\1\0\0\0", b"IDAT:"])
def test_chunk_that_unpacks_to_more_than_it_should(tmp_path: Path, before: bytes, noise: Noise) -> None:
    name, _, start = before.partition(b":")
    encoded = bytes(imagecodecs.png_encode(noise((8, 8), "uint8")))
    bomb = chunk(name, start + zlib.compress(bytes(UNPACKED), 9))
    (tmp_path / "bomb.png").write_bytes(encoded[:33] + bomb + encoded[33:])
    assert grown(tmp_path / "bomb.png") < ROOM


# --- names that lead elsewhere -------------------------------------------------------------------------------------


def test_an_index_of_dicom_files_is_never_followed(tmp_path: Path, opened: list[str]) -> None:
    folder, pixels = series(tmp_path / "scan")
    (series(tmp_path / "ELSE")[0] / "0.dcm").rename(tmp_path / "ELSE" / "0")
    record = Dataset()
    record.DirectoryRecordType = "IMAGE"
    record.ReferencedFileID = ["XX", "ELSE", "0"]
    kind = UID("1.2.840.10008.1.3.10")
    write(folder / "DICOMDIR", pixels[0], SOPClassUID=kind, DirectoryRecordSequence=Sequence([record]))
    index = (folder / "DICOMDIR").read_bytes()
    assert index.count(b"XX\\ELSE") == 1
    (folder / "DICOMDIR").write_bytes(index.replace(b"XX\\ELSE", b"..\\ELSE"))
    opened.clear()
    assert open_image(folder).array.shape == pixels.shape
    refused(folder / "DICOMDIR", "a DICOMDIR")
    read = [name for name in opened if str(tmp_path) in name]
    assert read
    assert all(Path(name) == folder or Path(name).parent == folder for name in read), read
