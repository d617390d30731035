"""Headers that are well-formed and say anything: an image that makes sense, or one clear error.

Where the damaged files change bytes, these choose the fields of a header, so that several may agree in their nonsense.
"""

import logging
import re
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import mrcfile.dtypes
import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import dicom_material
from tests.io import test_nd2
from tests.io.test_npz import archive
from tests.mutation.folder_seeds import same_uids
from tests.mutation.judging import Kind
from tests.mutation.seed import pixels

nib: Any = nibabel
mrc: Any = mrcfile

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WHOLE = st.sampled_from([0, 1, 2, 3, 8, 16, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(0, 70000)
REAL = st.floats(width=32) | st.sampled_from([0.0, -1.0, 1e-30, 1e30])
TEXT = st.one_of(
    WHOLE.map(str),
    REAL.map(str),
    st.sampled_from(["", "-1", "1e400", "nan", "uint16", "XYZCT", "ZYX", "9" * 400, "\u0663", "&lt;", "m", "s"]),
)
_ATTRIBUTE = re.compile(r'(?<= )\w+="([^"]*)"')


@pytest.fixture(autouse=True)
def _unheard() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Kind]:
    """A seed by its name, written once."""
    made: dict[str, Kind] = {}

    def find(name: str) -> Kind:
        if name not in made:
            made[name] = Kind(name, tmp_path_factory.mktemp("kind"))
        return made[name]

    return find


Kinds = Callable[[str], Kind]


def holds(kind: Kind, content: bytes) -> None:
    """What must be true of every file."""
    path = kind.folder / f"any{kind.seed.suffix}"
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    with kind.announced:
        outcome, detail = kind.judge(path, "header")
    assert outcome in {"image", "refused", "input error"}, (outcome, detail)


def any_attribute(data: st.DataObject, text: str) -> str:
    """A text whose attributes, up to three of them, have other values."""
    for _ in range(data.draw(st.integers(1, 3))):
        found = data.draw(st.sampled_from(list(_ATTRIBUTE.finditer(text))))
        text = text[: found.start(1)] + data.draw(TEXT) + text[found.end(1) :]
    return text


# --- TIFF ----------------------------------------------------------------------------------------------------------

TAGS = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 16, 279: 256}
FURTHER = (
    254,
    266,
    274,
    282,
    284,
    296,
    317,
    320,
    322,
    323,
    324,
    325,
    330,
    338,
    339,
    347,
    530,
    33550,
    33628,
    34412,
    50838,
)


@QUICK
@given(data=st.data())
def test_tags_of_tiff(data: st.DataObject, kinds: Kinds) -> None:
    order = data.draw(st.sampled_from("<>"))
    said = {code: (3 if code in {258, 259, 262, 277} else 4, 1, value) for code, value in TAGS.items()}
    for code in data.draw(st.lists(st.sampled_from([*TAGS, *FURTHER]), min_size=1, max_size=4)):
        said[code] = (data.draw(st.integers(1, 18)), data.draw(st.sampled_from([0, 1, 2, 3, 2**31])), data.draw(WHOLE))
    at = 8 + 2 + 12 * len(said) + 4
    said[273] = said[273] if said[273][2] != 8 else (4, 1, at)
    fields = b"".join(struct.pack(f"{order}HHII", code, *said[code]) for code in sorted(said))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(said))
    holds(kinds("tiff"), head + fields + bytes(4) + pixels(16, 16, dtype="uint8").tobytes())


@QUICK
@given(data=st.data())
def test_attributes_of_ome_xml(data: st.DataObject, kinds: Kinds) -> None:
    kind = kinds("ome-tiff")
    holds(kind, kind.seed.retext(kind.content, lambda xml: any_attribute(data, xml.decode()).encode()))


@QUICK
@given(data=st.data())
def test_lines_of_imagej(data: st.DataObject, kinds: Kinds) -> None:
    keys = ["images", "channels", "slices", "frames", "hyperstack", "spacing", "finterval", "unit", "mode", "min", "cf"]
    said = data.draw(st.dictionaries(st.sampled_from(keys), TEXT, min_size=1, max_size=4))
    kind = kinds("imagej-tiff")

    def change(text: bytes) -> bytes:
        lines = [line for line in text.decode().splitlines() if line.partition("=")[0] not in said]
        return "\n".join([*lines, *(f"{key}={value}" for key, value in said.items()), ""]).encode()

    holds(kind, kind.seed.retext(kind.content, change))


