"""NDTiff data sets, written byte by byte as their description says, and read by tifffile too."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from noise2detail.errors import SeveralImagesError, UnreadableFileError
from noise2detail.io import image_names, open_image
from noise2detail.io.ndtiff import unfinished
from noise2detail.types import Pixels

FILE = "acq_NDTiffStack.tif"
TYPES = {"uint8": 0, "uint16": 1}


class Writer:
    """A data set that grows frame by frame."""

    def __init__(self, folder: Path, summary: Mapping[str, Any] | None = None, reserved: int = 0) -> None:
        folder.mkdir(parents=True)
        self.folder, self.place = folder, folder / FILE
        said = json.dumps(summary or {}).encode()
        said += b" " * (len(said) % 2)
        head = b"II*\0" + struct.pack("<6I", 28 + len(said), 483729, 3, 3, 2355492, len(said))
        self.place.write_bytes(head + said)
        self.end, self.reserved = len(head) + len(said), reserved
        (folder / "NDTiff.index").touch()
        self._reserve()

    def _reserve(self) -> None:
        with self.place.open("r+b") as stream:
            stream.truncate(max(self.end, self.reserved))

    def put(
        self, pixels: Pixels, metadata: Mapping[str, Any] | None = None, kind: int | None = None, **axes: Any
    ) -> None:
        """One frame with its directory, then its entry in the index."""
        notes = json.dumps(metadata or {}).encode()
        kind = TYPES[str(pixels.dtype)] if kind is None else kind
        height, width = pixels.shape[:2]
        tags = ((256, width), (257, height), (258, 8 * pixels.itemsize), (259, 1), (262, 1), (273, 0), (277, 1))
        offset = self.end + 2 + 12 * 9 + 4
        values = (*tags, (278, height), (279, pixels.nbytes))
        following = offset + pixels.nbytes + len(notes)
        following += following % 2
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, offset if tag == 273 else value) for tag, value in values)
        with self.place.open("r+b") as stream:
            stream.seek(self.end)
            stream.write(struct.pack("<H", 9) + entries + struct.pack("<I", following))
            stream.write(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes() + notes)
        said = json.dumps(axes).encode()
        with (self.folder / "NDTiff.index").open("ab") as stream:
            stream.write(struct.pack("<I", len(said)) + said + struct.pack("<I", len(FILE)) + FILE.encode())
            stream.write(struct.pack("<8I", offset, width, height, kind, 0, offset + pixels.nbytes, len(notes), 0))
        self.end = following
        self._reserve()

    def close(self) -> None:
        """Give back what was reserved, as the real writers do."""
        self.reserved = 0
        self._reserve()


def plane(seed: int, dtype: str = "uint16", shape: tuple[int, ...] = (12, 16)) -> Pixels:
    return np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)


def acquisition(folder: Path, times: int = 3) -> dict[tuple[int, str, int], Pixels]:
    """Times, two channels and two depths, written in an order that is not theirs."""
    summary = {"z-step_um": 0.5, "Interval_ms": 2000, "IntendedDimensions": {"time": 3, "channel": 2, "z": 2}}
    writer, given = Writer(folder, summary), {}
    for number, (t, z, c) in enumerate((t, z, c) for t in range(times) for z in (1, 0) for c in ("GFP", "DAPI")):
        given[t, c, z] = plane(number)
        writer.put(given[t, c, z], {"PixelSizeUm": 0.1}, time=t, channel=c, z=z)
    return given


def test_every_frame_is_where_its_axes_say(tmp_path: Path) -> None:
    given = acquisition(tmp_path / "acq")
    image = open_image(tmp_path / "acq")
    assert (image.axes, image.array.shape, image.format) == ("TCZYX", (3, 2, 2, 12, 16), "ndtiff")
    assert image.channel_names == ("GFP", "DAPI")
    assert image.pixel_size_um == {"Y": 0.1, "X": 0.1, "Z": 0.5}
    assert image.time_increment == 2.0
    for (t, c, z), pixels in given.items():
        np.testing.assert_array_equal(image.array[t, image.channel_names.index(c), z], pixels)


def test_tifffile_finds_the_same_frames(tmp_path: Path) -> None:
    acquisition(tmp_path / "acq")
    image = open_image(tmp_path / "acq")
    entries = [*tifffile.read_ndtiff_index(tmp_path / "acq" / "NDTiff.index")]
    assert len(entries) == 12
    with tifffile.TiffFile(tmp_path / "acq" / FILE) as tif:
        pages = {page.dataoffsets[0]: page for page in tif.pages}
        for axes, _, offset, *_ in entries:
            found = image.array[axes["time"], image.channel_names.index(axes["channel"]), axes["z"]]
            np.testing.assert_array_equal(found, pages[offset].asarray())


def test_a_frame_that_was_written_twice_is_the_newer_one(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "acq")
    writer.put(plane(1), time=0)
    writer.put(plane(2), time=1)
    writer.put(plane(3), time=0)
    np.testing.assert_array_equal(open_image(tmp_path / "acq").array, [plane(3), plane(2)])


def test_positions_are_images(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "acq")
    for number, (position, t) in enumerate((p, t) for t in range(2) for p in ("left", "right")):
        writer.put(plane(number), time=t, position=position)
    assert image_names(tmp_path / "acq") == ("position left", "position right")
    np.testing.assert_array_equal(open_image(tmp_path / "acq", image="position right").array, [plane(1), plane(3)])
    with pytest.raises(SeveralImagesError, match="holds 2 images"):
        open_image(tmp_path / "acq")


def test_colour_and_bytes_and_a_lower_folder(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "acq" / "Full resolution")
    writer.put(plane(1, "uint8", (12, 16, 3)), kind=2, time=0)
    image = open_image(tmp_path / "acq")
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.array, plane(1, "uint8", (12, 16, 3)))


@pytest.mark.parametrize("kind", [3, 4, 5, 6])
def test_ten_to_fourteen_bits_are_sixteen(kind: int, tmp_path: Path) -> None:
    Writer(tmp_path / "acq").put(plane(1), kind=kind, time=0)
    np.testing.assert_array_equal(open_image(tmp_path / "acq").array, plane(1))


def test_a_data_set_that_grows(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "acq", {"IntendedDimensions": {"time": 2}}, reserved=2**22)
    with pytest.raises(UnreadableFileError, match="names no frame"):
        unfinished(tmp_path / "acq")
    writer.put(plane(1), time=0)
    assert "is still open: it has 4194304 bytes" in unfinished(tmp_path / "acq")
    writer.reserved = 0
    writer._reserve()
    assert unfinished(tmp_path / "acq") == "it has 1 of the 2 frames that were intended"
    writer.put(plane(2), time=1)
    writer.close()
    assert unfinished(tmp_path / "acq") == ""


def test_missing_frames_are_named(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "acq")
    for t, z in ((0, 0), (0, 1), (1, 0)):
        writer.put(plane(t), time=t, z=z)
    with pytest.raises(
        UnreadableFileError, match=r"1 of its 4 frames are missing, the first of them \{'time': 1, 'z': 1\}"
    ):
        open_image(tmp_path / "acq")


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_an_index_that_is_being_written(cut: int, tmp_path: Path) -> None:
    acquisition(tmp_path / "acq")
    index = tmp_path / "acq" / "NDTiff.index"
    index.write_bytes(index.read_bytes()[:-cut])
    with pytest.raises(UnreadableFileError, match=r"cannot be read to its end|frames are missing"):
        open_image(tmp_path / "acq")


def test_zeros_after_the_last_entry_are_room_that_was_not_used(tmp_path: Path) -> None:
    acquisition(tmp_path / "acq")
    index = tmp_path / "acq" / "NDTiff.index"
    index.write_bytes(index.read_bytes() + bytes(64))
    assert open_image(tmp_path / "acq").array.shape == (3, 2, 2, 12, 16)


def test_damage_is_named(tmp_path: Path) -> None:
    acquisition(tmp_path / "acq")
    stack = tmp_path / "acq" / FILE
    whole = stack.read_bytes()
    stack.write_bytes(whole[:-400])
    with pytest.raises(UnreadableFileError, match=r"a frame ends at byte \d+ of acq_NDTiffStack.tif, which has"):
        open_image(tmp_path / "acq")
    stack.write_bytes(b"MM\0*" + whole[4:])
    with pytest.raises(UnreadableFileError, match="does not begin like a file of NDTiff"):
        open_image(tmp_path / "acq")
    stack.unlink()
    with pytest.raises(UnreadableFileError, match="is not there"):
        open_image(tmp_path / "acq")


def test_frames_of_different_sizes_are_refused(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "acq")
    writer.put(plane(1), time=0)
    writer.put(plane(1, shape=(16, 12)), time=1)
    with pytest.raises(UnreadableFileError, match=r"its frame \{'time': 1\} has the shape \(16, 12\)"):
        open_image(tmp_path / "acq")


@pytest.mark.parametrize("name", ["../other.tif", "a/b.tif", ".."])
def test_a_file_elsewhere_is_never_read(name: str, tmp_path: Path) -> None:
    Writer(tmp_path / "acq").put(plane(1), time=0)
    index = tmp_path / "acq" / "NDTiff.index"
    said = json.dumps({"time": 0}).encode()
    index.write_bytes(
        struct.pack("<I", len(said)) + said + struct.pack("<I", len(name)) + name.encode()
        + struct.pack("<8I", 28, 2, 2, 0, 0, 28, 0, 0)
    )  # fmt: skip
    with pytest.raises(UnreadableFileError, match="a file outside the folder"):
        open_image(tmp_path / "acq")
