"""Whether a damaged file was answered as it should be: by an image that makes sense, or by one clear error."""

import math
import shutil
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

import numpy as np

from noise2detail.errors import AxesError, PixelTypeError, UnreadableFileError
from noise2detail.image import Image
from noise2detail.io import open_image
from tests.mutation.announcing import Announced
from tests.mutation.mutations import OF_PIXELS, damage_folder, mutant
from tests.mutation.seeds import SEEDS

SECONDS = 10.0
"""That a file may take."""
MEMORY = 48 * 2**20
"""Bytes that a file of a few kilobytes may take whatever it says: libraries have buffers."""
TIMES = 4
"""How often the announced pixels may be in memory: as stored, unpacked, put in order, and as numbers in units."""

_GOOD = ("image", "refused", "input error")
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class TookTooLongError(BaseException):
    """Raised by the clock; nothing that catches ``Exception`` holds it up."""


@dataclass(frozen=True)
class Verdict:
    """What came of one file."""

    kind: str
    """What had happened to it."""
    outcome: str
    """``image``, ``refused``, ``input error``, or what is wrong with the answer."""
    detail: str
    """What was raised."""
    seconds: float
    """To answer."""
    memory: int
    """Bytes at the peak beyond what was held before; 0 where the system does not say."""

    @property
    def good(self) -> bool:
        """Whether this may happen."""
        return self.outcome in _GOOD


class Kind:
    """A seed, written once, whose damaged copies are opened one after the other.

    Parameters
    ----------
    name
        Of the seed.
    folder
        Where its files go.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.seed = SEEDS[name]
        self.folder = folder
        self.source = folder / f"whole{self.seed.suffix}"
        self.seed.make(self.source)
        files = [file for file in self.source.rglob("*") if file.is_file()]
        self.files = {file.relative_to(self.source): file.read_bytes() for file in files}
        self.content = b"" if self.files else self.source.read_bytes()
        self.image = open_image(self.source / self.seed.entry, self.seed.axes)
        self.announced = Announced()
        self.held = _held(self.content, np.asarray(self.image.array))

    def damaged(self, index: int, base: int) -> tuple[Path, str, bool]:
        """The file of that number, what happened to it, and whether what it says is as before."""
        path = self.folder / f"damaged{self.seed.suffix}"
        if self.files:
            shutil.rmtree(path, ignore_errors=True)
            for place in self.files:
                (path / place).parent.mkdir(parents=True, exist_ok=True)
                (path / place).hardlink_to(self.source / place)
            return path, damage_folder(self.seed, self.files, path, index, base), False
        made = mutant(self.seed, self.content, index, base, self.held)
        path.unlink(missing_ok=True)  # some systems wait for the disk where a file is cut to nothing first
        path.write_bytes(made.content)
        return path, made.kind, made.whole

    def verdict(self, index: int, base: int) -> Verdict:
        """What comes of the file of that number."""
        path, kind, whole = self.damaged(index, base)
        before, started = peak(reset=True), time.perf_counter()
        with self.announced as announced:
            outcome, detail = self.judge(path, kind, whole)
        seconds, memory = time.perf_counter() - started, max(0, peak() - before)
        if memory > MEMORY + TIMES * announced.most:
            outcome, detail = "memory", f"{memory} bytes, and {announced.most} announced; {detail}"
        return Verdict(kind, outcome, detail, seconds, memory)

    def judge(self, path: Path, kind: str, whole: bool = False) -> tuple[str, str]:
        """Outcome and detail of opening a file."""
        with warnings.catch_warnings(record=True) as heard, _clock():
            warnings.simplefilter("always")
            try:
                outcome, detail = self._of_image(open_image(path / self.seed.entry, self.seed.axes), kind, whole), ""
            except UnreadableFileError as error:
                outcome, detail = "refused" if error.remedy else "no remedy", str(error)
            except (AxesError, PixelTypeError) as error:
                outcome, detail = "input error", str(error)
            except TookTooLongError:
                outcome, detail = "hangs", ""
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                outcome, detail = "other exception", f"{type(error).__name__}: {error}"
        if heard:
            return "warning", str(heard[0].message)
        if outcome in _GOOD[1:] and path.name not in detail:
            return "file not named", detail
        if outcome == "refused" and whole:
            return "refused though only pixels changed", detail
        return outcome, detail

    def _of_image(self, image: Image, kind: str, whole: bool) -> str:
        found, expected = np.asarray(image.array), np.asarray(self.image.array)
        if len(image.axes) != found.ndim or not found.size:
            return "axes do not fit"
        lengths = [*image.pixel_size_um.values(), image.time_increment or 1.0]
        if not all(math.isfinite(length) and length > 0 for length in lengths):
            return "pixel size makes no sense"
        same = whole or kind == "doubled" or kind.endswith(OF_PIXELS)
        if same and (found.shape, image.axes) != (
            expected.shape,
            self.image.axes,
        ):
            return "shape changed"
        if kind.startswith("cut") and (found.shape != expected.shape or found.tobytes() != expected.tobytes()):
            return "misread"
        return "image"


def _held(content: bytes, array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> tuple[int, int] | None:
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        stored = array.astype(array.dtype.newbyteorder(order)).tobytes()
        at = content.find(stored)
        if at >= 0:
            return at, at + len(stored)
    return None


@contextmanager
def _clock() -> Iterator[None]:
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TookTooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def peak(*, reset: bool = False) -> int:
    """Most memory that was held since the last reset; the present one right after it."""
    if not _CLEAR.exists():
        return 0
    try:
        if reset:
            _CLEAR.write_text("5")
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0
    return 1024 * int(line.split()[1])
