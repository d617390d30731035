"""The pictures of a page as streams of bytes and what a reader needs to know of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noise2detail.report import budget
from noise2detail.report.budget import Fineness
from noise2detail.report.coding import Codes, foretold_bytes, pack, some_rows
from noise2detail.report.grid import Grid, binned, ends_of, grid_of
from noise2detail.report.page import Overlay, Viewer
from noise2detail.types import Pixels

Layer = dict[str, Any]
"""One rectangle of one picture: where it lies, how its codes become values, and the numbers of its streams."""


@dataclass
class Streams:
    """Bytes that are collected while a page is made, each with its number."""

    kept: list[bytes] = field(default_factory=list)
    foretold: float = 0.0
    """How many bytes they were expected to be."""

    def add(self, content: bytes) -> int:
        """The number of a new stream."""
        self.kept.append(content)
        return len(self.kept) - 1

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(map(len, self.kept))


@dataclass(frozen=True, eq=False)
class Carried:
    """The pixels of a page."""

    pictures: Sequence[Sequence[Sequence[Sequence[Layer]]]]
    """Layers by picture, plane and channel, the coarsest first; none where a plane did not fit."""
    overlays: Sequence[Mapping[str, Any]]
    """One each, with its layer."""
    streams: Sequence[bytes]
    """Deflated, by number."""
    ranges: Sequence[Mapping[str, float]]
    """Least and largest value of each channel in the chosen plane, and the step between grey levels."""
    notes: tuple[str, ...]
    """What was reduced and how, in sentences for people."""
    foretold: float
    """Bytes that all streams were expected to take."""


def carry(viewer: Viewer, room: int) -> Carried:
    """The pictures and maps of a viewer in at most ``room`` bytes, unless even the coarsest take more."""
    wanted = float(room)
    for _ in range(budget.ATTEMPTS):
        carried = _carried(viewer, wanted)
        size = sum(map(len, carried.streams))
        if size <= room:
            break
        # a few rows foretold too little, and will do so again in proportion
        wanted = 0.97 * room * min(room, carried.foretold) / size
    return carried


def _carried(viewer: Viewer, room: float) -> Carried:
    streams = Streams()
    notes: list[str] = []
    overlays = _overlays(viewer, budget.OVERLAYS * room, streams, notes)
    pictures: list[list[list[list[Layer]]]] = [
        [[[] for _ in range(viewer.shape[0])] for _ in range(viewer.planes)] for _ in viewer.pictures
    ]
    loaded = _load(viewer, viewer.chosen)
    grids = [grid_of([picture[channel] for picture in loaded], viewer.planes > 1) for channel in range(viewer.shape[0])]
    full = _full_planes(viewer, (loaded, grids), pictures, room - streams.size, (streams, notes))
    _thumbnails(viewer, pictures, full, room - streams.size, (streams, notes))
    streams.foretold += sum(len(streams.kept[overlay["layer"]["data"]]) for overlay in overlays)
    return Carried(pictures, overlays, streams.kept, _ranges(loaded, grids), tuple(notes), streams.foretold)


def _full_planes(
    viewer: Viewer,
    first: tuple[list[Pixels], list[Grid]],
    pictures: Any,
    room: float,
    out: tuple[Streams, list[str]],
) -> frozenset[int]:
    """Numbers of the planes that are carried whole: the chosen one, and those next to it as far as they fit."""
    streams, notes = out
    loaded, grids = first
    level, size = _level_for(viewer, loaded, grids, room if viewer.planes == 1 else budget.STACK * room)
    allowed = room if size * viewer.planes <= room else budget.STACK * room
    done: set[int] = set()
    for plane in sorted(range(viewer.planes), key=lambda plane: (abs(plane - viewer.chosen), plane)):
        if done and streams.size + size > allowed:
            break
        planes = loaded if plane == viewer.chosen else _load(viewer, plane)
        _one_plane(planes, grids, level, (pictures, plane), streams)
        done.add(plane)
        streams.foretold += size
    notes += _words(viewer, _ranges(loaded, grids), grids, level)
    return frozenset(done)


def _ranges(loaded: list[Pixels], grids: list[Grid]) -> list[Mapping[str, float]]:
    found: list[Mapping[str, float]] = []
    for channel, grid in enumerate(grids):
        ends = [ends_of(picture[channel]) for picture in loaded]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        top = grid.offset + grid.scale * grid.codes_above
        found.append({"low": max(low, grid.offset), "high": min(high, top), "step": grid.scale})
    return found


def _load(viewer: Viewer, plane: int) -> list[Pixels]:
    return [np.asarray(picture.planes[plane]) for picture in viewer.pictures]


def _level_for(viewer: Viewer, loaded: list[Pixels], grids: list[Grid], room: float) -> tuple[Fineness, float]:
    """How finely one plane can be carried in some room, and about how many bytes it takes then."""
    largest = min(_largest_step(viewer, loaded, grid, channel) for channel, grid in enumerate(grids))
    y, x = viewer.shape[1:]
    codes = [[grid.codes(some_rows(picture[channel])) for channel, grid in enumerate(grids)] for picture in loaded]
    times = y / len(codes[0][0])

    def size(level: Fineness) -> float:
        whole = 0.0
        for channel in range(len(grids)):
            coded = _coded([picture[channel] for picture in codes], level)
            whole += sum(foretold_bytes(one, base) for one, base, _ in coded)
        share = 1 / level.factor**2 + min(level.centre, y) * min(level.centre, x) / (y * x)
        return times * whole * (1 if level.factor == 1 else share)

    levels = budget.fineness_levels(largest, max(y, x))
    chosen = budget.choose_fineness(levels, size, room)
    return chosen, size(chosen)


def _largest_step(viewer: Viewer, loaded: list[Pixels], grid: Grid, channel: int) -> int:
    """Codes that may become one without harm, from the noise as measured or else as the pictures differ."""
    if len(viewer.noise) > channel:
        sigma = viewer.noise[channel]
    elif len(loaded) > 1:
        difference = np.asarray(loaded[0][channel][::3, ::3], np.float64) - loaded[1][channel][::3, ::3]
        difference = difference[np.isfinite(difference)]
        sigma = 1.4826 * float(np.median(np.abs(difference - np.median(difference)))) if difference.size else 0.0
    else:
        sigma = 0.0
    return max(1, int(min(sigma / budget.OF_NOISE / grid.scale, 32768)))


def _coded(pictures: Sequence[Codes], level: Fineness) -> list[tuple[Codes, Codes | None, int]]:
    """What is packed for each picture, what it is predicted from, and the step; the second picture comes alone."""
    steps = [level.step] + [level.denoised_step] * (len(pictures) - 1)
    anchor = min(1, len(pictures) - 1)
    decoded = pictures[anchor] // steps[anchor] * steps[anchor]
    coded: list[tuple[Codes, Codes | None, int]] = []
    for number, (codes, step) in enumerate(zip(pictures, steps, strict=True)):
        alone = codes // step
        # both in steps from the same codes, so that the difference is in steps too and nothing is rounded twice
        base = decoded // step
        apart = number != anchor and foretold_bytes(alone, base) < foretold_bytes(alone, None)
        coded.append((alone, base if apart else None, step))
    return coded


def _one_plane(
    loaded: list[Pixels], grids: list[Grid], level: Fineness, place: tuple[Any, int], streams: Streams
) -> None:
    """Pack all pictures of one plane, whole and the centre where that is kept apart."""
    pictures, plane = place
    for channel, grid in enumerate(grids):
        planes = [picture[channel] for picture in loaded]
        y, x = planes[0].shape
        parts = [([binned(one, level.factor) for one in planes], level.factor, 0, 0)]
        if level.centre:
            height, width = min(level.centre, y), min(level.centre, x)
            top, left = (y - height) // 2, (x - width) // 2
            parts.append(([one[top : top + height, left : left + width] for one in planes], 1, top, left))
        for part, factor, top, left in parts:
            layers = _layers(part, grid, level, streams)
            for number, layer in enumerate(layers):
                pictures[number][plane][channel].append({**layer, "factor": factor, "top": top, "left": left})


def _layers(planes: Sequence[Pixels], grid: Grid, level: Fineness, streams: Streams) -> list[Layer]:
    coded = _coded([grid.codes(plane) for plane in planes], level)
    anchor = min(1, len(planes) - 1)
    return [
        {
            **_layer(plane, codes, base, grid, streams),
            "step": step,
            "base": None if base is None else anchor,
        }
        for plane, (codes, base, step) in zip(planes, coded, strict=True)
    ]


def _layer(plane: Pixels, codes: Codes, base: Codes | None, grid: Grid, streams: Streams) -> Layer:
    y, x = codes.shape
    gaps = ~np.isfinite(plane)
    return {
        "height": y,
        "width": x,
        "offset": grid.offset,
        "scale": grid.scale,
        "data": streams.add(pack(codes, base)),
        "gaps": streams.add(pack(gaps.astype(np.uint16), None)) if gaps.any() else None,
    }


def _thumbnails(
    viewer: Viewer, pictures: Any, full: frozenset[int], room: float, out: tuple[Streams, list[str]]
) -> None:
    """Pack the planes that are not carried whole, small and in 8 bits."""
    streams, notes = out
    left = [plane for plane in range(viewer.planes) if plane not in full]
    channels, y, x = viewer.shape
    side = budget.thumbnail_side(len(left) * channels * len(pictures), (y, x), room)
    if not left:
        return
    if not side:
        notes.append(f"{len(left)} planes did not fit into the page and are left out.")
        return
    factor = -(-max(y, x) // side)
    streams.foretold += max(room, 0.0)
    small = {
        plane: [[binned(channel, factor) for channel in picture] for picture in _load(viewer, plane)] for plane in left
    }
    for channel in range(channels):
        grid = grid_of([picture[channel] for plane in left for picture in small[plane]], False, 255)
        for plane in left:
            for number, picture in enumerate(small[plane]):
                layer = _layer(picture[channel], grid.codes(picture[channel]), None, grid, streams)
                place = {"step": 1, "base": None, "factor": factor, "top": 0, "left": 0}
                pictures[number][plane][channel].append({**layer, **place})
    shown = f"plane {viewer.chosen + 1}" if len(full) == 1 else f"{len(full)} planes"
    notes.append(
        f"Of {viewer.planes} planes, {shown} can be seen in full; the others are thumbnails of 8 bits in which "
        f"{factor} x {factor} pixels are averaged, so that their noise is weaker than it really is."
    )


def _overlays(viewer: Viewer, room: float, streams: Streams, notes: list[str]) -> list[Mapping[str, Any]]:
    made: list[Mapping[str, Any]] = []
    factors: set[int] = set()
    for overlay in viewer.overlays:
        values = np.asarray(overlay.values, np.float32)
        low, high = _limits(overlay, values)
        grid = Grid(low, (high - low) / 255 or 1.0, 255)
        factor = _overlay_factor(values, grid, room / len(viewer.overlays))
        factors |= {factor} - {1}
        small = binned(values, factor)
        layer = _layer(small, grid.codes(small), None, grid, streams)
        layer |= {"step": 1, "base": None, "factor": factor, "top": 0, "left": 0}
        facts = {name: getattr(overlay, name) for name in ("name", "unit", "scale", "plane", "channel", "note")}
        made.append({**facts, "limits": [low, high], "layer": layer})
    if factors:
        notes.append(f"Overlays are averaged over up to {max(factors)} x {max(factors)} pixels and carried in 8 bits.")
    elif made:
        notes.append("Overlays are carried in 8 bits.")
    return made


def _overlay_factor(values: Pixels, grid: Grid, room: float) -> int:
    """Pixels along either side that become one, the fewest for which a map fits."""
    few = some_rows(values)
    for factor in budget.FACTORS:
        size = foretold_bytes(grid.codes(binned(few, factor)), None) * len(values) / len(few)
        if size <= room:
            return factor
    return budget.FACTORS[-1]


def _limits(overlay: Overlay, values: Pixels) -> tuple[float, float]:
    if overlay.limits is not None:
        return overlay.limits
    few = values[:: max(1, values.shape[0] // 512), :: max(1, values.shape[1] // 512)]
    finite = few[np.isfinite(few)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(finite, (0.5, 99.5)))
    if overlay.scale == "diverging":
        high = max(abs(low), abs(high)) or 1.0
        return -high, high
    return (low, high) if high > low else (low, low + 1.0)


def _words(viewer: Viewer, ranges: Sequence[Mapping[str, float]], grids: list[Grid], level: Fineness) -> list[str]:
    said = []
    names = viewer.channels if len(grids) > 1 and not viewer.colour else ("",) * len(grids)
    for name, ends, grid in zip(names, ranges, grids, strict=True):
        unit = f" {viewer.unit}" if viewer.unit else ""
        of = f"Channel {name}: values" if name else "Values"
        step = f"{grid.scale * level.step:.4g}"
        fine = f"{of} from {ends['low']:.6g} to {ends['high']:.6g}{unit} are carried in steps of {step}"
        whole = grid.exact and level.step == level.factor == 1
        said.append(fine + (", exactly as they are in the file." if whole else "."))
        if grid.cut:
            said.append("Values beyond are shown as the nearest of these.")
    if level.step > 1:
        said.append(
            f"Steps are at most 1/{budget.OF_NOISE} of the noise; those of the denoised image are half as large."
        )
    if level.factor > 1:
        kept = f"; the middle {level.centre} x {level.centre} pixels are complete" if level.centre else ""
        said.append(f"The image is averaged over {level.factor} x {level.factor} pixels{kept}.")
    return list(dict.fromkeys(said))
