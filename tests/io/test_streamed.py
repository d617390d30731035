"""Images larger than the memory: read and written part by part, each part once; the result is that of any other."""

import importlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import tifffile
import zarr
from tests.cli.running import environment
from tests.dicom_material import write
from tests.io.test_dicom_series import series
from zarr.codecs import GzipCodec

from noise2detail.errors import UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import lazy as io_lazy
from noise2detail.io import open_image, save_image, zarr_pixels
from noise2detail.io.announced import within
from noise2detail.io.checksums import Checksums, checksum
from noise2detail.io.lazy import LazyPixels, boxes, transposed
from noise2detail.types import Pixels

Noise = Callable[..., Any]
Stores = Any
nib: Any = nibabel

LAYOUTS: dict[str, tuple[int, dict[str, Any]]] = {
    "planes": (3, {"chunks": (1, 1, 8, 8)}),
    "deep": (3, {"chunks": (1, 3, 7, 5)}),
    "shards": (3, {"chunks": (1, 2, 4, 5), "shards": (2, 4, 8, 10)}),
    "v3-dots": (3, {"chunks": (1, 2, 9, 9), "chunk_key_encoding": {"name": "default", "separator": "."}}),
    "v3-v2-names": (3, {"chunks": (1, 2, 9, 9), "chunk_key_encoding": {"name": "v2", "separator": "."}}),
    "v2": (2, {"chunks": (2, 2, 6, 30), "compressors": {"id": "zlib", "level": 1}}),
    "v2-columns": (2, {"chunks": (1, 4, 6, 6), "order": "F", "compressors": {"id": "lz4"}}),
}


