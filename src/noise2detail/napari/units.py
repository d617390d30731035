"""Units of layers to micrometres and seconds, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

MICROMETRES: Mapping[str, float] = {
    "meter": 1e6, "metre": 1e6, "m": 1e6,
    "centimeter": 1e4, "centimetre": 1e4, "cm": 1e4,
    "millimeter": 1e3, "millimetre": 1e3, "mm": 1e3,
    "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0,
    "nanometer": 1e-3, "nanometre": 1e-3, "nm": 1e-3,
    "angstrom": 1e-4, "ångström": 1e-4, "å": 1e-4,
    "picometer": 1e-6, "picometre": 1e-6, "pm": 1e-6,
    "inch": 25400.0,
}  # fmt: skip
"""In one of each, by its name in lower case."""

SECONDS: Mapping[str, float] = {
    "second": 1.0, "s": 1.0, "sec": 1.0,
    "millisecond": 1e-3, "ms": 1e-3,
    "microsecond": 1e-6, "us": 1e-6, "µs": 1e-6,
    "nanosecond": 1e-9, "ns": 1e-9,
    "minute": 60.0, "min": 60.0,
    "hour": 3600.0, "h": 3600.0,
    "day": 86400.0,
}  # fmt: skip


def is_length(unit: Any) -> bool:
    """True for micrometres and the like; a pixel is none."""
    return _name(unit) in MICROMETRES


def is_time(unit: Any) -> bool:
    """True for seconds and the like."""
    return _name(unit) in SECONDS


def pixel_size_um(axes: str, scale: Sequence[float], units: Sequence[Any]) -> dict[str, float]:
    """Micrometres per pixel by axis letter, of those of ``XYZ`` whose unit is a length.

    Parameters
    ----------
    axes
        Letters; samples of a colour, which have no scale, may stand among them.
    scale, units
        One of each for every other axis; no units: nothing is known.
    """
    return {
        axis: abs(float(step)) * MICROMETRES[_name(unit)]
        for axis, step, unit in _each(axes, scale, units)
        if axis in "XYZ" and is_length(unit) and step
    }


def time_increment(axes: str, scale: Sequence[float], units: Sequence[Any]) -> float | None:
    """Seconds between time points, where the unit of that axis is a time; parameters as for ``pixel_size_um``."""
    found = [
        abs(float(step)) * SECONDS[_name(unit)]
        for axis, step, unit in _each(axes, scale, units)
        if axis == "T" and is_time(unit) and step
    ]
    return found[0] if found else None


def scale_and_units(
    axes: str, sizes: Mapping[str, float], increment: float | None
) -> tuple[list[float], tuple[str, ...]]:
    """Scale and units of a layer with these axes, without samples of a colour; ``pixel`` where nothing is known.

    Parameters
    ----------
    axes
        Letters.
    sizes
        Micrometres per pixel by letter.
    increment
        Seconds between time points; None: unknown.
    """
    scale, units = [], []
    for axis in axes.replace("S", ""):
        known = sizes.get(axis) if axis in "XYZ" else increment if axis == "T" else None
        scale.append(known or 1.0)
        units.append("pixel" if not known else "second" if axis == "T" else "micrometer")
    return scale, tuple(units)


def _each(axes: str, scale: Sequence[float], units: Sequence[Any]) -> list[tuple[str, float, Any]]:
    plain = axes.replace("S", "")
    return list(zip(plain, scale, units, strict=True)) if len(units) == len(scale) == len(plain) else []


def _name(unit: Any) -> str:
    # a unit of pint has no str method of its own kind: its long name is what str gives
    return str(unit).strip().lower()