# --- PNG, JPEG, BMP ------------------------------------------------------------------------------------------------


@QUICK
@given(data=st.data())
def test_chunks_of_png(data: st.DataObject, kinds: Kinds) -> None:
    small = st.sampled_from([0, 1, 2, 3, 4, 6, 8, 16, 255])
    side = st.sampled_from([0, 1, 15, 16, 20, 65535, 2**31 - 1, 2**32 - 1])
    head = struct.pack(">IIBB", data.draw(side), data.draw(side), data.draw(small), data.draw(small))
    head += bytes([0, 0, data.draw(st.sampled_from([0, 0, 0, 1, 2]))])
    rows = zlib.compress(bytes(data.draw(st.sampled_from([0, 100, 336, 656, 10000]))))
    contents = {b"IHDR": head, b"IDAT": rows, b"IEND": b"", b"PLTE": bytes(768), b"tRNS": bytes(2), b"acTL": bytes(8)}
    contents |= {b"gAMA": bytes(4), b"sBIT": bytes(1), b"iCCP": b"p\0\0" + rows, b"tEXt": b"a\0b", b"CgBI": b""}
    names = [b"IHDR", *data.draw(st.lists(st.sampled_from(list(contents)), max_size=5)), b"IDAT", b"IEND"]
    chunks = [struct.pack(">I", len(contents[name])) + name + contents[name] for name in names]
    checked = b"".join(chunk + struct.pack(">I", zlib.crc32(chunk[4:])) for chunk in chunks)
    holds(kinds("png"), b"\x89PNG\r\n\x1a\n" + checked)


@QUICK
@given(data=st.data())
def test_frame_of_jpeg(data: st.DataObject, kinds: Kinds) -> None:
    content = bytearray(kinds("jpeg/colour").content)
    at = next(found.start() for found in re.finditer(rb"\xff\xc0\0\x11", content))
    content[at + 1] = data.draw(st.sampled_from([0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xF7]))
    content[at + 4] = data.draw(st.sampled_from([0, 8, 12, 16]))
    side = st.sampled_from([0, 1, 24, 32, 300, 65535])
    content[at + 5 : at + 9] = struct.pack(">HH", data.draw(side), data.draw(side))
    content[at + 9] = data.draw(st.integers(0, 5))
    for component in range(3):
        content[at + 11 + 3 * component] = data.draw(st.sampled_from([0x11, 0x22, 0x12, 0x44, 0, 0xFF]))
    holds(kinds("jpeg/colour"), bytes(content))


@QUICK
@given(data=st.data(), name=st.sampled_from(["bmp", "bmp/colour", "bmp/alpha"]))
def test_header_of_bmp(data: st.DataObject, name: str, kinds: Kinds) -> None:
    content = bytearray(kinds(name).content)
    places = {10: 4, 14: 4, 18: 4, 22: 4, 26: 2, 28: 2, 30: 4, 34: 4, 46: 4, 50: 4}
    for place in data.draw(st.lists(st.sampled_from(list(places)), min_size=1, max_size=4)):
        value = data.draw(WHOLE | st.sampled_from([-1, -12, 12, 40, 56, 108, 124])) % 2 ** (8 * places[place])
        content[place : place + places[place]] = value.to_bytes(places[place], "little")
    holds(kinds(name), bytes(content))


# --- arrays and volumes --------------------------------------------------------------------------------------------

LITERALS = st.recursive(
    st.sampled_from(["<u2", "|O", "<U9", "<M8[s]", "|V8", "<c8", "", "(2,)i4", ">f8", "|b1"])
    | st.none()
    | st.booleans()
    | st.integers(-3, 20)
    | st.just(2**62),
    lambda inner: st.tuples(inner, inner) | st.lists(inner, max_size=3) | st.tuples(inner),
    max_leaves=5,
)


