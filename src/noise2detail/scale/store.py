"""An OME-Zarr store, in a folder or behind an address: what it says, and its arrays."""

import json
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noise2detail.errors import FileError, UnreadableFileError
from noise2detail.io.ome_zarr import Described, describe_ome_zarr
from noise2detail.io.ome_zarr_metadata import ome
from noise2detail.io.several import Choice
from noise2detail.io.zarr_nodes import CONSOLIDATED, METADATA, Node, read_node
from noise2detail.scale.arrays import StoredArray
from noise2detail.scale.place import Folder, Place, place_of


@dataclass(frozen=True, eq=False)
class Store:
    """One image of a store."""

    place: Place
    """Of the image: below it lie the arrays that the description names."""
    described: Described
    """What the metadata say."""

    @property
    def levels(self) -> tuple[StoredArray, ...]:
        """The arrays, largest first."""
        pairs = zip(self.described.template.levels, self.described.layouts, strict=True)
        return tuple(StoredArray(self.place, node, layout) for node, layout in pairs)


def open_store(where: str, options: Mapping[str, Any], axes: str | None = None, image: Choice | None = None) -> Store:
    """One image of a store; of the pixels nothing is read.

    Parameters
    ----------
    where
        A path, or an address such as ``s3://bucket/name.ome.zarr``.
    options
        For the storage of addresses, as fsspec takes them.
    axes
        Overrides the meaning of the dimensions.
    image
        Which series of a store of the converter bioformats2raw, where there are several.

    Raises
    ------
    AxesError, PixelTypeError
        As ``describe_ome_zarr``.
    UnreadableFileError
        Absent, damaged, without an image, or stored in a way that is not known.
    """
    place = place_of(where, options)
    folder = nullcontext(str(place.path)) if isinstance(place, Folder) else tempfile.TemporaryDirectory()
    with folder as name:
        root = Path(name)
        if isinstance(place, Folder) and not root.is_dir():
            found_there = "is a file, no store" if root.exists() else "there is no such folder"
            raise UnreadableFileError(
                where, found_there, "expected an OME-Zarr: n2d convert makes one of other formats"
            )
        try:
            if not isinstance(place, Folder):
                _mirror(place, root)
            found = describe_ome_zarr(root, axes, image)
        except FileError as error:
            if isinstance(place, Folder):
                raise
            shown = str(error.path).replace(str(root), place.url)
            raise UnreadableFileError(shown, error.found.replace(str(root), place.url), error.remedy) from error
        inside = found.template.store.relative_to(root).as_posix()
    below = "" if inside == "." else f"/{inside}"
    template = replace(found.template, store=Path(place.url + below))
    return Store(place_of(place.url + below, options), replace(found, template=template))


def _mirror(place: Place, root: Path) -> None:
    """Copy the metadata of a store into a folder, where all that reads such metadata can read them."""
    top = _copied(place, "", root)
    if top is None or top.is_array:
        return
    series = [name for name in place.folders() if name.isdecimal()]
    for name in place.folders():
        (root / name).mkdir(exist_ok=True)
    listing = _copied(place, "OME", root)
    named = ome(listing).get("series") if listing is not None else None
    if isinstance(named, list):
        series = [one for one in named if isinstance(one, str)]
    if isinstance(ome(top).get("multiscales"), list):
        series = [""]
    for path in series:
        node = _copied(place, path, root) if path else top
        for level in _datasets(node):
            parts = [part for part in f"{path}/{level}".split("/") if part]
            for depth in range(1, len(parts) + 1):
                _copied(place, "/".join(parts[:depth]), root)


def _datasets(node: Node | None) -> list[str]:
    said = ome(node).get("multiscales") if node is not None else None
    first = said[0] if isinstance(said, list) and said else None
    listed = first.get("datasets") if isinstance(first, dict) else None
    paths = [one.get("path") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [one for one in paths if isinstance(one, str) and ".." not in one.split("/")]


def _copied(place: Place, path: str, root: Path) -> Node | None:
    """The group or array at a place, after its metadata were copied."""
    folder = root.joinpath(*path.split("/")) if path else root
    for name in (*METADATA, CONSOLIDATED):
        content = place.read(f"{path}/{name}" if path else name)
        if content is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return read_node(root, path) if folder.is_dir() else None


def put_node(place: Place, node: Node) -> None:
    """Write the metadata of a group or an array, as ``write_node`` does in a folder."""
    for name, content in node.files.items():
        text = json.dumps(content, indent=2) + "\n"
        place.write(f"{node.path}/{name}" if node.path else name, text.encode("ascii"))
