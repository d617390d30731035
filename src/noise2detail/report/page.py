"""What the trust page shows, as plain data: records only.

The page shows what these records hold and nothing else. It reads no file, so no patient's name, date or number can get
into it unless a caller writes one into a record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from noise2detail.errors import InputError
from noise2detail.report.charts import Chart
from noise2detail.types import Pixels

Level = Literal["good", "caution", "bad", "unknown"]
"""How a finding is to be taken; each is shown by a word, a sign and a colour."""

Scale = Literal["sequential", "diverging"]
"""From nothing to much, or to either side of 0."""


@dataclass(frozen=True)
class Remark:
    """One reason of a verdict."""

    text: str
    """A sentence without full stop."""
    level: Level = "good"
    """How it is to be taken."""


@dataclass(frozen=True)
class Verdict:
    """Whether the result can be trusted, in words."""

    level: Level
    """The worst that was found."""
    words: str
    """The verdict in one short sentence."""
    remarks: tuple[Remark, ...] = ()
    """Why, the gravest first."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One of the images that are compared: the noisy one, or a result."""

    name: str
    """Shown above its side."""
    planes: Sequence[Pixels]
    """Each ``(channel, y, x)``, all of one shape; may be read when they are asked for."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """A map that can be laid over one plane of one channel."""

    name: str
    """Maps of one name are one choice, whatever their plane and channel."""
    values: Pixels
    """``(y, x)``; NaN where nothing is known."""
    unit: str = ""
    """Of the values."""
    scale: Scale = "sequential"
    """Which colours."""
    plane: int = 0
    """Number of the plane, from 0."""
    channel: int = 0
    """Number of the channel, from 0."""
    limits: tuple[float, float] | None = None
    """Values of the first and the last colour; None: 0.5 and 99.5 percentile, symmetric about 0 if diverging."""
    note: str = ""
    """What the map means, one sentence."""


@dataclass(frozen=True)
class StackAxis:
    """One slider of a stack."""

    name: str
    """For people: z, or time."""
    size: int
    """How many places it has."""
    step: float | None = None
    """From one to the next, in ``unit``."""
    unit: str = ""
    """Of the step: µm or s."""


@dataclass(frozen=True, eq=False)
class Viewer:
    """The images side by side, with everything needed to look at them."""

    pictures: tuple[Picture, ...]
    """All of one shape; the first lies on the left of the slider at the start, the second on the right."""
    channels: tuple[str, ...] = ("",)
    """Names, as many as there are channels."""
    colour: bool = False
    """The three channels are red, green and blue."""
    stack: tuple[StackAxis, ...] = ()
    """Sliders; the planes of a picture run through the last one first."""
    chosen: int = 0
    """Number of the plane that is shown first, and in full detail."""
    pixel_size_um: tuple[float, float] | None = None
    """Height and width of a pixel in micrometres, where known."""
    unit: str = ""
    """Of the pixel values; empty: grey levels without unit."""
    noise: tuple[float, ...] = ()
    """Smallest standard deviation of the noise of each channel in image units, where measured: nothing coarser than a
    fraction of it is carried."""
    overlays: tuple[Overlay, ...] = ()
    """The residual is always offered and need not be handed over."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def planes(self) -> int:
        """How many there are of each picture."""
        return len(self.pictures[0].planes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of a plane."""
        channels, y, x = self.pictures[0].planes[0].shape
        return channels, y, x


@dataclass(frozen=True)
class Table:
    """Rows under a heading."""

    head: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[str, ...], ...]
    """As many cells each as the head; a column of numbers is set to the right."""


@dataclass(frozen=True)
class Section:
    """A part of the page below the viewer."""

    title: str
    """Its heading."""
    text: tuple[str, ...] = ()
    """Paragraphs."""
    charts: tuple[Chart, ...] = ()
    """Figures; each is also offered as a table."""
    table: Table | None = None
    """Shown whole."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Name and value."""
    missing: str = ""
    """Why there is nothing to show, as a sentence; shown where all else is empty."""

    @property
    def is_empty(self) -> bool:
        """True if there is not even a reason to show."""
        return not (self.text or self.charts or self.table or self.facts or self.missing)


@dataclass(frozen=True, eq=False)
class Page:
    """Everything that is shown, from top to bottom."""

    title: str
    """The name of the file."""
    verdict: Verdict | None = None
    """Comes first."""
    viewer: Viewer | None = None
    """None: no image is shown."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Name and value, such as the size and the method."""
    sections: tuple[Section, ...] = ()
    """In this order; those that are empty are left out."""
    plan: tuple[str, ...] = ()
    """What was decided and why, one sentence each."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Versions, digests, seconds: name and value."""
    command: str = ""
    """What to type to get the same result."""
    made_by: str = "noise2detail"
    """Name and version of the program."""


def _check(viewer: Viewer) -> None:
    if not viewer.pictures or not viewer.planes:
        raise InputError("the viewer has no picture to show; hand over at least one, with at least one plane")
    shape = viewer.shape
    for picture in viewer.pictures:
        first = tuple(picture.planes[0].shape)
        if len(picture.planes) != viewer.planes or first != shape:
            raise InputError(
                f"{picture.name!r} has {len(picture.planes)} planes of shape {first}; expected {viewer.planes} of "
                f"{shape} as {viewer.pictures[0].name!r} has: only images of one shape can be compared pixel by pixel"
            )
    if len(viewer.channels) != shape[0] or (viewer.colour and shape[0] != 3):
        raise InputError(f"{len(viewer.channels)} channel names for {shape[0]} channels; expected one each, 3 if RGB")
    if not 0 <= viewer.chosen < viewer.planes:
        raise InputError(f"plane {viewer.chosen} is to be shown first; expected 0 to {viewer.planes - 1}")
    sliders = 1
    for axis in viewer.stack:
        sliders *= axis.size
    if viewer.stack and sliders != viewer.planes:
        raise InputError(f"the stack has {sliders} places for {viewer.planes} planes; expected as many")
    for overlay in viewer.overlays:
        if overlay.values.shape != shape[1:] or not (0 <= overlay.plane < viewer.planes):
            raise InputError(
                f"the map {overlay.name!r} has shape {overlay.values.shape} for plane {overlay.plane}; expected "
                f"{shape[1:]} and a plane from 0 to {viewer.planes - 1}"
            )
