"""Nikon ND2: images of time points, channels and depths; read only, its metadata by the library nd2."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image
from noise2detail.io.acquisition import (
    Acquisition,
    as_image,
    library,
    reading,
    refuse_dimensions,
)
from noise2detail.io.announced import check_announced
from noise2detail.io.channels import Channel
from noise2detail.io.nd2_frames import find_frames, read_frame
from noise2detail.io.several import Choice, choose
from noise2detail.types import Pixels

_KIND = "Nikon ND2"
_ROW_ALIGNMENT = 4
_LETTERS = {"unsigned": "u", "signed": "i", "float": "f"}
_MILLISECONDS = 1e3
_COMPONENTS, _MOST_COMPONENTS = "CompCount", 1000
_SAID_OF_PLANES = "ImageMetadataSeqLV|0"


def read_nd2(path: Path, axes: str | None = None, image: Choice | None = None) -> Image:
    """One image of an ND2 file.

    Parameters
    ----------
    path
        The file.
    axes
        Overrides the meaning of the dimensions.
    image
        Which position, where there are several.

    Raises
    ------
    AxesError
        ``axes`` does not fit.
    UnreadableFileError
        Damaged, truncated, several positions and none chosen, colours, or the library is not installed.
    """
    nd2 = library(path, _KIND, "nd2", "nd2")
    with reading(path, _KIND), path.open("rb") as stream:
        frames = find_frames(stream)  # before the library, which mends what is broken
        with nd2.ND2File(path) as file:
            _refuse_lists(file)
            position = _position(path, file, image)
            acquisition = _acquisition(path, stream, file, frames, position)
    return as_image(acquisition, axes)


def _refuse_lists(file: Any) -> None:
    """Raise where the library would make a list of components that fills the memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files of the older kind have no such chunk
        said = file.unstructured_metadata(include={_SAID_OF_PLANES})
    most = max(_counts(said), default=0)
    if most > _MOST_COMPONENTS:
        raise ValueError(f"a channel of {most} components")


def _counts(said: Any) -> Iterator[int]:
    """Every number of components that the metadata name."""
    entries = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for key, value in entries:
        if key == _COMPONENTS and isinstance(value, int):
            yield value
        yield from _counts(value)


def _position(path: Path, file: Any, image: Choice | None) -> int:
    """Number of the position of the stage that is meant."""
    sizes = {str(letter): int(length) for letter, length in file.sizes.items()}
    count = sizes.pop("P", 1)
    loops = [loop for loop in file.experiment if loop.type == "XYPosLoop"]
    names = [str(point.name or "") for loop in loops for point in loop.parameters.points]
    position = choose(path, "positions", names if len(names) == count else [""] * count, image)
    refuse_dimensions(path, sizes, {"U": "entries of an unknown dimension"})
    if int(file.components_per_channel) != 1:
        raise UnreadableFileError(path, "holds colours (RGB), whose order is not known", "save it as TIFF")
    return position


def _acquisition(path: Path, stream: Any, file: Any, frames: dict[int, int], position: int) -> Acquisition:
    sizes = {str(letter): int(length) for letter, length in file.sizes.items()}
    loops = [letter for letter in sizes if letter not in "CYXS"]
    count = math.prod(sizes[letter] for letter in loops)
    if len(frames) != count or set(frames) != set(range(count)):
        raise UnreadableFileError(
            path,
            f"{len(frames)} frames are there, and its header says {count}",
            "it is damaged, or the acquisition was stopped: save the complete part as a file of its own",
        )
    stored = _stored(file)
    if stored.row < stored.used or stored.row - stored.used >= _ROW_ALIGNMENT:
        raise ValueError(f"rows of {stored.row} bytes, for pixels of {stored.used}")
    if (stored.height, stored.width, stored.channels) != tuple(sizes.get(letter, 1) for letter in "YXC"):
        raise ValueError(f"its dimensions {sizes} are not those of its frames")
    numbers = np.arange(count).reshape([sizes[letter] for letter in loops])
    if "P" in loops:
        numbers = np.asarray(numbers.take(position, axis=loops.index("P")))
        loops.remove("P")
    announced = numbers.size * stored.height * stored.row
    check_announced(path, announced, path.stat().st_size, compressed=stored.packed)
    pixels: Pixels = np.empty(
        (numbers.size, stored.channels, stored.height, stored.width), stored.dtype.newbyteorder("=")
    )
    for place, index in enumerate(numbers.flat):
        plain = read_frame(stream, frames, int(index), stored.height * stored.row, compressed=stored.packed)
        pixels[place] = stored.planes(plain)
    return Acquisition(
        "nd2",
        pixels.reshape(numbers.shape + pixels.shape[1:]),
        "".join(loops) + "CYX",
        _pixel_size(file),
        _increment(file, numbers, loops),
        _channels(file, stored.channels),
        (("significant bits", str(file.attributes.bitsPerComponentSignificant)), ("compression", stored.compression)),
    )


