"""Slices of a large DICOM series that stay in their files until they are needed, one at a time."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.io.dicom import DAMAGED, read_header, read_stored, source_file
from noise2detail.io.dicom_fields import whole
from noise2detail.io.dicom_template import DicomFile
from noise2detail.io.dicom_units import Rescale, is_stored, rescaled, unit_type
from noise2detail.types import Pixels


@dataclass(frozen=True)
class StoredSlice:
    """Where a slice lies, and what its stored numbers mean."""

    path: Path
    rescale: Rescale
    limits: tuple[int, int]
    """Lowest and highest number that its bits hold."""


def bit_limits(header: Any) -> tuple[int, int]:
    """Lowest and highest number that the stored bits hold."""
    bits = min(whole(header, "BitsStored", whole(header, "BitsAllocated")), whole(header, "BitsAllocated"))
    signed = whole(header, "PixelRepresentation", 0) == 1
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


class Slices(Sequence[DicomFile]):
    """Files of a series in their order; the one that was read last is kept."""

    def __init__(self, slices: Sequence[StoredSlice]) -> None:
        self._slices = slices
        self._last: tuple[int, Any, Pixels] | None = None
        self._lock = threading.RLock()
        self._stored: np.dtype[Any] = self._read(0)[1].dtype
        self.dtype = self._unit_type()

    def plane(self, number: int) -> Pixels:
        """Values of a slice."""
        one = self._slices[number]
        _, stored = self._read(number)
        if self.dtype.kind in "ui" and not self._holds(stored, one):
            raise UnreadableFileError(one.path, "its pixels are of another kind or size than its header says", DAMAGED)
        values = stored if one.rescale == (1.0, 0.0) else rescaled(stored, one.rescale)
        return values.astype(self.dtype)

    def not_measured(self, number: int) -> Pixels:
        """True where a slice holds no measurement."""
        kept = self[number].kept
        return np.zeros(self._read(number)[1].shape, bool) if kept is None else kept

    def __len__(self) -> int:
        return len(self._slices)

    @overload
    def __getitem__(self, number: int) -> DicomFile: ...
    @overload
    def __getitem__(self, number: slice) -> tuple[DicomFile, ...]: ...
    def __getitem__(self, number: int | slice) -> DicomFile | tuple[DicomFile, ...]:
        """What the writer needs of a file besides its pixels, read when it is asked for."""
        if isinstance(number, slice):
            return tuple(self[one] for one in range(*number.indices(len(self))))
        header, stored = self._read(range(len(self))[number])
        one = self._slices[number]
        return source_file(one.path, header, stored, (one.rescale,))

    def _holds(self, stored: Pixels, one: StoredSlice) -> bool:
        low, high = one.limits
        return stored.dtype.kind in "ui" and low <= int(stored.min()) and int(stored.max()) <= high

    def _unit_type(self) -> np.dtype[Any]:
        """Type of the values: by the bits that the headers name where that decides, else by what is stored."""
        rescales = [one.rescale for one in self._slices]
        if is_stored(rescales):
            return self._stored
        if self._stored.kind not in "ui":
            return unit_type([], rescales)
        announced = unit_type([one.limits for one in self._slices], rescales)
        if announced == np.int16 or unit_type([(0, 0)] * len(rescales), rescales).kind == "f":
            return announced
        return unit_type([(stored.min(), stored.max()) for stored in self._all_stored()], rescales)

    def _all_stored(self) -> Iterator[Pixels]:
        return (self._read(number)[1] for number in range(len(self)))

    def _read(self, number: int) -> tuple[Any, Pixels]:
        with self._lock:
            if self._last is None or self._last[0] != number:
                self._last = None
                path = self._slices[number].path
                header = read_header(path)
                self._last = number, header, read_stored(path, header)
            return self._last[1:]
