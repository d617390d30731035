"""Lengths in micrometres and times in seconds, from the spellings that microscopes and programs use."""

_MICROMETRES = {
    "pm": 1e-6,
    "picometer": 1e-6,
    "picometre": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "µm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometers": 1.0,
    "micrometre": 1.0,
    "micrometres": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
    "in": 25400.0,
    "inch": 25400.0,
    "inches": 25400.0,
}

_SECONDS = {
    "ns": 1e-9,
    "nanosecond": 1e-9,
    "µs": 1e-6,
    "us": 1e-6,
    "microsecond": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "seconds": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}


def micrometres_per(unit: str) -> float | None:
    r"""Length of one ``unit`` in micrometres; None where it is not a length (``pixel``, empty, ...).

    >>> micrometres_per("\\u00B5m"), micrometres_per("nm"), micrometres_per("pixel")
    (1.0, 0.001, None)
    """
    return _MICROMETRES.get(_spelling(unit))


def seconds_per(unit: str) -> float | None:
    """Length of one ``unit`` in seconds; None where it is not a time."""
    return _SECONDS.get(_spelling(unit))


def _spelling(unit: str) -> str:
    # ImageJ escapes the micro sign as six ASCII letters; Greek mu and micro sign look alike, as do the two Angstroms.
    plain = unit.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("\u03bc", "µ").replace("\u212b", "å")
    return plain.lower()