@pytest.fixture
def never_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as large."""
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)


def source_store(stores: Stores, noise: Noise, path: Path, layout: str) -> tuple[Path, Pixels]:
    zarr_format, options = LAYOUTS[layout]
    pixels = noise((2, 5, 22, 23))
    smaller = [pixels, np.zeros((2, 5, 11, 12), np.uint16), np.zeros((2, 3, 6, 6), np.uint16)]
    return stores.make(path, "czyx", smaller, zarr_format, **options), pixels


# --- OME-Zarr --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_store_the_same_with_and_without_memory(
    stores: Stores, layout: str, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pixels = source_store(stores, noise, tmp_path / "in.ome.zarr", layout)
    eager = save_image(open_image(source), tmp_path / "eager.ome.zarr")
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)
    image = open_image(source)
    assert isinstance(image.array, LazyPixels)
    np.testing.assert_array_equal(image.array[1, 2:4, 3], pixels[1, 2:4, 3])
    output = save_image(image, tmp_path / "out.ome.zarr")
    assert stores.metadata(output) == stores.metadata(source)
    for level in "012":
        before, after = (zarr.open_array(root / level, mode="r")[...] for root in (eager, output))
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before))
    np.testing.assert_array_equal(np.asarray(zarr.open_array(output / "0", mode="r")[...]), pixels)


@pytest.mark.usefixtures("never_eager")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("target", ["out.ome.zarr", "out.ome.tif", "out.npy"])
def test_every_chunk_is_decoded_once(
    stores: Stores, layout: str, target: str, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, pixels = source_store(stores, noise, tmp_path / "in.ome.zarr", layout)
    image = open_image(source)
    read: Counter[tuple[int, ...]] = Counter()
    whole = zarr_pixels._Chunks._read

    def counted(self: Any, array: Any, box: Any) -> Pixels:
        if self._folder == source / "0":
            read[tuple(one.start for one in box)] += 1
        return whole(self, array, box)

    monkeypatch.setattr(zarr_pixels._Chunks, "_read", counted)
    saved = save_image(image, tmp_path / target)
    assert set(read.values()) == {1}
    again = open_image(saved, "CZYX" if target.endswith("npy") else None)
    np.testing.assert_array_equal(np.asarray(again.array), pixels)


@pytest.mark.usefixtures("never_eager")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_of_a_store_is_written_once(
    stores: Stores, layout: str, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = source_store(stores, noise, tmp_path / "in.ome.zarr", layout)
    written: Counter[str] = Counter()
    put = zarr.storage.LocalStore.set

    async def counted(self: Any, key: str, value: Any) -> None:
        written[f"{self.root}/{key}"] += 1
        await put(self, key, value)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", counted)
    save_image(open_image(source), tmp_path / "out.ome.zarr")
    assert written
    assert set(written.values()) == {1}


@pytest.mark.usefixtures("never_eager")
def test_a_new_store_of_planes_in_another_order(noise: Noise, tmp_path: Path) -> None:
    pixels = noise((3, 2, 300, 40))
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, ome=True, metadata={"axes": "ZCYX", "PhysicalSizeX": 0.5})
    image = replace(open_image(tmp_path / "a.ome.tif"), channel_names=("red", "green"))
    output = save_image(image, tmp_path / "out.ome.zarr")
    group: Any = zarr.open_group(output, mode="r")
    np.testing.assert_array_equal(group["0"][...], pixels.transpose(1, 0, 2, 3))
    window = group.attrs["ome"]["omero"]["channels"][1]["window"]
    assert (window["start"], window["end"]) == (pixels[:, 1].min(), pixels[:, 1].max())


@pytest.mark.usefixtures("never_eager")
def test_pixels_that_were_written_wrongly_are_noticed(
    stores: Stores, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = source_store(stores, noise, tmp_path / "in.ome.zarr", "deep")
    image, wrong = open_image(source), zarr_pixels.write_pixels

    def damaging(folder: Path, node: Any, shape: Any, step: Any, part: Any) -> None:
        wrong(folder, node, shape, step, lambda box: part(box) ^ np.uint16(1))

    monkeypatch.setattr("noise2detail.io.zarr_levels.write_pixels", damaging)
    with pytest.raises(UnwritableFileError, match="pixels read differently"):
        save_image(image, tmp_path / "out.ome.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["in.ome.zarr"]


# --- chunks that become more than they say ---------------------------------------------------------------------------


def zstd_bomb(size: int) -> bytes:
    """A frame that does not say how long it is, of blocks that repeat one byte."""
    blocks = [min(2**17, size - start) for start in range(0, size, 2**17)]
    headers = [(length << 3 | 1 << 1 | (number == len(blocks) - 1)) for number, length in enumerate(blocks)]
    return b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(one.to_bytes(3, "little") + b"\x07" for one in headers)


def codec_bomb(config: dict[str, Any], size: int) -> bytes:
    numcodecs: Any = importlib.import_module("numcodecs")
    return bytes(numcodecs.get_codec(config).encode(np.zeros(size, np.uint8)))


BOMBS: dict[str, tuple[dict[str, Any], Callable[[int], bytes]]] = {
    "gzip": ({"id": "gzip", "level": 1}, lambda n: codec_bomb({"id": "gzip"}, n)),
    "gzip in pieces": ({"id": "gzip", "level": 1}, lambda n: codec_bomb({"id": "gzip"}, n // 4) * 4),
    "zlib": ({"id": "zlib", "level": 1}, lambda n: codec_bomb({"id": "zlib"}, n)),
    "bz2": ({"id": "bz2", "level": 1}, lambda n: codec_bomb({"id": "bz2"}, n)),
    "lzma": ({"id": "lzma"}, lambda n: codec_bomb({"id": "lzma"}, n)),
    "lz4": ({"id": "lz4", "acceleration": 1}, lambda n: codec_bomb({"id": "lz4"}, n)),
    "zstd": ({"id": "zstd", "level": 1}, lambda n: codec_bomb({"id": "zstd"}, n)),
    "zstd without a size": ({"id": "zstd", "level": 1}, zstd_bomb),
    "blosc": (
        {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 1, "blocksize": 0},
        lambda n: codec_bomb({"id": "blosc"}, n),
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("eager", [True, False])
def test_a_chunk_that_becomes_more_than_its_array_says(
    stores: Stores, kind: str, eager: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec, make = BOMBS[kind]
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 2**40 if eager else 0)
    pixels = np.full((8, 8), 7, np.uint8)
    source = stores.make(tmp_path / "in.zarr", "yx", [pixels], 2, chunks=(8, 8), compressors=codec)
    np.testing.assert_array_equal(np.asarray(open_image(source).array), pixels)
    chunk = source / "0" / "0" / "0"
    chunk.write_bytes(make(2**24))
    decoded: list[int] = []
    monkeypatch.setattr(zarr.Array, "__getitem__", lambda *_: decoded.append(1))
    with pytest.raises(UnreadableFileError, match=r"becomes .* where its array says 64 bytes|cannot be decoded"):
        np.asarray(open_image(source).array)
    assert not decoded, "the library that would take all memory was asked"


def test_a_chunk_in_a_shard_too(stores: Stores, tmp_path: Path) -> None:
    options = {"chunks": (8, 8), "shards": (8, 16), "compressors": GzipCodec()}
    source = stores.make(tmp_path / "in.zarr", "yx", [np.full((8, 16), 7, np.uint8)], 3, **options)
    shard = source / "0" / "c" / "0" / "0"
    content, bomb = shard.read_bytes(), codec_bomb({"id": "gzip"}, 2**24)
    index = np.frombuffer(content[-36:-4], "<u8").reshape(2, 2).copy()
    index[1] = len(content) - 36, len(bomb)
    import google_crc32c

    table = index.astype("<u8").tobytes()
    shard.write_bytes(content[:-36] + bomb + table + google_crc32c.value(table).to_bytes(4, "little"))
    with pytest.raises(UnreadableFileError, match="becomes more where its array says 64 bytes"):
        open_image(source)


# --- DICOM -----------------------------------------------------------------------------------------------------------

SCALES: dict[str, dict[int, dict[str, Any]]] = {
    "whole": {},
    "fractions": {2: {"RescaleSlope": "0.5", "RescaleIntercept": "3"}},
    "large": {1: {"RescaleIntercept": "40000"}},
    "as stored": {place: {"RescaleIntercept": "0"} for place in range(5)},
    "padded": {place: {"PixelPaddingValue": 5, "PixelPaddingRangeLimit": 90} for place in range(5)},
}


@pytest.mark.parametrize("name", SCALES)
def test_a_series_the_same_with_and_without_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, pixels = series(tmp_path / "scan", SCALES[name])
    eager = open_image(folder)
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)
    image = open_image(folder)
    assert isinstance(image.array, LazyPixels)
    np.testing.assert_array_equal(np.asarray(image.array), np.asarray(eager.array), strict=True)
    assert (image.pixel_size_um, image.axes) == (eager.pixel_size_um, eager.axes)
    assert image.metadata["placement"].matrix.tolist() == eager.metadata["placement"].matrix.tolist()
    assert image.metadata.get("padding") == eager.metadata.get("padding")
    assert image.no_data is not None
    expected = np.zeros(pixels.shape, bool) if eager.no_data is None else np.asarray(eager.no_data)
    np.testing.assert_array_equal(np.asarray(image.no_data), expected, strict=True)
    assert bool(expected.any()) == (name == "padded")
    save_image(image, tmp_path / "result", source=folder)
    for place in range(5):
        file = f"{(7 * place) % 5}.dcm"
        before, after = pydicom.dcmread(folder / file), pydicom.dcmread(tmp_path / "result" / file)
        np.testing.assert_array_equal(after.pixel_array, pixels[place])
        assert after.ImagePositionPatient == before.ImagePositionPatient
        assert after.SourceImageSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID


@pytest.mark.usefixtures("never_eager")
@pytest.mark.parametrize("target", ["v.ome.tif", "v.ome.zarr", "v.nii", "v.npy"])
def test_a_series_as_another_file(target: str, tmp_path: Path) -> None:
    folder, pixels = series(tmp_path / "scan")
    expected = pixels.astype("int16") - 1000 - np.arange(5, dtype="int16")[:, None, None]
    saved = save_image(open_image(folder), tmp_path / target)
    found: dict[str, Callable[[], Any]] = {
        "v.ome.tif": lambda: tifffile.imread(saved),
        "v.ome.zarr": lambda: np.asarray(zarr.open_array(saved / "0", mode="r")[...]),
        "v.nii": lambda: np.asarray(nib.load(saved).dataobj).transpose(),
        "v.npy": lambda: np.load(saved),
    }
    np.testing.assert_array_equal(found[target](), expected)


def test_slices_whose_values_fit_into_less_than_their_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The type is that of the values, which 16 bits do not tell: all of them are looked at."""
    folder, _ = series(tmp_path / "scan", {1: {"RescaleSlope": "3"}})
    eager = open_image(folder)
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)
    assert open_image(folder).array.dtype == eager.array.dtype == np.int16