@dataclass(frozen=True)
class _Stored:
    """How a frame lies in the file: rows of pixels, each of which holds all channels."""

    height: int
    width: int
    channels: int
    row: int
    """Bytes from one row to the next."""
    dtype: np.dtype[Any]
    packed: bool

    @property
    def used(self) -> int:
        """Bytes of the pixels of a row."""
        return self.width * self.channels * self.dtype.itemsize

    @property
    def compression(self) -> str:
        """In words."""
        return "deflate" if self.packed else "none"

    def planes(self, plain: bytes) -> Pixels:
        """The planes of all channels from the bytes of a frame."""
        rows = np.frombuffer(plain, np.uint8).reshape(self.height, self.row)[:, : self.used]
        pixels = np.ascontiguousarray(rows).view(self.dtype).reshape(self.height, self.width, self.channels)
        return pixels.transpose(2, 0, 1)


def _stored(file: Any) -> _Stored:
    said = file.attributes
    if said.compressionType not in (None, "none", "lossless"):
        raise ValueError(f"a compression that is not known, {said.compressionType!r}")
    dtype = np.dtype(f"<{_LETTERS[said.pixelDataType]}{said.bitsPerComponentInMemory // 8}")
    return _Stored(
        int(said.heightPx),
        int(said.widthPx),
        int(said.componentCount),
        int(said.widthBytes),
        dtype,
        said.compressionType == "lossless",
    )


def _pixel_size(file: Any) -> dict[str, float]:
    channels = getattr(file.metadata, "channels", None) or ()
    if not channels:
        return {}
    volume = channels[0].volume
    return {
        axis: float(size)
        for axis, size, known in zip("XYZ", volume.axesCalibration, volume.axesCalibrated, strict=True)
        if known
    }


def _increment(file: Any, numbers: npt.NDArray[np.int_], loops: Sequence[str]) -> float | None:
    """Seconds between time points: as planned, else as measured at the first frame of each."""
    if "T" not in loops:
        return None
    planned = [float(loop.parameters.periodMs) for loop in file.experiment if loop.type == "TimeLoop"]
    if planned and planned[0] > 0:
        return planned[0] / _MILLISECONDS
    firsts = np.moveaxis(numbers, loops.index("T"), 0).reshape(numbers.shape[loops.index("T")], -1)[:, 0]
    first, last = (_time(file, int(firsts[at])) for at in (0, -1))
    return None if first is None or last is None else (last - first) / _MILLISECONDS / (len(firsts) - 1)


def _time(file: Any, index: int) -> float | None:
    channels = getattr(file.frame_metadata(index), "channels", None) or ()
    return float(channels[0].time.relativeTimeMs) if channels else None


def _channels(file: Any, count: int) -> tuple[Channel, ...]:
    said = [entry.channel for entry in getattr(file.metadata, "channels", None) or ()]
    if len(said) != count:
        return ()
    return tuple(
        Channel(
            str(one.name or ""),
            one.color.r << 16 | one.color.g << 8 | one.color.b if one.color is not None else None,
            float(one.emissionLambdaNm) if one.emissionLambdaNm else None,
        )
        for one in said
    )