@QUICK
@given(data=st.data(), packed=st.booleans())
def test_header_of_npy(data: st.DataObject, packed: bool, kinds: Kinds, tmp_path: Path) -> None:
    said: dict[str, object] = {"descr": "<u2", "fortran_order": False, "shape": (12, 16)}
    key = data.draw(st.sampled_from([*said, "more"]))
    said[key] = data.draw(LITERALS)
    header = (repr(said) + "\n").encode()
    version = data.draw(st.sampled_from([1, 1, 2, 3, 4]))
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    content = b"\x93NUMPY" + bytes([version, 0]) + length + header + pixels(12, 16).tobytes()
    if packed:
        content = archive(tmp_path / "any.zip", ("a.npy", content)).read_bytes()
    holds(kinds("npz" if packed else "npy"), content)


def any_record(data: st.DataObject, content: bytes, dtype: np.dtype[Any]) -> bytes:
    """A header whose fields, up to four of them, have other values."""
    record: Any = np.frombuffer(content[: dtype.itemsize], dtype).copy()
    numeric = [name for name in dtype.names or () if dtype[name].base.kind in "iuf"]
    for name in data.draw(st.lists(st.sampled_from(numeric), min_size=1, max_size=4)):
        base = dtype[name].base
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = [data.draw(REAL if base.kind == "f" else WHOLE | st.just(-1)) for _ in range(record[name].size)]
            record[name] = np.array(values).astype(base).reshape(record[name].shape)
    return bytes(record.tobytes()) + content[dtype.itemsize :]


RECORDS: dict[str, np.dtype[Any]] = {
    "nifti": np.dtype(nib.nifti1.header_dtype),
    "nifti/2": np.dtype(nib.nifti2.header_dtype),
    "mrc": np.dtype(mrc.dtypes.HEADER_DTYPE),
}


@QUICK
@given(data=st.data(), name=st.sampled_from(list(RECORDS)))
def test_fields_of_volumes(data: st.DataObject, name: str, kinds: Kinds) -> None:
    holds(kinds(name), any_record(data, kinds(name).content, RECORDS[name]))


@QUICK
@given(data=st.data())
def test_fields_of_analyze(data: st.DataObject, kinds: Kinds, tmp_path: Path) -> None:
    kind = kinds("analyze")
    folder = kind.folder / "any"
    folder.mkdir(exist_ok=True)
    header = any_record(data, kind.files[Path("a.hdr")], np.dtype(nib.analyze.header_dtype))
    for name, content in (("a.hdr", header), ("a.img", kind.files[Path("a.img")])):
        (folder / name).write_bytes(content)
    outcome, detail = kind.judge(folder, "header")
    assert outcome in {"image", "refused", "input error"}, (outcome, detail)


# --- DICOM ---------------------------------------------------------------------------------------------------------

SHORT = st.sampled_from([0, 1, 2, 3, 7, 8, 9, 12, 16, 32, 64, 65535])
DECIMAL = st.sampled_from(["0", "1", "-1", "1e308", "1e-308", "2.5", "-1024", "1e999"])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"), SHORT),
    **dict.fromkeys(("PixelRepresentation", "PlanarConfiguration", "PixelPaddingValue"), SHORT),
    "NumberOfFrames": st.sampled_from(["0", "1", "2", "-1", "2147483647"]),
    "PhotometricInterpretation": st.sampled_from(
        ["MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR", ""]
    ),
    **dict.fromkeys(("RescaleSlope", "RescaleIntercept", "SpacingBetweenSlices", "FrameTime"), DECIMAL),
    "PixelSpacing": st.lists(DECIMAL, max_size=3),
    "ImagePositionPatient": st.lists(DECIMAL, max_size=4),
    "ImageOrientationPatient": st.lists(DECIMAL, max_size=7),
    "PixelData": st.sampled_from([b"", b"\0", bytes(100), bytes(384), bytes(1000)]),
}