def test_slices_with_more_than_their_header_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = series(tmp_path / "scan", {place: {"BitsStored": 8, "HighBit": 7} for place in range(5)})
    eager = open_image(folder)
    monkeypatch.setattr(io_lazy, "LAZY_FROM", 0)
    image = open_image(folder)
    np.testing.assert_array_equal(np.asarray(image.array), np.asarray(eager.array), strict=True)
    beyond = np.full((9, 8), 256, np.uint16)  # as decoders of compressed frames may return it
    monkeypatch.setattr("noise2detail.io.dicom_slices.read_stored", lambda *_: beyond)
    with pytest.raises(UnreadableFileError, match="of another kind or size than its header says"):
        np.asarray(open_image(folder).array)


# --- NIfTI -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("never_eager")
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti(name: str, noise: Noise, tmp_path: Path) -> None:
    pixels = noise((9, 8, 7, 2), "int16")
    image = nib.Nifti1Image(pixels, np.diag([2.0, 2, 3, 1]))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp_path / name)
    read = open_image(tmp_path / name)
    assert isinstance(read.array, LazyPixels) == name.endswith(".nii")
    np.testing.assert_array_equal(np.asarray(read.array), pixels.transpose())
    saved = save_image(read, tmp_path / f"b{name[1:]}")
    np.testing.assert_array_equal(np.asarray(nib.load(saved).dataobj), pixels)
    if name.endswith(".nii"):
        assert saved.read_bytes() == (tmp_path / name).read_bytes()


