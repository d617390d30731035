"""How a Zarr array is stored: shape, type, chunks and codecs, checked against lists of what is known and harmless."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from noise2detail.errors import PixelTypeError, UnreadableFileError
from noise2detail.io.zarr_nodes import DAMAGED, Node

_COMPRESSORS = frozenset({"blosc", "zstd", "zlib", "gzip", "bz2", "lzma", "lz4"})
# Anything else is refused: what is stored under it may be lossy, unknown, or a pickle, which runs as a program.
_FILTERS = frozenset({"delta", "shuffle", "crc32", "crc32c", "adler32", "fletcher32"})
_BYTE_CODECS = frozenset({"gzip", "zstd", "blosc", "crc32c"})
_TYPES = {"bool"} | {f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)} - {"float8"}
_OLD_TYPE = re.compile(r"\|b1|[|<>][iu]1|[<>][iu][248]|[<>]f[248]")
_MOST_CHUNKS = 10**7


@dataclass(frozen=True)
class Layout:
    """What the metadata of an array say about its storage."""

    shape: tuple[int, ...]
    """Of the array."""
    dtype: np.dtype[Any]
    """Of the pixels, in the byte order of this machine."""
    chunk: tuple[int, ...]
    """Shape of what one file holds."""
    codecs: tuple[str, ...]
    """Names of everything that is done to a chunk, last the one whose output is stored."""
    inner: tuple[int, ...] = ()
    """Shape of the chunks in a shard; empty where files are no shards."""
    index_first: bool = False
    """Whether a shard begins with its index rather than ends with it."""
    index_checksum: bool = False
    """Whether the index of a shard has a checksum."""

    @property
    def nbytes(self) -> int:
        """Of all pixels."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def decoded_nbytes(self) -> int:
        """Of the pixels of what is decoded as one: a chunk, or one of those in a shard."""
        return math.prod(self.inner or self.chunk) * self.dtype.itemsize

    @property
    def chunk_nbytes(self) -> int:
        """Of the pixels of one file."""
        return math.prod(self.chunk) * self.dtype.itemsize


def read_layout(path: Path, node: Node) -> Layout:
    """How an array is stored.

    Parameters
    ----------
    path
        The array, for messages.
    node
        Its metadata.

    Raises
    ------
    PixelTypeError
        Complex numbers.
    UnreadableFileError
        Metadata that are damaged, or codecs that are not known.
    """
    if not node.is_array:
        _refuse(path, "is a group, where its metadata promise an array")
    document = node.document
    layout = _layout_3(path, document) if node.zarr_format == 3 else _layout_2(path, document)
    chunks = (math.ceil(n / c) for n, c in zip(layout.shape, layout.inner or layout.chunk, strict=True))
    if math.prod(chunks) > _MOST_CHUNKS:
        _refuse(path, f"is cut into more than {_MOST_CHUNKS} chunks", "store it again with larger chunks")
    return layout


def chunk_name(node: Node, index: Sequence[int]) -> str:
    """Where the file of a chunk lies below its array, by the number of the chunk along each axis."""
    numbers = [str(number) for number in index]
    if node.zarr_format == 2:
        return str(node.document.get("dimension_separator", ".")).join(numbers)
    said = node.document["chunk_key_encoding"]
    name = said if isinstance(said, str) else said["name"]
    settings = {} if isinstance(said, str) else said.get("configuration", {})
    between = str(settings.get("separator", "/" if name == "default" else "."))
    return between.join((["c"] if name == "default" else []) + numbers)


def for_zarr(node: Node) -> dict[str, Any]:
    """The description of an array as the library takes it: it refuses spellings that old programs wrote."""
    document = dict(node.document)
    if node.zarr_format == 3:
        return document
    document["filters"] = document.get("filters") or None
    document.setdefault("fill_value", None)
    document.setdefault("order", "C")
    document.setdefault("compressor", None)
    fill = document["fill_value"]
    if isinstance(fill, str) and re.fullmatch(r"-?\d+", fill):
        document["fill_value"] = int(fill)
    return document


def _layout_2(path: Path, document: Mapping[str, Any]) -> Layout:
    kind = document.get("dtype")
    if isinstance(kind, str) and re.fullmatch(r"[<>]c\d+", kind):
        raise PixelTypeError(f"{path}: holds complex numbers ({kind}); denoise their magnitude or their parts")
    if not isinstance(kind, str) or not _OLD_TYPE.fullmatch(kind):
        _refuse(path, f"holds {kind!r:.100} values; expected numbers", "convert the array to integers or floats")
    codecs = [(document.get("compressor"), _COMPRESSORS)]
    filters = document.get("filters") or []
    if not isinstance(filters, list):
        _refuse(path, f"has filters {filters!r:.100}")
    named = [
        _old_codec(path, one, known) for one, known in [(f, _FILTERS) for f in filters] + codecs if one is not None
    ]
    if document.get("dimension_separator", ".") not in (".", "/") or document.get("order", "C") not in ("C", "F"):
        _refuse(path, "arranges its chunks in no known way")
    shape = _lengths(path, "shape", document.get("shape"))
    chunk = _lengths(path, "chunks", document.get("chunks"), len(shape))
    return Layout(shape, np.dtype(kind).newbyteorder("="), chunk, tuple(named))


