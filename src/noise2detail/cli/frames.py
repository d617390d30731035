"""Further recordings of the same scene, in files of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noise2detail.errors import AxesError, PixelTypeError
from noise2detail.image import Image
from noise2detail.io import open_image
from noise2detail.pipeline.input import pixels_of
from noise2detail.types import Pixels


@dataclass(frozen=True, eq=False)
class Recordings:
    """An image and further recordings of it, one after the other in time."""

    array: Pixels
    """All of them."""
    axes: str
    """With a ``T``."""
    own: int | None
    """Time points of the image itself; None: it has no such axis."""

    def of_image(self, result: Pixels) -> Pixels:
        """What belongs to the image itself, of a result for all recordings."""
        where = self.axes.index("T")
        return result[0] if self.own is None else np.take(result, range(self.own), axis=where)


def with_frames(image: Image, paths: Sequence[Path], axes: str | None) -> Recordings:
    """The image followed by the recordings of other files.

    Parameters
    ----------
    image
        The first recording.
    paths
        Of the others.
    axes
        What their dimensions are; None: as the files say.

    Raises
    ------
    AxesError
        A recording of another shape or with other axes; the message names its file.
    PixelTypeError
        A recording with other pixels.
    UnreadableFileError
        A file that cannot be read.
    """
    others = [_matching(image, path, axes) for path in paths]
    frames = [pixels_of(image), *others]
    if "T" in image.axes:
        where = image.axes.index("T")
        return Recordings(_joined(frames, where), image.axes, image.array.shape[where])
    return Recordings(_joined([frame[np.newaxis] for frame in frames], 0), "T" + image.axes, None)


def _joined(frames: Sequence[Pixels], where: int) -> Pixels:
    """One after the other, masked where one of them is."""
    joined = np.concatenate([np.ma.getdata(frame) for frame in frames], axis=where)
    if not any(isinstance(frame, np.ma.MaskedArray) for frame in frames):
        return joined
    return np.ma.MaskedArray(joined, np.concatenate([np.ma.getmaskarray(frame) for frame in frames], axis=where))


def _matching(image: Image, path: Path, axes: str | None) -> Pixels:
    other = open_image(path, axes).in_memory()
    expected, found = _without_time(image), _without_time(other)
    if expected != found:
        raise AxesError(
            f"{path}: the frame has {_in_words(found)}, the image {_in_words(expected)}; frames of one scene have the "
            "same size and channels: register and crop them first"
        )
    if other.array.dtype != image.array.dtype:
        raise PixelTypeError(
            f"{path}: the frame has pixels of type {other.array.dtype}, the image {image.array.dtype}; frames of one "
            "scene come from one camera with one setting"
        )
    return pixels_of(other)


def _without_time(image: Image) -> dict[str, int]:
    return {axis: size for axis, size in zip(image.axes, image.array.shape, strict=True) if axis != "T"}


def _in_words(sizes: dict[str, int]) -> str:
    return ", ".join(f"{axis} {size}" for axis, size in sizes.items())