@QUICK
@given(data=st.data())
def test_fields_of_dicom(data: st.DataObject, kinds: Kinds, tmp_path: Path) -> None:
    names = data.draw(st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=5, unique=True))
    chosen = {name: data.draw(FIELDS[name]) for name in names}
    with same_uids(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = dicom_material.write(tmp_path / "made.dcm", pixels(12, 16), **chosen)
    holds(kinds("dicom"), path.read_bytes())


# --- microscopes' vendors ------------------------------------------------------------------------------------------


@QUICK
@given(data=st.data(), name=st.sampled_from(["czi", "czi/zstd"]))
def test_entries_of_czi(data: st.DataObject, name: str, kinds: Kinds) -> None:
    # directory and blocks say the same, or nothing but their contradiction would be tested
    content = kinds(name).content
    found = [one.start() for one in re.finditer(rb"DV[\0-\x0c]\0\0\0", content)]
    half = found[: len(found) // 2]
    chosen = data.draw(st.integers(0, len(half) - 1))
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([2, 18, *(32 + 20 * n + field for n in range(4) for field in (4, 8, 16))]))
        value = data.draw(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 16, 2**15, 2**31 - 1, 2**32 - 1]))
        every = data.draw(st.booleans())
        for at in found if every else (found[chosen], found[chosen + len(half)]):
            changed[at + place : at + place + 4] = struct.pack("<I", value)
    holds(kinds(name), bytes(changed))


@QUICK
@given(data=st.data())
def test_values_in_czi_xml(data: st.DataObject, kinds: Kinds) -> None:
    kind = kinds("czi")

    def change(xml: bytes) -> bytes:
        text = xml.decode()
        for _ in range(data.draw(st.integers(1, 3))):
            found = data.draw(st.sampled_from(list(re.finditer(r">([^<>]+)<", text))))
            text = text[: found.start(1)] + data.draw(TEXT) + text[found.end(1) :]
        return text.encode()

    holds(kind, kind.seed.retext(kind.content, change))


@QUICK
@given(data=st.data(), name=st.sampled_from(["lif", "lif/channels"]))
def test_attributes_of_lif(data: st.DataObject, name: str, kinds: Kinds) -> None:
    kind = kinds(name)
    holds(kind, kind.seed.retext(kind.content, lambda xml: any_attribute(data, xml.decode()).encode()))


@QUICK
@given(data=st.data(), name=st.sampled_from(["nd2", "nd2/packed"]))
def test_attributes_of_nd2(data: st.DataObject, name: str, kinds: Kinds) -> None:
    content = kinds(name).content
    keys = ["uiWidth", "uiWidthBytes", "uiHeight", "uiComp", "uiBpcInMemory", "uiBpcSignificant", "uiSequenceCount"]
    for key in data.draw(
        st.lists(st.sampled_from([*keys, "eCompression", "uiCount", "eType"]), min_size=1, max_size=3)
    ):
        label = test_nd2.one(key, 0)[:-4]
        at = content.index(label) + len(label)
        content = content[:at] + struct.pack("<I", data.draw(WHOLE)) + content[at + 4 :]
    holds(kinds(name), content)


# --- images within images ------------------------------------------------------------------------------------------


@QUICK
@given(data=st.data())
def test_codestreams_within_tiff(data: st.DataObject, kinds: Kinds) -> None:
    encoders: dict[int, Callable[[Any], Any]] = {
        34712: imagecodecs.jpeg2k_encode,
        34934: imagecodecs.jpegxr_encode,
        34887: imagecodecs.lerc_encode,
        7: imagecodecs.jpeg8_encode,
    }
    code = data.draw(st.sampled_from(list(encoders)))
    strip = bytearray(encoders[code](pixels(32, 32, dtype="uint8")))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(120, len(strip) - 4)))
        strip[at : at + 2] = struct.pack(">H", data.draw(st.sampled_from([0, 1, 32, 255, 256, 32767, 65535])))
    said = {256: 32, 257: 32, 258: 8, 259: code, 262: 1, 273: 8 + 2 + 12 * 9 + 4, 277: 1, 278: 32, 279: len(strip)}
    fields = b"".join(struct.pack("<HHII", tag, 4 if tag > 270 else 3, 1, value) for tag, value in said.items())
    holds(kinds("tiff"), b"II*\0" + struct.pack("<IH", 8, 9) + fields + bytes(4) + bytes(strip))