def _old_codec(path: Path, codec: object, known: frozenset[str]) -> str:
    name = codec.get("id") if isinstance(codec, Mapping) else codec
    if not isinstance(name, str) or name not in known:
        _unknown(path, name)
    return name


def _layout_3(path: Path, document: Mapping[str, Any]) -> Layout:
    kind = document.get("data_type")
    if isinstance(kind, str) and kind.startswith("complex"):
        raise PixelTypeError(f"{path}: holds complex numbers ({kind}); denoise their magnitude or their parts")
    if not isinstance(kind, str) or kind not in _TYPES:
        _refuse(path, f"holds {kind!r:.100} values; expected numbers", "convert the array to integers or floats")
    shape = _lengths(path, "shape", document.get("shape"))
    grid, settings = _named(path, document.get("chunk_grid"))
    keys, _ = _named(path, document.get("chunk_key_encoding"))
    if grid != "regular" or keys not in {"default", "v2"} or document.get("storage_transformers"):
        _refuse(path, "arranges its chunks in no known way")
    chunk = _lengths(path, "chunk_shape", settings.get("chunk_shape"), len(shape))
    chain = _chain(path, document.get("codecs"))
    names = [name for name, _ in chain]
    if "sharding_indexed" not in names:
        return Layout(shape, np.dtype(kind), chunk, _plain(path, names))
    if names != ["sharding_indexed"]:
        _unknown(path, " after ".join(reversed(names)))
    return _sharded(path, Layout(shape, np.dtype(kind), chunk, ()), chain[0][1])


def _sharded(path: Path, outer: Layout, settings: Mapping[str, Any]) -> Layout:
    inner = _lengths(path, "chunk_shape of the shards", settings.get("chunk_shape"), len(outer.shape))
    if any(shard % chunk for shard, chunk in zip(outer.chunk, inner, strict=True)):
        _refuse(path, f"has shards of {outer.chunk} that chunks of {inner} do not fill")
    index = [name for name, _ in _chain(path, settings.get("index_codecs"))]
    where = settings.get("index_location", "end")
    if index not in (["bytes"], ["bytes", "crc32c"]) or where not in ("start", "end"):
        _refuse(path, "has shards whose index is stored in no known way")
    codecs = _plain(path, [name for name, _ in _chain(path, settings.get("codecs"))])
    return Layout(outer.shape, outer.dtype, outer.chunk, codecs, inner, where == "start", "crc32c" in index)


def _plain(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    rest = list(itertools.dropwhile(lambda name: name == "transpose", names))
    if rest[:1] != ["bytes"]:
        _unknown(path, rest[0] if rest else None)
    for name in rest[1:]:
        if name not in _BYTE_CODECS:
            _unknown(path, name)
    return tuple(names)


def _chain(path: Path, codecs: object) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(codecs, list):
        _refuse(path, f"has codecs {codecs!r:.100}")
    return [_named(path, codec) for codec in codecs]


def _named(path: Path, found: object) -> tuple[str, Mapping[str, Any]]:
    """Name and configuration of an extension point; the name alone is enough."""
    if isinstance(found, str):
        return found, {}
    settings = found.get("configuration", {}) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(found.get("name"), str) or not isinstance(settings, Mapping):
        _refuse(path, f"says {found!r:.100} about its storage")
    return found["name"], settings


def _lengths(path: Path, what: str, found: object, rank: int | None = None) -> tuple[int, ...]:
    whole = isinstance(found, list) and all(type(n) is int and 0 < n < 2**63 for n in found)
    if not isinstance(found, list) or not whole or (rank is not None and len(found) != rank):
        _refuse(path, f"has {what} {found!r:.100}; expected {rank or 'some'} lengths above 0")
    if len(found) < 2:
        _refuse(path, f"has {what} {found!r:.100}; expected an image, with at least rows and columns")
    return tuple(found)


def _unknown(path: Path, codec: object) -> NoReturn:
    _refuse(path, f"is stored with {codec!r:.100}, which is not known here", "store it again with zstd, blosc or gzip")


def _refuse(path: Path, found: str, remedy: str = DAMAGED) -> NoReturn:
    raise UnreadableFileError(path, found, remedy)
