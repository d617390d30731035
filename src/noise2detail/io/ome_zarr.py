"""OME-Zarr, on Zarr 2 and 3: folders that hold an image in chunks and in several sizes."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noise2detail.errors import UnreadableFileError
from noise2detail.image import Image, check_axes
from noise2detail.io.describe import FACTS_KEY
from noise2detail.io.ome_zarr_metadata import Multiscale, labels, letters, multiscale, ome, physical, unclear_axes
from noise2detail.io.several import Choice, choose
from noise2detail.io.zarr_layout import Layout, read_layout
from noise2detail.io.zarr_nodes import CONSOLIDATED, DAMAGED, METADATA, Node, member, read_node
from noise2detail.io.zarr_pixels import read_pixels

ZARR_KEY = "ome-zarr"
"""Key of the template in the metadata of an image."""

_LAYOUT = "bioformats2raw.layout"
_OME = "OME"
_OME_XML = "METADATA.ome.xml"
_COPIES = "consolidated_metadata"
_LONGEST_XML = 2**26


@dataclass(frozen=True, eq=False)
class ZarrTemplate:
    """Everything that a store held beside its pixels, and how it stored them."""

    axes: str
    """Of the array that was handed out, as the store itself says."""
    shape: tuple[int, ...]
    """Of the array that was handed out."""
    dtype: np.dtype[np.generic]
    """Of the array that was handed out."""
    pixel_size_um: Mapping[str, float]
    """As the store says."""
    time_increment: float | None
    """As the store says."""
    channel_names: tuple[str, ...]
    """As the store says."""
    groups: tuple[Node, ...]
    """Every group that is written again, those of the image and those around it."""
    image: str
    """Path of the group that describes the image."""
    levels: tuple[Node, ...]
    """The arrays, largest first."""
    files: Mapping[str, bytes]
    """Other files by their path: the OME-XML of the converter."""
    left: tuple[str, ...]
    """What is not written again, in words."""
    consolidated: frozenset[str] = frozenset()
    """Paths of the groups that keep copies of the metadata below them; the copies are made anew."""
    store: Path = Path()
    """Folder below which all these paths lie."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store, or by its name should be one."""
    try:
        return path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in METADATA)
    except OSError:  # a folder that cannot be looked into
        return False


def read_ome_zarr(path: Path, axes: str | None = None, image: Choice | None = None) -> Image:
    """The image of a store in its full size; of the others only their metadata are read.

    Parameters
    ----------
    path
        Folder of the store, or of one image in it.
    axes
        Overrides the meaning of the dimensions.
    image
        Which series of a store of the converter bioformats2raw, where there are several; by number or folder.

    Raises
    ------
    AxesError
        ``axes`` does not fit, or is needed and missing.
    PixelTypeError
        Complex numbers.
    UnreadableFileError
        Damaged, no image, several, or stored in a way that is not known.
    """
    try:
        return _image(path, axes, image)
    except UnreadableFileError:
        raise
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be read ({error.strerror})", "check its permissions") from error


@dataclass(frozen=True, eq=False)
class Described:
    """What the metadata of a store say about one image; no chunk was looked at."""

    axes: str
    """One letter for each dimension."""
    template: ZarrTemplate
    """Everything but the pixels."""
    layouts: tuple[Layout, ...]
    """How each of the arrays is stored, largest first."""
    facts: tuple[tuple[str, str], ...]
    """For people."""


def describe_ome_zarr(path: Path, axes: str | None = None, image: Choice | None = None) -> Described:
    """What the metadata of a store say about one image.

    Parameters
    ----------
    path, axes, image
        As for ``read_ome_zarr``; the folder need not hold any pixels.

    Raises
    ------
    AxesError, PixelTypeError, UnreadableFileError
        As ``read_ome_zarr``.
    """
    root = _group(path, "")
    inside = _series(path) if _LAYOUT in ome(root) else [""]
    series = inside[choose(path, "images" if inside == [""] else "series", inside, image)]
    if len(inside) > 1:  # by itself, so that what is written again does not promise the others
        return describe_ome_zarr(member(path, series), axes, None)
    node = _group(path, series) if series else root
    if not ome(node).get("multiscales"):
        raise _no_image(path, node)
    found = multiscale(path, node)
    levels, layouts = _levels(path, series, found)
    shape = layouts[0].shape
    said = letters(path, found, len(shape))
    named = axes or said
    if not named:
        raise unclear_axes(path, found, len(shape))
    check_axes(named, shape)
    sizes, increment = physical(found, named)
    names = labels(node, shape[named.index("C")] if "C" in named else 1)
    groups = _groups(path, root, node, levels)
    template = ZarrTemplate(
        *(said, shape, layouts[0].dtype.newbyteorder("="), sizes, increment, names),
        tuple(_trimmed(one, first_only=one is node) for one in groups),
        series,
        levels,
        _files(path) if series else {},
        _left(path, node, found),
        frozenset(one.path for one in groups if _has_copies(path, one)),
        path,
    )
    return Described(named, template, tuple(layouts), _facts(found, levels, layouts[0], template.left))


def _image(path: Path, axes: str | None, image: Choice | None) -> Image:
    found = describe_ome_zarr(path, axes, image)
    template = found.template
    level = template.levels[0]
    pixels = read_pixels(template.store, member(template.store, level.path), level, found.layouts[0])
    metadata = {ZARR_KEY: template, FACTS_KEY: found.facts}
    return Image(
        pixels,
        found.axes,
        template.pixel_size_um,
        template.time_increment,
        template.channel_names,
        "ome-zarr",
        metadata,
    )