# --- a limit ---------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_before_the_work(noise: Noise, tmp_path: Path) -> None:
    pixels = noise((6, 64, 64), "int16")
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": "ZYX"})
    with within(pixels.nbytes):
        image = open_image(tmp_path / "a.tif")
        assert isinstance(image.array, LazyPixels)
        for name in ("a.mrc", "a.npz", "a.nii.gz"):
            with pytest.raises(UnwritableFileError, match=r"have to be in memory at once.*raise the limit to"):
                save_image(image, tmp_path / name)
    with within(3 * pixels.nbytes):
        save_image(image, tmp_path / "a.mrc")
        np.save(tmp_path / "columns.npy", np.asfortranarray(pixels))
    with within(pixels.nbytes), pytest.raises(UnreadableFileError, match="have to be in memory at once"):
        open_image(tmp_path / "columns.npy", "ZYX")
    with within(pixels[0].nbytes), pytest.raises(UnreadableFileError, match="have to be in memory at once"):
        open_image(tmp_path / "a.tif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mrc", "a.tif", "columns.npy"]


def test_chunks_too_deep_for_planes(stores: Stores, noise: Noise, tmp_path: Path) -> None:
    pixels = noise((16, 64, 64))
    source = stores.make(tmp_path / "in.zarr", "zyx", [pixels], chunks=(16, 8, 8))
    with within(pixels.nbytes):
        image = open_image(source)
        with pytest.raises(UnwritableFileError, match=r"131\.1 kB of its pixels have to be in memory at once"):
            save_image(image, tmp_path / "out.ome.tif")
        save_image(image, tmp_path / "out.zarr")
    np.testing.assert_array_equal(np.asarray(zarr.open_array(tmp_path / "out.zarr" / "0", mode="r")[...]), pixels)


def test_parts_of_an_array() -> None:
    array = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    source = LazyPixels(Path("x"), array.shape, array.dtype, 2, lambda n: np.asarray(array.reshape(6, 4, 5)[n]))
    turned = transposed(source, [1, 0, 2, 3])
    assert isinstance(turned, LazyPixels)
    np.testing.assert_array_equal(np.asarray(turned), array.transpose(1, 0, 2, 3))
    assert isinstance(transposed(source, [0, 1, 3, 2]), np.ndarray)
    seen = np.zeros(array.shape, int)
    for box in boxes(array.shape, (2, 2, 3, 4)):
        seen[box] += 1
        np.testing.assert_array_equal(source.part(box), array[box])
    assert (seen == 1).all()
    sums = Checksums()
    watched = sums.watching(source)
    assert not sums.all_noted(watched)
    np.testing.assert_array_equal(np.asarray(watched), array)
    assert sums.all_noted(watched)
    assert sums.same(array, watched)
    assert not sums.same(array + 1, watched)
    assert checksum(array[0].astype(">i8")) == checksum(array[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tif", "zarr", "dicom"])
def test_memory_of_the_command(kind: str, stores: Stores, noise: Noise, tmp_path: Path) -> None:
    plane, planes, limit = noise((1024, 1024)) >> 4, 96, 48
    if kind == "tif":
        tifffile.imwrite(
            tmp_path / "in.ome.tif", (plane + np.uint16(n) for n in range(planes)), shape=(planes, *plane.shape),
            dtype=np.uint16, ome=True, metadata={"axes": "ZYX"},
        )  # fmt: skip
        names = "in.ome.tif", "out.ome.tif"
    elif kind == "zarr":
        source = stores.make(tmp_path / "in.zarr", "zyx", [plane[None]], chunks=(1, 512, 512))
        array: Any = zarr.open_array(source / "0", mode="a")
        array.resize((planes, *plane.shape))
        for number in range(planes):
            array[number] = plane + np.uint16(number)
        names = "in.zarr", "out.zarr"
    else:
        (tmp_path / "in").mkdir()
        uid = pydicom.uid.generate_uid()
        for number in range(planes):
            where = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "ImagePositionPatient": [0, 0, number]}
            write(tmp_path / "in" / f"{number}.dcm", plane, SeriesInstanceUID=uid, PixelSpacing=[1, 1], **where)
        names = "in", "out.ome.tif"
    code = "from noise2detail.cli.main import main; main()"
    paths = [str(tmp_path / name) for name in names]
    command = [sys.executable, "-c", code, "convert", *paths, "--max-memory", f"{limit}MiB", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["peak_mib"] <= limit + 150
    assert isinstance(open_image(paths[1]), Image)
