"""Compound files, which Microsoft and Olympus use to hold several files in one: whether their chains make sense.

Looked at before a library follows these chains: one that runs in a circle never ends.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HEADER = struct.Struct("<8s16xHHHHH6xIIIIIIIII")
_IN_HEADER = 109
"""Sectors of the table of chains that the header itself names."""
_LAST = 0xFFFFFFFA
"""Numbers from here on are no sectors: ends of chains, and sectors that are free or part of a table."""

_Table = npt.NDArray[np.uint32]


def check_compound(path: Path) -> None:
    """Raise unless every chain of sectors stays within the file, ends, and shares no sector with another.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        magic, _, major, order, shift, _, _, tables, _, _, _, small, _, more, count = _HEADER.unpack(stream.read(76))
        if magic != MAGIC or order != 0xFFFE or (major, shift) not in {(3, 9), (4, 12)}:
            raise ValueError("its header is not that of a compound file")
        sector = 1 << shift
        sectors = -(-size // sector) - 1
        places = [*np.frombuffer(stream.read(4 * _IN_HEADER), "<u4")]
        for _ in range(min(count, sectors)):
            block = _read(stream, more, sector)
            places += [*block[:-1]]
            more = int(block[-1])
        if not 0 < tables <= min(len(places), sectors):
            raise ValueError(f"{tables} tables of chains in {sectors} sectors")
        chains = np.concatenate([_read(stream, int(place), sector) for place in places[:tables]])
        _check(chains, sectors)
        _check(_small_chains(stream, chains, small, sector), None)


def _small_chains(stream: BinaryIO, chains: _Table, at: int, sector: int) -> _Table:
    """The table of chains of the small sectors, in which what is short is stored."""
    parts = [np.empty(0, np.uint32)]
    while at < min(len(chains), _LAST):
        parts.append(_read(stream, at, sector))
        at = int(chains[at])
    return np.concatenate(parts)


def _check(chains: _Table, sectors: int | None) -> None:
    count = len(chains)
    following = chains[chains < _LAST]
    if len(following) and int(following.max()) >= (count if sectors is None else min(count, sectors)):
        raise ValueError("a chain of sectors leaves the file")
    if len(np.unique(following)) != len(following):
        raise ValueError("two chains of sectors cross")
    # each step doubles how far every sector looks ahead: what is not at an end after all of them runs in a circle
    ahead = np.append(np.where(chains < _LAST, chains, count), count).astype(np.int64)
    for _ in range(count.bit_length()):
        ahead = ahead[ahead]
    if (ahead != count).any():
        raise ValueError("a chain of sectors runs in a circle")


def _read(stream: BinaryIO, place: int, sector: int) -> _Table:
    stream.seek((place + 1) * sector)
    content = stream.read(sector)
    if len(content) != sector:
        raise ValueError(f"it ends before sector {place}")
    return np.frombuffer(content, "<u4").astype(np.uint32)