def _group(store: Path, path: str) -> Node:
    node = read_node(store, path)
    if node is None and not path and store.with_name(store.name + ".n2d").is_dir():
        raise UnreadableFileError(
            store, "n2d scale has not finished it", f"n2d scale IN -o {store.name} --status tells how far it is"
        )
    if node is None:
        place = store / path
        raise UnreadableFileError(place, "holds none of the files that describe a Zarr group", DAMAGED)
    if node.is_array:
        raise UnreadableFileError(store / path, "is a Zarr array without OME metadata", "name the folder of the image")
    return node


def _series(store: Path) -> list[str]:
    """Paths of the images in a store of the converter bioformats2raw."""
    listing = read_node(store, _OME)
    listed = ome(listing).get("series") if listing is not None else None
    if not isinstance(listed, list):
        inside = (folder.name for folder in store.iterdir() if folder.name.isdecimal() and folder.is_dir())
        listed = sorted(inside, key=int)
    for one in listed:
        member(store, one)
    if not listed:
        raise UnreadableFileError(store, "is a store of series, and holds none", DAMAGED)
    return [str(one) for one in listed]


def _no_image(store: Path, node: Node) -> UnreadableFileError:
    said = ome(node)
    kind = next((kind for kind in ("plate", "well", "labels") if kind in said), None)
    if kind == "labels":
        return UnreadableFileError(store, "holds labels, not an image", "name the folder of the image")
    if kind is not None:
        return UnreadableFileError(
            store, f"is a {kind} with several images", "name one of them, for example the folder A/1/0 of the plate"
        )
    return UnreadableFileError(
        store, "is a Zarr group without OME metadata of an image", "name the group of an image, or export as OME-Zarr"
    )


def _levels(store: Path, series: str, found: Multiscale) -> tuple[tuple[Node, ...], list[Layout]]:
    nodes, layouts = [], []
    for path in found.paths:
        whole = f"{series}/{path}" if series else path
        node = read_node(store, whole) if member(store, whole).is_dir() else None
        if node is None:
            raise UnreadableFileError(
                store, f"its metadata name the array {path!r:.100}, which is not there", "copy the whole store again"
            )
        nodes.append(node)
        layouts.append(read_layout(store / whole, node))
    for larger, smaller in itertools.pairwise(layouts):
        fits = len(larger.shape) == len(smaller.shape)
        if not fits or any(old < new for old, new in zip(larger.shape, smaller.shape, strict=True)):
            raise UnreadableFileError(
                store, f"an array of {larger.shape} is followed by one of {smaller.shape}", DAMAGED
            )
    return tuple(nodes), layouts


def _groups(store: Path, root: Node, node: Node, levels: tuple[Node, ...]) -> tuple[Node, ...]:
    """Root, image and what lies between it and the arrays, without copies of the metadata of everything below."""
    between = sorted(
        {"/".join(parts[:n]) for parts in (one.path.split("/") for one in levels) for n in range(len(parts))}
    )
    listing = [_OME] if node is not root else []
    groups = {"": root, node.path: node} | {
        path: found
        for path in between + listing
        if path not in {"", node.path} and (store / path).is_dir() and (found := read_node(store, path)) is not None
    }
    return tuple(groups.values())


def _has_copies(store: Path, group: Node) -> bool:
    if group.zarr_format == 3:
        return isinstance(group.document.get(_COPIES), dict)
    return (store / group.path / CONSOLIDATED).is_file()


def _trimmed(group: Node, *, first_only: bool) -> Node:
    if group.zarr_format == 3 and _COPIES in group.document:
        kept = {key: value for key, value in group.document.items() if key != _COPIES}
        group = group.with_document(kept)
    said = ome(group)
    if first_only and len(said["multiscales"]) > 1:
        one = dict(said) | {"multiscales": said["multiscales"][:1]}
        group = group.with_attributes({**group.attributes, "ome": one} if "ome" in group.attributes else one)
    return group


def _files(store: Path) -> dict[str, bytes]:
    path = f"{_OME}/{_OME_XML}"
    file = member(store, path)
    small = file.is_file() and file.stat().st_size <= _LONGEST_XML
    return {path: file.read_bytes()} if small else {}


def _left(store: Path, node: Node, found: Multiscale) -> tuple[str, ...]:
    """Whatever else lies beside the arrays."""
    known = {path.split("/")[0] for path in found.paths} | set(METADATA) | {CONSOLIDATED}
    folder = store / node.path if node.path else store
    others = sorted(entry.name for entry in folder.iterdir() if entry.name not in known and entry.is_dir())
    further = len(ome(node)["multiscales"]) - 1
    images = (f"{further} more images of the same group",) if further else ()
    return tuple(f"the folder {name}" for name in others if not name.startswith(".")) + images


def _facts(
    found: Multiscale, levels: tuple[Node, ...], layout: Layout, left: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    def times(lengths: tuple[int, ...]) -> str:
        return " x ".join(map(str, lengths))

    shards = f" in shards of {times(layout.chunk)}" if layout.inner else ""
    return (
        ("OME-Zarr", f"{found.version} on Zarr {levels[0].zarr_format}"),
        ("sizes", str(len(levels))),
        ("chunks", times(layout.inner or layout.chunk) + shards),
        ("stored with", ", ".join(layout.codecs) or "no compression"),
        *(("not carried over", one) for one in left),
    )
