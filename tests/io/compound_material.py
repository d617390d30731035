"""Compound files as small as they can be: one table of chains, a folder, and streams in sectors one after the other."""

import struct
from collections.abc import Mapping
from itertools import pairwise

SECTOR = 512
END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
SMALL = 4096
"""Streams shorter than this lie in sectors of 64 bytes, within a stream of their own."""


def compound(streams: Mapping[str, bytes]) -> bytes:
    """A file that holds streams by their name, with one slash at most for a storage."""
    storages = list(dict.fromkeys(name.split("/")[0] for name in streams if "/" in name))
    small = {name: content for name, content in streams.items() if len(content) < SMALL}
    place: dict[str, int] = {}
    mini, minifat = b"", list[int]()
    for name, content in small.items():
        place[name] = len(minifat)
        count = -(-len(content) // 64)
        minifat += [*range(len(minifat) + 1, len(minifat) + count), END] if count else []
        mini += content.ljust(64 * count, b"\0")
    entries = 1 + len(storages) + len(streams)
    body: list[bytes] = []
    chains: list[int] = []

    def put(content: bytes) -> int:
        count = -(-len(content) // SECTOR)
        first = len(chains)
        chains.extend([*range(first + 1, first + count), END])
        body.append(content.ljust(SECTOR * count, b"\0"))
        return first

    for name, content in streams.items():
        if name not in small:
            place[name] = put(content)
    root = put(mini) if mini else END
    table = put(struct.pack(f"<{len(minifat)}I", *minifat).ljust(-(-4 * len(minifat) // SECTOR) * SECTOR, b"\xff"))
    directory = put(_directory(streams, storages, place, root, len(mini)).ljust(-(-entries // 4) * SECTOR, b"\0"))
    return _assembled(body, chains, directory, table, -(-4 * len(minifat) // SECTOR))


def _directory(
    streams: Mapping[str, bytes], storages: list[str], place: Mapping[str, int], root: int, mini: int
) -> bytes:
    """Root, storages, then streams; siblings are a list to the right."""
    inside = {one: [name for name in streams if name.startswith(one + "/")] for one in storages}
    numbers = {name: 1 + len(storages) + index for index, name in enumerate(streams)}
    top = [*range(1, 1 + len(storages)), *(numbers[name] for name in streams if "/" not in name)]
    right = dict(pairwise(top))
    for names in inside.values():
        own = [numbers[name] for name in names]
        right |= dict(pairwise(own))
    entries = [_entry("Root Entry", 5, FREE, top[0], root, mini)]
    for number, one in enumerate(storages, 1):
        entries.append(_entry(one, 1, right.get(number, FREE), numbers[inside[one][0]], 0, 0))
    for name, content in streams.items():
        number = numbers[name]
        entries.append(_entry(name.split("/")[-1], 2, right.get(number, FREE), FREE, place[name], len(content)))
    return b"".join(entries)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    label = (name + "\0").encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", label, len(label), kind, 1, FREE, right, child, start, size)


def _assembled(body: list[bytes], chains: list[int], directory: int, table: int, tables: int) -> bytes:
    each = SECTOR // 4
    count = next(n for n in range(1, 110) if n * each >= len(chains) + n)
    first = len(chains)
    whole = chains + [TABLE] * count
    whole += [FREE] * (count * each - len(whole))
    header = struct.pack("<8s16xHHHHH6xI", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0)
    header += struct.pack("<IIIIIIII", count, directory, 0, SMALL, table, tables, END, 0)
    header += struct.pack("<109I", *range(first, first + count), *[FREE] * (109 - count))
    return header + b"".join(body) + struct.pack(f"<{len(whole)}I", *whole)
