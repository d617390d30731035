"""Text that fits: letters that the font has, lines that are not too long. The only place that measures text."""

from bisect import bisect_right
from functools import lru_cache
from typing import Any

FONT = "DejaVu Sans"
"""It comes with matplotlib, so that a figure looks the same on every machine."""

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
CUT = "\N{HORIZONTAL ELLIPSIS}"


def shown(text: str) -> str:
    """One line of letters that the font has; others, and what moves the cursor of a terminal, are replaced."""
    letters = _letters()
    return "".join(one if one.isprintable() and ord(one) in letters else UNKNOWN for one in text)


def width_of(text: str, size: float) -> float:
    """Width in points of a line of text in letters of ``size`` points."""
    return float(_measure().get_text_width_height_descent(text, _font(size), False)[0]) / _FINE if text else 0.0


def shortened(text: str, size: float, most: float) -> str:
    """The text, or its beginning and end where it is wider than ``most`` points: names differ at their ends."""
    if len(text) <= _LONGEST and width_of(text, size) <= most:
        return text

    def of(kept: int) -> str:
        return text[: (kept + 1) // 2].rstrip() + CUT + text[len(text) - kept // 2 :].lstrip()

    return of(bisect_right(range(min(len(text), _LONGEST)), most, lo=1, key=lambda kept: width_of(of(kept), size)) - 1)


def wrapped(text: str, size: float, most: float) -> tuple[str, ...]:
    """Lines no wider than ``most`` points, broken between words; a single word that is too wide is shortened."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= most:
            lines[-1] = longer
        else:
            lines.append(shortened(word, size, most))
    return tuple(lines)


_LONGEST = 200
"""Letters of a text that are looked at: no line holds more."""


_FINE = 10
"""Dots for a point where text is measured: letters are moved to whole dots there."""


@lru_cache(maxsize=1)
def _measure() -> Any:
    from matplotlib.backends import backend_agg

    renderer: Any = backend_agg.RendererAgg
    return renderer(1, 1, 72 * _FINE)


@lru_cache(maxsize=8)
def _font(size: float = 10.0) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=FONT, size=size)


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(_font())).get_charmap())
