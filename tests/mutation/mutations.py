"""What happens to files: cut, flipped, blanked, shifted, and numbers that nobody wrote."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.mutation.seed import Seed

_EXTREME = (0, 1, 2**31 - 1, 2**32 - 1, -1, 2**15, 2**16 - 1, 2**31, 2**63 - 1, 2**40)
_HUGE = (
    *(b"0", b"-1", b"100000", b"2147483647", b"2147483648", b"4294967296", b"9999999999999999999999", b"9" * 5000),
    *(b"1e400", b"nan", b"1e-400", b"1_0", "٣".encode()),
)
OF_PIXELS = " of pixels"
"""Ends what happened to a file that holds nothing else, so that the shape must be the same."""
_NUMBER = re.compile(rb"[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True)
class Mutant:
    """A file after something happened to it."""

    kind: str
    """What happened."""
    content: bytes
    """Of the file."""
    whole: bool = False
    """What the file said cannot have changed: pixels at most, in their places."""


def mutant(seed: Seed, content: bytes, index: int, base: int, held: tuple[int, int] | None) -> Mutant:
    """The file of that number, always the same.

    Parameters
    ----------
    seed
        Its kind.
    content
        Of the whole file.
    index
        Every third cuts the file where something begins or ends, or just beside it, until no such place is left.
    base
        Seed of all random choices.
    held
        First byte of the pixels and the one after the last, where they lie uncompressed in one piece.
    """
    cuts = _cuts(seed, content)
    if index % 3 == 0 and index // 3 < len(cuts):
        order = np.random.default_rng(base).permutation(len(cuts))
        return Mutant("cut at a mark", content[: cuts[int(order[index // 3])]])
    rng = np.random.default_rng([base, index, *content[:64]])
    if rng.random() < 0.25:
        changed = seed.retext(content, lambda text: _with_number(text, rng))
        if changed != content:
            return Mutant("number in a text", changed)
    wrapped = rng.random() < 0.4
    inner = content if wrapped else seed.open_up(content)
    kind = str(rng.choice(list(_MUTATIONS)))
    changed = _MUTATIONS[kind](inner, _marks(seed, inner), rng)
    same = len(changed) == len(inner) and held is not None and inner is content and not wrapped
    span = _span(inner, changed) if same else None
    whole = span is not None and held is not None and held[0] <= span[0] and span[1] <= held[1]
    return Mutant(kind, changed if wrapped else seed.close(changed), whole)


@lru_cache(maxsize=64)
def _marks(seed: Seed, content: bytes) -> tuple[int, ...]:
    return tuple(mark for mark in seed.marks(content) if 0 <= mark < len(content)) or (0,)


@lru_cache(maxsize=16)
def _cuts(seed: Seed, content: bytes) -> tuple[int, ...]:
    near = {mark + beside for mark in seed.marks(content) for beside in (-1, 0, 1)}
    return tuple(sorted(near & set(range(len(content)))))


def damage_folder(seed: Seed, files: Mapping[Path, bytes], folder: Path, index: int, base: int) -> str:
    """What was done to one file of a folder that is an image, or that holds one.

    Parameters
    ----------
    seed
        Its kind.
    files
        What the folder holds, by the place in it.
    folder
        Where it is; one of its files is damaged.
    index, base
        As of :func:`mutant`.
    """
    rng = np.random.default_rng([base, index, 1])
    place = sorted(files)[int(rng.integers(len(files)))]
    content = files[place]
    kind = _whole_file(files, folder, place, index % 32, rng)
    if not kind:
        kind, changed = _within(seed, content, rng)
        _put(folder / place, changed)
    return f"{kind}{OF_PIXELS if seed.only_pixels(place) else ''}"


def _put(file: Path, content: bytes) -> None:
    file.unlink()  # it is a link to the one of the whole image
    file.write_bytes(content)


def _whole_file(files: Mapping[Path, bytes], folder: Path, place: Path, number: int, rng: np.random.Generator) -> str:
    """What was done to a file without a look at its content; nothing for most numbers."""
    file = folder / place
    other = sorted(files)[int(rng.integers(len(files)))]
    if number == 0:
        file.unlink()
        return "file missing"
    if number == 1 and len(place.parts) > 1:
        shutil.rmtree(file.parent)
        return "folder missing" if len(place.parts) == 2 else "inner folder missing"
    if number == 2:
        _put(file, files[other])
        return "another file in its place"
    if number == 3:
        _put(file, b"")
        return "cut to nothing"
    if number == 4:
        file.unlink()
        file.mkdir()
        return "folder in its place"
    if number == 5:
        file.with_name(f"7{file.name}").write_bytes(files[place])
        return "file there twice"
    if number in {6, 7}:
        file.unlink()
        file.symlink_to(folder / other if number == 6 else file)
        return "link in its place"
    return ""


def _within(seed: Seed, content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    if rng.random() < 0.4 and content[:1] == b"{":
        return "number in a text", _with_number(content, rng)
    kind = str(rng.choice(list(_MUTATIONS)))
    return kind, _MUTATIONS[kind](content or b"\0", _marks(seed, content), rng)


def _span(one: bytes, other: bytes) -> tuple[int, int]:
    differs = np.flatnonzero(np.frombuffer(one, np.uint8) != np.frombuffer(other, np.uint8))
    return (int(differs[0]), int(differs[-1]) + 1) if differs.size else (len(one), 0)


def _with_number(text: bytes, rng: np.random.Generator) -> bytes:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    chosen = found[rng.integers(len(found))]
    return text[: chosen.start()] + _HUGE[int(rng.integers(len(_HUGE)))] + text[chosen.end() :]


def _place(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> int:
    # headers are short beside pixels, and nearly everything that matters lies in them
    if rng.random() < 0.6:
        return min(len(content) - 1, int(marks[int(rng.integers(len(marks)))]) + int(rng.integers(0, 12)))
    return int(rng.integers(len(content)))


def _cut(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    return content[: max(1, _place(content, marks, rng))]


def _flip(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    result = bytearray(content)
    for _ in range(int(rng.choice([1, 1, 1, 2, 5, 30]))):
        at = _place(content, marks, rng)
        result[at] ^= 1 << int(rng.integers(8)) if rng.random() < 0.5 else int(rng.integers(1, 256))
    return bytes(result)


def _run(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    at, length = _place(content, marks, rng), int(rng.choice([2, 4, 8, 32, 200, 2000]))
    length = min(length, len(content) - at)
    return content[:at] + (b"\0" if rng.random() < 0.5 else b"\xff") * length + content[at + length :]


def _swap(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    one, other = sorted((_place(content, marks, rng), _place(content, marks, rng)))
    length = min(int(rng.choice([2, 4, 12, 64, 512])), other - one, len(content) - other)
    parts = content[:one], content[one : one + length], content[one + length : other]
    return parts[0] + content[other : other + length] + parts[2] + parts[1] + content[other + length :]


def _insert(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    at = _place(content, marks, rng)
    return content[:at] + rng.bytes(int(rng.choice([1, 2, 4, 100]))) + content[at:]


def _remove(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    at = _place(content, marks, rng)
    return content[:at] + content[at + int(rng.choice([1, 2, 4, 100])) :] or b"\0"


def _extreme(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    at, width = _place(content, marks, rng), int(rng.choice([1, 2, 4, 4, 8]))
    if rng.random() < 0.7:
        at = min((mark for mark in marks), key=lambda mark: abs(mark - at))
    value = int(_EXTREME[int(rng.integers(len(_EXTREME)))]) % 2 ** (8 * width)
    number: bytes = value.to_bytes(width, "little" if rng.random() < 0.5 else "big")
    return (content[:at] + number + content[at + width :])[: len(content)]


def _doubled(content: bytes, marks: Sequence[int], rng: np.random.Generator) -> bytes:
    del marks, rng
    return content + content


_MUTATIONS = {
    "cut": _cut,
    "bytes flipped": _flip,
    "run of one byte": _run,
    "blocks swapped": _swap,
    "bytes inserted": _insert,
    "bytes removed": _remove,
    "number of a field": _extreme,
    "doubled": _doubled,
}
