"""From what was typed to a figure on the disk."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.cli.figure_views import View, Which, views_of
from noise2detail.cli.figure_words import (
    check_reference,
    find_labels,
    find_metrics,
    measured,
    measured_words,
    on_other_scale,
    refuse_nothing,
    residual_record,
    residual_tests,
    residual_words,
)
from noise2detail.cli.voice import Voice
from noise2detail.errors import SettingError, UnwritableFileError, check_setting
from noise2detail.io import write_bytes
from noise2detail.io.names import refuse_place
from noise2detail.report.figure import FORMATS, Picture, draw
from noise2detail.report.figure_layout import Page, inset_side
from noise2detail.report.figure_marks import Marks
from noise2detail.report.insets import Part, check_part, choose_parts
from noise2detail.report.line_profile import Line, check_line
from noise2detail.report.shades import Shades, limits_of, symmetric
from noise2detail.version import __version__

PERCENTILES = (0.5, 99.5)
NONE = "none"

_SMALLEST = 8


@dataclass(frozen=True)
class Wish:
    """What was typed."""

    files: tuple[Path, ...]
    output: Path
    reference: Path | None
    which: Which
    metrics: str | None
    labels: str | None
    insets: tuple[str, ...]
    residual: bool
    profile: str | None
    limits: str | None
    percentiles: str | None
    gamma: float
    pixel_size: float | None
    page: tuple[float, float, int | None]
    """Width, density and columns."""
    command: str
    """To be kept in the figure."""


def draw_figure(wish: Wish, voice: Voice, *, overwrite: bool) -> None:
    """Write the figure, and say what it shows.

    Raises
    ------
    Noise2DetailError
        What was typed does not fit together or to the files, or nothing can be written.
    """
    kind = _kind(wish, overwrite=overwrite)
    names, labels = find_metrics(wish.metrics), find_labels(wish.labels, wish.files, wish.reference)
    page, shades = Page(*wish.page), _asked(wish)
    if wish.metrics is not None and wish.reference is None:
        raise SettingError("--metrics compares with a reference; give one with --reference")
    views, notes = views_of([*wish.files, *([wish.reference] if wish.reference else [])], wish.which)
    for view in views:
        refuse_nothing(view)
    shades = shades or _found(wish, views[0])
    count = len(views) + (len(wish.files) - 1 if wish.residual else 0)
    marks = _marks(wish, views, page, count, shades)
    records, facts = _facts(wish, views, names)
    pictures = [
        Picture(view.plane, *two, own)
        for view, two, own in zip(views, ((label, shades) for label in labels), facts, strict=True)
    ]
    pictures += _residuals(views[: len(wish.files)], labels) if wish.residual else []
    shown = f"black is {shades.low:.6g}, white {shades.high:.6g}" + (
        f", gamma {shades.gamma:g}" if shades.gamma != 1 else ""
    )
    about = {"program": f"noise2detail {__version__}", "command": wish.command, "shown": shown}
    drawn = draw(pictures, marks, page, kind, about)
    write_bytes(wish.output, drawn.content, overwrite=overwrite)
    for note in (*notes, *_notes(wish, views, marks, drawn.every)):
        voice.note(f"note: {note}")
    size = {"width_mm": round(drawn.width_mm, 2), "height_mm": round(drawn.height_mm, 2), "dpi": round(drawn.dpi, 2)}
    parts = [[part.top, part.left, part.height, part.width] for part in marks.parts]
    limits = {"low": shades.low, "high": shades.high, "gamma": shades.gamma}
    images = [{"label": label, **record} for label, record in zip(labels, records, strict=True)]
    said = f"{wish.output}: {drawn.width_mm:.0f} x {drawn.height_mm:.0f} mm, "
    said += (f"{drawn.dpi:.0f} dpi, " if kind == "png" else "") + shown
    voice.result({"file": str(wish.output), **size, **limits, "insets": parts, "images": images}, said)


def numbers(option: str, text: str, names: str) -> tuple[float, ...]:
    """What was typed with commas between.

    Raises
    ------
    SettingError
        Not as many numbers as there are names.

    Examples
    --------
    >>> numbers("--limits", "-160,240", "LOW,HIGH")
    (-160.0, 240.0)
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != len(names.split(",")):
        raise SettingError(f"{option} is {text!r}; expected numbers {names}")
    return found


def whole_numbers(option: str, text: str, names: str) -> tuple[int, ...]:
    """The same for counts of pixels.

    Raises
    ------
    SettingError
        Also where one is no whole number.
    """
    found = numbers(option, text, names)
    if not all(value.is_integer() for value in found):
        raise SettingError(f"{option} is {text!r}; expected whole numbers {names}, in pixels")
    return tuple(int(value) for value in found)


