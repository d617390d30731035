"""By what an input is known again: everything its metadata say, and a glance at a few of its files."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noise2detail.scale.arrays import StoredArray
from noise2detail.scale.geometry import Box
from noise2detail.scale.store import Store

GLANCED = 16
"""Files of the largest array that are looked at: of each its length, its first and its last 64 KiB.

So it is cheap for a store of any size, and honest about it: pixels that change elsewhere are not noticed."""

ABSENT = "absent"


@dataclass(frozen=True)
class Identity:
    """By what an input is known again."""

    metadata: str
    """SHA-256 of what describes the image and its arrays."""
    files: Mapping[str, str]
    """SHA-256 of what was seen of some files, by their name below the store."""


def identity_of(store: Store) -> Identity:
    """By what an input will be known again."""
    array = store.levels[0]
    files = {name: _glance(array, name) for name in glanced(array)}
    return Identity(metadata_digest(store), files)


def metadata_digest(store: Store) -> str:
    """SHA-256 of what describes an image and its arrays."""
    template = store.described.template
    said: list[Any] = [store.described.axes, [[node.path, dict(node.files)] for node in template.groups]]
    said += [[node.path, dict(node.files)] for node in template.levels]
    return hashlib.sha256(canonical(said)).hexdigest()


def glanced(array: StoredArray) -> dict[str, Box]:
    """Names of the files that are looked at, evenly spread, and what part of the array each holds."""
    layout = array.layout
    counts = [-(-length // each) for length, each in zip(layout.shape, layout.chunk, strict=True)]
    total = int(np.prod(counts, dtype=np.int64))
    found: dict[str, Box] = {}
    for number in np.unique(np.linspace(0, total - 1, min(GLANCED, total)).round().astype(np.int64)):
        index = [int(at) for at in np.unravel_index(int(number), counts)]
        box = tuple(
            slice(at * each, min(length, (at + 1) * each))
            for at, each, length in zip(index, layout.chunk, layout.shape, strict=True)
        )
        found[next(array.names(box))] = box
    return found


def _glance(array: StoredArray, name: str) -> str:
    seen = array.place.glance(name)
    return ABSENT if seen is None else hashlib.sha256(seen).hexdigest()


def canonical(data: Any) -> bytes:
    """Data as JSON in the one form that its digest is made of."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
