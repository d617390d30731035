"""OME-XML read and patched in place: what is not named here stays byte for byte as it was.

The only component that knows OME-XML. A parser finds where elements begin and end; patches replace stretches of the
original text. Writing a tree back would rename namespaces and drop comments.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from noise2detail.io.units import micrometres_per, seconds_per

OME_TYPES = {
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "float32": "float",
    "float64": "double",
    "complex64": "complex",
    "complex128": "double-complex",
    "bool": "bit",
}
"""Pixel types of OME-XML by name of the dtype."""


@dataclass
class Element:
    """One element and where its text lies, in bytes."""

    name: str
    """Without namespace prefix."""
    attributes: Mapping[str, str]
    """As written, unescaped."""
    start: int
    """Of the start tag."""
    open_end: int
    """Just after the start tag."""
    close_start: int = 0
    """Of the end tag; of nothing where the element closes itself."""
    end: int = 0
    """Just after the element."""
    children: list["Element"] = field(default_factory=list)
    """In the order of the text."""

    def all(self, name: str) -> list["Element"]:
        """Children of that name."""
        return [child for child in self.children if child.name == name]


@dataclass(frozen=True)
class OmeFacts:
    """What the first image of an OME-XML says about its pixels."""

    images: int
    """Image elements in the text."""
    sizes: Mapping[str, int]
    """Length by axis letter ``X Y Z C T``."""
    pixel_size_um: Mapping[str, float]
    """By axis letter, where given as a length."""
    time_increment: float | None
    """Seconds."""
    channel_names: tuple[str, ...]
    """One for each Channel element that has a name, or none unless all have."""
    companion: str | None
    """File that holds the metadata of a set, where this file only points to it."""
    other_files: tuple[str, ...] = ()
    """Names of the files that hold planes of this image, as far as they are not this one."""
    most_pixels: int = 0
    """Pixels of the largest image, as they are promised."""
    most_planes: int = 0
    """Largest number or count of planes that is said of a stretch of them."""


def parse(xml: bytes) -> Element:
    """The root element.

    Raises
    ------
    ValueError
        Not well-formed, or with a document type declaration, which OME-XML never has.
    """
    parser = expat.ParserCreate("utf-8")
    top: list[Element] = []
    stack: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        at = parser.CurrentByteIndex
        element = Element(name.rpartition(":")[2], attributes, at, _tag_end(xml, at))
        (stack[-1].children if stack else top).append(element)
        stack.append(element)

    def end(_name: str) -> None:
        element = stack.pop()
        closes_itself = xml[element.open_end - 2 : element.open_end] == b"/>"
        element.close_start = element.open_end if closes_itself else parser.CurrentByteIndex
        element.end = element.open_end if closes_itself else _tag_end(xml, parser.CurrentByteIndex)

    def refuse(*_declaration: Any) -> None:
        raise ValueError("OME-XML with a document type declaration")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        message = f"OME-XML is not well-formed: {error}"
        raise ValueError(message) from error
    return top[0]


def read_facts(xml: bytes) -> OmeFacts:
    """What the first image of the text says.

    Raises
    ------
    ValueError
        The text is not OME-XML.
    """
    root = parse(xml)
    images = root.all("Image")
    pixels = [found for image in images[:1] for found in image.all("Pixels")]
    binary_only = root.all("BinaryOnly")
    companion = binary_only[0].attributes.get("MetadataFile", "another file") if binary_only else None
    if not pixels:
        return OmeFacts(len(images), {}, {}, None, (), companion)
    said = pixels[0].attributes
    increment = _length(said, "TimeIncrement", "s", seconds_per)
    names = [channel.attributes.get("Name", "") for channel in pixels[0].all("Channel")]
    return OmeFacts(
        images=len(images),
        sizes={axis: int(said[f"Size{axis}"]) for axis in "XYZCT" if f"Size{axis}" in said},
        pixel_size_um={
            axis: size for axis in "XYZ" if (size := _length(said, f"PhysicalSize{axis}", "µm", micrometres_per))
        },
        time_increment=increment,
        channel_names=tuple(names) if all(names) else (),
        companion=companion,
        other_files=tuple(_other_files(xml, root)),
        most_pixels=_most_pixels(images),
        most_planes=_most_planes(images),
    )


def _most_pixels(images: Sequence[Element]) -> int:
    every = [pixels.attributes for image in images for pixels in image.all("Pixels")]
    return max(math.prod(int(said.get(f"Size{axis}", "1")) for axis in "XYZCT") for said in every)


_COUNTS = ("PlaneCount", "NumPlanes", "IFD")


def _most_planes(images: Sequence[Element]) -> int:
    stretches = [data for image in images for pixels in image.all("Pixels") for data in pixels.all("TiffData")]
    return max((int(one.attributes.get(key, "0")) for one in stretches for key in _COUNTS), default=0)


def _other_files(xml: bytes, root: Element) -> Iterator[str]:
    own = root.attributes.get("UUID", "").encode()
    pixels = [pixels for image in root.all("Image") for pixels in image.all("Pixels")]
    for uuid in (uuid for one in pixels for data in one.all("TiffData") for uuid in data.all("UUID")):
        # a file that was moved still names the place where it was made
        if not own or xml[uuid.open_end : uuid.close_start] != own:
            yield uuid.attributes.get("FileName", "")


def patch(
    xml: bytes,
    *,
    axes: str,
    shape: Sequence[int],
    dtype: str,
    note: str = "",
    pixel_size_um: Mapping[str, float] | None = None,
    time_increment: float | None = None,
) -> bytes:
    """The same text for an image of this shape and type that lies alone in one file, plane after plane.

    Parameters
    ----------
    xml
        Of the original file; its first image is kept.
    axes, shape
        Of the new pixels; the planes lie in the file in this order.
    dtype
        Name of the new pixel type.
    note
        Added to the description of the image.
    pixel_size_um, time_increment
        Written only where they differ from what the text says.
    """
    root = parse(xml)
    image = root.all("Image")[0]
    pixels = image.all("Pixels")[0]
    changes = dict(_layout(pixels, axes, shape, dtype))
    changes.update(_scale(read_facts(xml), pixel_size_um or {}, time_increment))
    edits = [(pixels.start, pixels.open_end, _with_attributes(xml, pixels, changes))]
    if "UUID" in root.attributes:
        edits.append((root.start, root.open_end, _with_attributes(xml, root, {"UUID": f"urn:uuid:{uuid4()}"})))
    edits += [(other.start, other.end, b"") for other in root.all("Image")[1:]]
    edits += _tiff_data(xml, pixels, _planes(axes, shape))
    if note:
        edits.append(_described(xml, image, note))
    for start, end, text in sorted(edits, reverse=True):
        xml = xml[:start] + text + xml[end:]
    return xml


def _planes(axes: str, shape: Sequence[int]) -> int:
    count = 1
    for axis, length in zip(axes, shape, strict=True):
        count *= length if axis in "TZC" else 1
    return count


def _layout(pixels: Element, axes: str, shape: Sequence[int], dtype: str) -> Iterator[tuple[str, str]]:
    length = dict(zip(axes, shape, strict=True))
    samples = length.get("S", 1)
    for axis in "XYZT":
        yield f"Size{axis}", str(length.get(axis, 1))
    yield "SizeC", str(length.get("C", 1) * samples)
    yield "Type", OME_TYPES[dtype]
    order = "".join(axis for axis in reversed(axes) if axis in "ZCT")
    said = pixels.attributes.get("DimensionOrder", "XYCZT")
    if [axis for axis in said if axis in order] != list(order):
        rest = "".join(axis for axis in said if axis in "ZCT" and axis not in order)
        yield "DimensionOrder", "XY" + order + rest


def _scale(facts: OmeFacts, sizes: Mapping[str, float], increment: float | None) -> Iterator[tuple[str, str]]:
    for axis, size in sizes.items():
        if not _same(facts.pixel_size_um.get(axis), size):
            yield f"PhysicalSize{axis}", repr(float(size))
            yield f"PhysicalSize{axis}Unit", "µm"
    if increment is not None and not _same(facts.time_increment, increment):
        yield "TimeIncrement", repr(float(increment))
        yield "TimeIncrementUnit", "s"


def _same(said: float | None, wanted: float) -> bool:
    return said is not None and abs(said - wanted) <= 1e-9 * abs(wanted)


def _tiff_data(xml: bytes, pixels: Element, planes: int) -> list[tuple[int, int, bytes]]:
    # The old entries point to places, and perhaps to companion files, that the new file does not have.
    old = pixels.all("TiffData")
    prefix = _prefix(xml, pixels)
    new = b'<%sTiffData FirstC="0" FirstT="0" FirstZ="0" IFD="0" PlaneCount="%d"/>' % (prefix, planes)
    if old:
        return [(old[0].start, old[0].end, new)] + [(gone.start, gone.end, b"") for gone in old[1:]]
    before = [child for child in pixels.children if child.name in {"Channel", "BinData"}]
    at = before[-1].end if before else pixels.open_end
    return [(at, at, new)]


def _described(xml: bytes, image: Element, note: str) -> tuple[int, int, bytes]:
    text = escape(note).encode()
    described = image.all("Description")
    prefix = _prefix(xml, image)
    whole = b"<%sDescription>%s</%sDescription>" % (prefix, text, prefix)
    if described:
        element = described[0]
        if element.close_start == element.end:  # <Description/>
            return element.start, element.end, whole
        return element.close_start, element.close_start, b"\n" + text
    # The schema wants a Description after the date and the experimenter, and before all else.
    before = [child for child in image.children if child.name in {"AcquisitionDate", "AcquiredDate", "ExperimenterRef"}]
    at = before[-1].end if before else image.open_end
    return at, at, whole


def _prefix(xml: bytes, element: Element) -> bytes:
    name = xml[element.start + 1 : element.open_end].split(None, 1)[0].rstrip(b"/>")
    return name[: name.index(b":") + 1] if b":" in name else b""


def _with_attributes(xml: bytes, element: Element, changes: Mapping[str, str]) -> bytes:
    tag = xml[element.start : element.open_end]
    for name, value in changes.items():
        if element.attributes.get(name) == value:
            continue
        quoted = quoteattr(value).encode()
        place = _attribute(tag, name.encode())
        if place is None:
            end = len(tag) - (2 if tag.endswith(b"/>") else 1)
            tag = tag[:end].rstrip() + b" " + name.encode() + b"=" + quoted + tag[end:]
        else:
            tag = tag[: place[0]] + quoted + tag[place[1] :]
    return tag


def _attribute(tag: bytes, wanted: bytes) -> tuple[int, int] | None:
    """Where the quoted value of an attribute lies within a start tag.

    >>> _attribute(b'<Pixels ID="a" Type="b"/>', b"Type")
    (20, 23)
    """
    at = len(tag.split(None, 1)[0])
    while (equals := tag.find(b"=", at)) >= 0:
        quotes = [place for quote in (b'"', b"'") if (place := tag.find(quote, equals)) >= 0]
        if not quotes:
            return None
        first = min(quotes)
        last = tag.index(tag[first : first + 1], first + 1)
        if tag[at:equals].strip() == wanted:
            return first, last + 1
        at = last + 1
    return None


def _tag_end(xml: bytes, start: int) -> int:
    quote = 0
    for at in range(start, len(xml)):
        letter = xml[at]
        if quote:
            quote = 0 if letter == quote else quote
        elif letter in b"\"'":
            quote = letter
        elif letter == ord(">"):
            return at + 1
    raise ValueError("OME-XML ends within a tag")


def _length(said: Mapping[str, str], name: str, default: str, per: Any) -> float | None:
    if name not in said:
        return None
    factor = per(said.get(f"{name}Unit", default))
    value = float(said[name])
    return value * float(factor) if factor is not None and value > 0 else None
