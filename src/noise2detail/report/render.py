"""The trust page as one HTML file that works from disk: nothing is loaded, and nothing is sent.

Its style and its script stand in the file itself and are the only ones that the content security policy lets run, by
their digests. Every string is escaped where it goes into the text, and the data for the script are JSON in a block that
no string can end.
"""

import base64
import functools
import hashlib
import json
import math
import re
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from noise2detail.report import charts
from noise2detail.report.budget import LARGEST_PAGE, room_for_pixels
from noise2detail.report.carried import Carried, carry
from noise2detail.report.page import Page, Viewer

SCRIPTS = (
    "decode.js",
    "colours.js",
    "state.js",
    "tiles.js",
    "draw.js",
    "panel.js",
    "profile.js",
    "keys.js",
    "start.js",
)
"""In the order in which they are joined."""

SIGNS = {"good": "✓", "caution": "!", "bad": "✕", "unknown": "?"}
WORDS = {"good": "Good", "caution": "Caution", "bad": "Bad", "unknown": "Not tested"}

KEYS = (
    (("←", "↑", "→", "↓"), "move the image"),
    (("Shift + arrows",), "move the cursor and read the value below it"),
    (("+", "-"), "zoom in and out"),
    (("0",), "fit the image into the window"),
    (("1",), "one pixel of the image for one of the screen"),
    ((",", "."), "move the divider to the left and to the right"),
    (("x",), "swap the sides"),
    (("a", "b"), "next image on the left, on the right (with Shift: the one before)"),
    (("s",), "side by side or divided"),
    (("Page Up", "Page Down"), "one plane back, one plane on"),
    (("c",), "automatic contrast"),
    (("o",), "next overlay"),
    (("l",), "draw a line for the profile; Escape stops"),
)

_KEY_SHAPES = {"points": "M9 6h0M17 6h0", "band": "M2 2H24V10H2Z"}


def render(page: Page, largest: int = LARGEST_PAGE) -> bytes:
    """The page, UTF-8.

    Parameters
    ----------
    page
        What is shown; nothing else gets into the file.
    largest
        Bytes of the file at most; pixels are reduced until it fits, and the page says how.
    """
    template = _environment().get_template("page.html.j2")
    values = _values(page)
    frame = len(_text(template, page, values, None))
    carried = _pixels(page.viewer, frame, largest) if page.viewer else None
    return _text(template, page, values, carried)


def _pixels(viewer: Viewer, frame: int, largest: int) -> Carried:
    layers = len(viewer.pictures) * viewer.planes * viewer.shape[0] + len(viewer.overlays)
    return carry(viewer, room_for_pixels(frame, layers, largest))


def _values(page: Page) -> dict[str, Any]:
    script, style = _script(), _asset("page.css")
    return {
        "page": page,
        "policy": (
            f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data: blob:; "
            "base-uri 'none'; form-action 'none'"
        ),
        # the two texts are ours; the tests hold them to have no tag within
        "script": Markup(script),  # noqa: S704
        "style": Markup(style),  # noqa: S704
        "signs": SIGNS,
        "words": WORDS,
        "keys": KEYS,
        "svg": charts.svg,
        "legend": charts.legend,
        "rows": charts.rows,
        "key": lambda kind: _KEY_SHAPES.get(kind, "M2 6H24"),
    }


def _text(template: jinja2.Template, page: Page, values: dict[str, Any], carried: Carried | None) -> bytes:
    shown = {
        "notes": carried.notes if carried else (),
        "streams": [base64.b64encode(stream).decode() for stream in carried.streams] if carried else [],
        "data": in_script(_data(page.viewer, carried)) if page.viewer and carried else "",
    }
    # names of files may hold bytes that are no text
    return template.render(**values, **shown).encode("utf-8", "replace")


def _data(viewer: Viewer, carried: Carried) -> dict[str, Any]:
    channels, height, width = viewer.shape
    pictures = zip(viewer.pictures, carried.pictures, strict=True)
    return {
        "height": height,
        "width": width,
        "channels": [viewer.channels[number] for number in range(channels)],
        "colour": viewer.colour,
        "unit": viewer.unit,
        "pixelSize": list(viewer.pixel_size_um) if viewer.pixel_size_um else None,
        "stack": [{"name": axis.name, "size": axis.size, "step": axis.step, "unit": axis.unit} for axis in viewer.stack]
        or ([{"name": "plane", "size": viewer.planes, "step": None, "unit": ""}] if viewer.planes > 1 else []),
        "chosen": viewer.chosen,
        "noise": list(viewer.noise),
        "pictures": [{"name": picture.name, "planes": planes} for picture, planes in pictures],
        "ranges": list(carried.ranges),
        "overlays": list(carried.overlays),
    }


def in_script(data: Any) -> Markup:
    """JSON that may stand in a script element: no character of it can end the element or a line of a script."""
    text = json.dumps(_finite(data), ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - what could be markup was replaced above


def _finite(data: Any) -> Any:
    """The same with null for what JSON cannot write."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def shortened(text: str, length: int) -> str:
    """A long text with its middle left out."""
    return text if len(text) <= length else f"{text[: length * 2 // 3]} … {text[-(length // 3 - 3) :]}"


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"[-+\u2212±]?[\d.,]+(e[-+]?\d+)?\s?[^\d\s]{0,4}", cell) is not None


@functools.cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"shortened": shortened, "is_number": _is_number}
    return made


@functools.cache
def _script() -> str:
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "\n})();\n"


@functools.cache
def _asset(name: str) -> str:
    text = resources.files("noise2detail.report").joinpath("assets", name).read_text(encoding="utf-8")
    # a browser reads any end of line as this one before it takes the digest
    return text.replace("\r\n", "\n")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
