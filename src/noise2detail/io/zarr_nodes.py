"""Groups and arrays of a Zarr store, format 2 or 3: their JSON, read with distrust and written again as it was."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import readable

METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
"""Names of the files that say what a folder of a store is."""

CONSOLIDATED = ".zmetadata"
"""Name of the file in which a group of format 2 keeps copies of the metadata below it."""

DAMAGED = "it is truncated or damaged: copy or export it again"

_LARGEST = 2**28
"""Bytes of a metadata file; with thousands of consolidated arrays some have a few million."""
_FORBIDDEN = frozenset("\\:\0")
"""Signs that are no part of a name everywhere: drives, streams and addresses."""


@dataclass(frozen=True, eq=False)
class Node:
    """A group or an array, as its metadata files describe it."""

    path: str
    """Below the folder of the store; empty for the store itself."""
    files: Mapping[str, Mapping[str, Any]]
    """Content of each metadata file, by its name."""

    @property
    def zarr_format(self) -> int:
        """2 or 3."""
        return 3 if "zarr.json" in self.files else 2

    @property
    def is_array(self) -> bool:
        """Whether it holds pixels."""
        return ".zarray" in self.files or self.document.get("node_type") == "array"

    @property
    def document(self) -> Mapping[str, Any]:
        """What Zarr itself has to know."""
        names = (name for name in METADATA[:3] if name in self.files)
        return self.files[next(names, "")] if self.files.keys() - {".zattrs"} else {}

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What everybody else says about it."""
        found = self.document.get("attributes", {}) if self.zarr_format == 3 else self.files.get(".zattrs", {})
        return found if isinstance(found, Mapping) else {}

    def with_attributes(self, attributes: Mapping[str, Any]) -> "Node":
        """The same node with other attributes."""
        if self.zarr_format == 3:
            return self.with_document(dict(self.document) | {"attributes": dict(attributes)})
        return replace(self, files={**self.files, ".zattrs": dict(attributes)})

    def with_document(self, document: Mapping[str, Any]) -> "Node":
        """The same node, described differently to Zarr."""
        name = next(name for name in METADATA[:3] if name in self.files)
        return replace(self, files={**self.files, name: document})


def read_node(store: Path, path: str = "") -> Node | None:
    """The group or array at a place in a store; None where there is none.

    Parameters
    ----------
    store
        Folder of the whole store; nothing outside it is read.
    path
        Names parted by slashes, as metadata give them.

    Raises
    ------
    UnreadableFileError
        The place is outside the store, or its metadata are damaged.
    """
    folder = member(store, path) if path else store
    names = METADATA[:1] if (folder / METADATA[0]).exists() else METADATA[1:]
    files = {name: _json(store, folder / name) for name in names if (folder / name).exists()}
    if not files:
        return None
    node = Node(path, files)
    if node.zarr_format == 3 and node.document.get("node_type") not in ("group", "array"):
        raise UnreadableFileError(folder, "its zarr.json describes neither a group nor an array", DAMAGED)
    if any(one.get("zarr_format") != node.zarr_format for name, one in files.items() if name != ".zattrs"):
        raise UnreadableFileError(folder, "its metadata are of another Zarr format than 2 and 3", "export it again")
    return node


def write_node(store: Path, node: Node) -> Path:
    """The folder of a node, with its metadata in it."""
    folder = store.joinpath(*node.path.split("/")) if node.path else store
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in node.files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="ascii")
    return folder


def with_copies(groups: Sequence[Node], arrays: Sequence[Node], paths: frozenset[str]) -> Iterator[Node]:
    """The groups, those at some paths with copies of the metadata of all that lies below them.

    Such copies spare a reader thousands of small files; zarr calls them consolidated metadata.
    """
    for group in groups:
        start = f"{group.path}/" if group.path else ""
        below = [one for one in (*groups, *arrays) if one is not group and one.path.startswith(start)]
        if group.path not in paths:
            yield group
        elif group.zarr_format == 3:
            inside = {one.path.removeprefix(start): one.document for one in below}
            copies = {"kind": "inline", "must_understand": False, "metadata": inside}
            yield group.with_document({**group.document, "consolidated_metadata": copies})
        else:
            files = {
                name if one is group else f"{one.path.removeprefix(start)}/{name}": content
                for one in (group, *below)
                for name, content in one.files.items()
            }
            yield replace(
                group, files={**group.files, CONSOLIDATED: {"metadata": files, "zarr_consolidated_format": 1}}
            )


def member(store: Path, path: object) -> Path:
    """A place that metadata name, if it lies in the store.

    Raises
    ------
    UnreadableFileError
        An absolute path, an address, one that climbs out of the store, or a link that does.
    """
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(part in {"", ".", ".."} or _FORBIDDEN & set(part) for part in parts):
        raise UnreadableFileError(store, f"its metadata name {path!r:.100}, which is no place in the store", DAMAGED)
    place = store.joinpath(*parts)
    check_inside(store, place)
    return place


def check_inside(store: Path, place: Path) -> None:
    """Raise where a link leads out of the store.

    Raises
    ------
    UnreadableFileError
        It does, or it leads in circles.
    """
    try:
        inside = place.resolve().is_relative_to(store.resolve())
    except (OSError, RuntimeError) as error:
        raise UnreadableFileError(store, f"{place.name} cannot be followed ({error})", DAMAGED) from error
    if not inside:
        raise UnreadableFileError(
            store,
            f"{place.relative_to(store).as_posix()} is a link that leads out of the store",
            "copy the store with its links followed, for example with cp -rL",
        )


def _json(store: Path, file: Path) -> Mapping[str, Any]:
    check_inside(store, file)
    if not file.is_file() or file.stat().st_size > _LARGEST:
        raise UnreadableFileError(file, f"is no file of metadata below {readable(_LARGEST)}", DAMAGED)
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise UnreadableFileError(file, f"cannot be read ({error.strerror})", "check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(file, f"is no JSON ({error})", DAMAGED) from error
    if not isinstance(content, dict):
        raise UnreadableFileError(file, "is no JSON object", DAMAGED)
    return content