def _kind(wish: Wish, *, overwrite: bool) -> str:
    """The format of the figure, after all that can be refused before a file is read."""
    kind = wish.output.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        found = f"{wish.output.suffix} is no format of a figure" if kind else "it has no suffix"
        raise UnwritableFileError(wish.output, found, f"expected a name that ends in .{', .'.join(FORMATS)}")
    if len(wish.files) < 2:
        raise SettingError(f"there is only {wish.files[0]}; expected the noisy image and at least one result")
    for source in (*wish.files, *([wish.reference] if wish.reference else [])):
        refuse_place(wish.output, source, overwrite)
    if wish.pixel_size is not None:
        check_setting("--pixel-size", wish.pixel_size, lowest=1e-9)
    return kind


def _asked(wish: Wish) -> Shades | None:
    """Shades by limits that were typed; None: the image decides."""
    if wish.limits is None:
        Shades(0, 1, wish.gamma)
        return None
    if wish.percentiles is not None:
        raise SettingError("--limits and --percentiles both say what is black and white; expected one of them")
    low, high = numbers("--limits", wish.limits, "LOW,HIGH")
    return Shades(low, high, wish.gamma)


def _found(wish: Wish, noisy: View) -> Shades:
    if wish.percentiles is None and noisy.raw.ndim == 3 and noisy.raw.dtype == np.uint8:
        return Shades(0, 255, wish.gamma)
    given = wish.percentiles
    low, high = numbers("--percentiles", given, "LOW,HIGH") if given is not None else PERCENTILES
    return Shades(*limits_of(noisy.plane, (low, high)), wish.gamma)


def _marks(wish: Wish, views: Sequence[View], page: Page, count: int, shades: Shades) -> Marks:
    shape = views[0].plane.shape[:2]
    size = next((view.pixel_size_um for view in views if view.pixel_size_um), None)
    size = (wish.pixel_size, wish.pixel_size) if wish.pixel_size is not None else size
    line = None
    if wish.profile is not None:
        line = check_line(Line(*whole_numbers("--profile", wish.profile, "Y0,X0,Y1,X1")), shape)
    if NONE in wish.insets:
        parts: tuple[Part, ...] = ()
    elif wish.insets:
        typed = (Part(*whole_numbers("--inset", text, "Y,X,H,W")) for text in wish.insets)
        parts = tuple(check_part(part, shape) for part in typed)
    else:
        guide = views[-1] if wish.reference is not None else views[1]
        small = min(shape) < 2 * _SMALLEST
        parts = (
            ()
            if small
            else choose_parts(np.clip(guide.plane, shades.low, shades.high), inset_side(page, count, shape[1]))
        )
    return Marks(parts, line, size)


def _facts(
    wish: Wish, views: Sequence[View], names: Sequence[str]
) -> tuple[list[dict[str, Any]], list[tuple[str, ...]]]:
    """Measures of each image for programs, and for people."""
    noisy = views[0]
    if wish.reference is not None:
        check_reference(noisy, views[-1])
        found = [measured(noisy, view, views[-1], names) for view in views[:-1]]
        # JSON knows no infinity, which the PSNR of identical images is
        records = [{name: value if math.isfinite(value) else None for name, value in one.items()} for one in found]
        return [*records, {}], [*(measured_words(one) for one in found), ()]
    if min(noisy.plane.shape[:2]) < _SMALLEST:
        return [{} for _ in views], [() for _ in views]
    tests = residual_tests(noisy, views[1:])
    return [{}, *map(residual_record, tests)], [(), *map(residual_words, tests)]


def _residuals(views: Sequence[View], labels: Sequence[str]) -> list[Picture]:
    """What each result has taken away, all in the same shades."""
    planes = [views[0].plane - view.plane for view in views[1:]]
    shades = symmetric(planes)
    said = (f"black {shades.low:.3g}, white {shades.high:.3g}",)
    named = zip(planes, labels[1:], strict=False)
    return [Picture(plane, f"{labels[0]} - {label}", shades, said, curve=False) for plane, label in named]


def _notes(wish: Wish, views: Sequence[View], marks: Marks, every: int) -> list[str]:
    notes = []
    if marks.pixel_size_um is None:
        notes.append(
            f"no scale bar: {wish.files[0].name} does not say its pixel size; give it with --pixel-size UM, in "
            "micrometres per pixel"
        )
    if every > 1:
        notes.append(f"one pixel of {every}x{every} is drawn, all of them in magnified parts")
    if wish.gamma != 1:
        notes.append(f"gamma is {wish.gamma:g}: say so in the legend of the figure")
    notes += [
        f"{view.path.name} seems to have another scale of intensities than {wish.files[0].name}"
        for view in views[1 : len(wish.files)]
        if on_other_scale(views[0], view)
    ]
    return notes
