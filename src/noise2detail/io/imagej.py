"""What ImageJ writes into a TIFF: lines of description, and one binary tag of labels, lookup tables, ROIs and notes.

The only component that knows these two. The binary tag is edited block by block, so that unknown blocks survive.
"""

import itertools
import struct
from collections.abc import Mapping, Sequence

from noise2detail.io.tiff_directory import ByteOrder, Directory, Tag
from noise2detail.io.units import micrometres_per, seconds_per

BYTE_COUNTS, BLOCKS = 50838, 50839

DTYPES = frozenset({"uint8", "uint16", "int16", "float32"})
"""Pixel types that ImageJ opens."""


def description_lines(description: str) -> dict[str, str]:
    """Key and value of every line of an ImageJ description."""
    pairs = (line.partition("=") for line in description.replace("\0", "").splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def with_dimensions(description: bytes, axes: str, shape: Sequence[int]) -> bytes:
    r"""The same description for other axes, which must be in the order TZC.

    >>> with_dimensions(b"ImageJ=1.53t\nimages=5\nslices=5\nunit=um\n", "TYX", (5, 8, 8))
    b'ImageJ=1.53t\nimages=5\nframes=5\nunit=um\n'
    """
    lengths = dict(zip(axes, shape, strict=True))
    keys = {"channels": lengths.get("C", 1), "slices": lengths.get("Z", 1), "frames": lengths.get("T", 1)}
    new = [f"{key}={length}".encode() for key, length in keys.items() if length > 1]
    kept = [line for line in description.splitlines() if line.partition(b"=")[0].decode("latin-1") not in keys]
    at = 2 if len(kept) > 1 and kept[1].startswith(b"images=") else 1
    if at == 1:
        planes = keys["channels"] * keys["slices"] * keys["frames"]
        new.insert(0, f"images={planes}".encode())
    return b"\n".join([*kept[:at], *new, *kept[at:], b""])


def planes_promised(lines: Mapping[str, str]) -> int:
    """Planes that a description says the file has."""
    dimensions = 1
    for key in ("channels", "slices", "frames"):
        dimensions *= _whole(lines.get(key))
    return max(dimensions, _whole(lines.get("images")))


def pixel_size(lines: Mapping[str, str], page: Directory, byteorder: ByteOrder, axes: str) -> dict[str, float]:
    """Micrometres per pixel; empty where the description names no unit of length.

    Without a unit the resolution tags say what a printer should do (72 per inch, as a rule), not what a microscope did.
    """
    unit = micrometres_per(lines.get("unit", ""))
    if unit is None:
        return {}
    sizes = {}
    for axis, code in (("X", 282), ("Y", 283)):
        density = resolution(page.find(code), byteorder)
        if density:
            sizes[axis] = unit * density[1] / density[0]
    spacing = _number(lines.get("spacing"))
    if spacing is not None and "Z" in axes:
        # ImageJ writes a negative spacing where the stack runs upwards.
        sizes["Z"] = unit * abs(spacing)
    return sizes


def time_increment(lines: Mapping[str, str]) -> float | None:
    """Seconds between frames, where given."""
    interval = _number(lines.get("finterval"))
    unit = seconds_per(lines.get("tunit", "s"))
    return interval * unit if interval and interval > 0 and unit else None


def resolution(tag: Tag | None, byteorder: ByteOrder) -> tuple[int, int] | None:
    """Pixels and the units that they span; None where absent or not above zero."""
    if tag is None or tag.type != 5 or len(tag.data) < 8:
        return None
    pixels, units = struct.unpack(byteorder + "II", tag.data[:8])
    return (pixels, units) if pixels and units else None


def channel_names(labels: Sequence[str], axes: str, shape: Sequence[int]) -> tuple[str, ...]:
    """Names of the channels, where the label of a plane depends on its channel alone.

    >>> channel_names(["DAPI", "GFP", "DAPI", "GFP"], "TCYX", (2, 2, 8, 8))
    ('DAPI', 'GFP')
    >>> channel_names(["a", "b", "c", "d"], "TCYX", (2, 2, 8, 8))
    ()
    """
    planes = [(axis, length) for axis, length in zip(axes, shape, strict=True) if axis in "TZC"]
    channels = dict(planes).get("C", 0)
    inner = 1
    for axis, length in reversed(planes):
        if axis == "C":
            break
        inner *= length
    total = 1
    for _, length in planes:
        total *= length
    if not channels or len(labels) != total or not all(labels):
        return ()
    names = tuple(labels[channel * inner] for channel in range(channels))
    same = all(label == names[index // inner % channels] for index, label in enumerate(labels))
    return names if same else ()


def read_labels(page: Directory, byteorder: ByteOrder) -> tuple[str, ...]:
    """The label of each plane; empty where there are none."""
    blocks = _read_blocks(page, byteorder)
    texts = [data.decode(_utf16(byteorder), "replace") for kind, data in blocks if kind == b"labl"]
    return tuple(texts)


def with_info(page: Directory, byteorder: ByteOrder, note: str) -> tuple[Tag, ...]:
    """The tags of the page, with ``note`` as the last line of the Info that ImageJ shows."""
    blocks = _read_blocks(page, byteorder)
    encoded = note.encode(_utf16(byteorder))
    info = next((index for index, (kind, _) in enumerate(blocks) if kind == b"info"), None)
    if info is None:
        blocks.insert(0, (b"info", encoded))
    else:
        blocks[info] = (b"info", blocks[info][1] + "\n".encode(_utf16(byteorder)) + encoded)
    others = [tag for tag in page.tags if tag.code not in {BYTE_COUNTS, BLOCKS}]
    return (*others, *_write_blocks(blocks, byteorder))


def _read_blocks(page: Directory, byteorder: ByteOrder) -> list[tuple[bytes, bytes]]:
    counts_tag, data_tag = page.find(BYTE_COUNTS), page.find(BLOCKS)
    if counts_tag is None or data_tag is None or counts_tag.count < 2:
        return []
    counts = struct.unpack(f"{byteorder}{counts_tag.count}I", counts_tag.data)
    header = data_tag.data[4 : counts[0]]
    blocks: list[tuple[bytes, bytes]] = []
    at = counts[0]
    sizes = iter(counts[1:])
    for start in range(0, len(header), 8):
        kind, count = struct.unpack(byteorder + "4sI", header[start : start + 8])
        for size in itertools.islice(sizes, count):
            blocks.append((kind if byteorder == ">" else kind[::-1], data_tag.data[at : at + size]))
            at += size
    return blocks


def _write_blocks(blocks: Sequence[tuple[bytes, bytes]], byteorder: ByteOrder) -> tuple[Tag, Tag]:
    kinds: list[tuple[bytes, int]] = []
    for kind, _ in blocks:
        if kinds and kinds[-1][0] == kind:
            kinds[-1] = (kind, kinds[-1][1] + 1)
        else:
            kinds.append((kind, 1))
    header = b"IJIJ" if byteorder == ">" else b"JIJI"
    for kind, count in kinds:
        header += struct.pack(byteorder + "4sI", kind if byteorder == ">" else kind[::-1], count)
    data = header + b"".join(block for _, block in blocks)
    counts = [len(header), *(len(block) for _, block in blocks)]
    packed = struct.pack(f"{byteorder}{len(counts)}I", *counts)
    return Tag(BYTE_COUNTS, 4, len(counts), packed), Tag(BLOCKS, 1, len(data), data)


def _utf16(byteorder: ByteOrder) -> str:
    return "utf-16-be" if byteorder == ">" else "utf-16-le"


def _whole(text: str | None) -> int:
    return max(1, int(text)) if text and text.isdigit() else 1


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
