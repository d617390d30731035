"""Pages with every part, and a window of a browser that remembers what it was asked for."""

from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.image import Image
from noise2detail.report.charts import Chart, Mark, Series
from noise2detail.report.page import Level, Overlay, Page, Remark, Section, Table, Verdict, Viewer
from noise2detail.report.pictures import viewer_of

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
HOSTILE = "<script>alert(1)</script>\"'&</style>\u2028\u202e{{7*7}}" + "x" * 10_000


def spots() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A noisy and a denoised image of 16 bits, 48x64, that differ everywhere."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :64]
    clean = 30000 + 200 * x + 100 * y
    noisy = rng.normal(clean, 500).round()
    return noisy.astype(np.uint16), clean.astype(np.uint16)


def chart() -> Chart:
    x = np.linspace(0, 1, 5)
    curves = (
        Series("measured", x, x**2, "points"),
        Series("model", x, x),
        Series("error", x, x - 0.1, "band", x + 0.1),
    )
    return Chart("Noise", "brightness", "variance", curves, (Mark(0.5, "x", "half"), Mark(0.2, "y", "level")))


def full_page(name: str = "cells.tif") -> Page:
    """A page with every part."""
    noisy, clean = spots()
    pixel = {"Y": 0.5, "X": 0.25}
    images = {"noisy": Image(noisy, "YX", pixel), "mean": Image(clean, "YX", pixel)}
    other = np.where(clean > 36000, clean, 0).astype(np.uint16)
    images[name if name != "cells.tif" else "median"] = Image(other, "YX", pixel)
    maps = (
        Overlay(name, clean.astype(float), name[:20], note=name),
        Overlay("left", noisy - clean * 1.0, "", "diverging"),
    )
    levels: tuple[Level, ...] = ("bad", "caution", "good", "unknown")
    return Page(
        name,
        Verdict("bad", "structure was lost", tuple(Remark(name, level) for level in levels)),
        viewer_of(images, maps, unit="counts"),
        {"Size": "48 x 64", name: name},
        (
            Section("Noise", ("Measured.",), (chart(),)),
            Section(name, table=Table(("a", name), (("b", "1.5"), (name, name)))),
            Section("Nothing", missing="Not asked for."),
            Section("Empty"),
        ),
        ("Method mean.", name),
        {"version": "1", "digest": name},
        f"n2d denoise {name}",
    )


def stack() -> Viewer:
    planes = np.stack([np.full((20, 30), 1000 * number, np.uint16) for number in range(6)])
    planes[:, 0, 0] = 60000
    image = Image(planes.reshape(2, 3, 20, 30), "TZYX", {"Z": 2.0}, time_increment=0.5)
    return viewer_of({"noisy": image, "denoised": image})


def pair(noisy: np.ndarray[Any, Any], denoised: np.ndarray[Any, Any], axes: str = "YX") -> Viewer:
    return viewer_of({"noisy": Image(noisy, axes), "denoised": Image(denoised, axes)})


def pages() -> dict[str, Page]:
    rng = np.random.default_rng(1)
    gaps = rng.normal(size=(24, 32)).astype(np.float32)
    gaps[4:12, 6:20] = np.nan
    fine = np.full((8, 8), 32768, np.uint16)
    fine[:, 4:] = 32769
    fine[0, 0], fine[7, 7] = 0, 65535
    colours = np.zeros((16, 16, 3), np.uint8)
    colours[..., 0] = 255
    colours[8:, :, 1] = 128
    steps = np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16
    flat = np.full((9, 9), 7.5)
    shown = {
        "stack": stack(),
        "gaps": pair(gaps, gaps),
        "fine": viewer_of({"noisy": Image(fine, "YX")}),
        "flat": pair(flat, flat),
        "colour": pair(colours, colours, "YXS"),
        "steps": pair(steps, steps[::-1].copy()),
        "bare": None,
    }
    full = {"full": full_page(), "hostile": full_page(HOSTILE)}
    return full | {name: Page(name, viewer=viewer) for name, viewer in shown.items()}


class Window:
    """A tab that remembers what the browser complained about and what the page asked the network for."""

    def __init__(self, browser: Any, folder: Path, **context: Any) -> None:
        self.context = browser.new_context(viewport=WIDE, **context)
        self.folder = folder
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, name: str) -> Any:
        self.page.goto((self.folder / f"{name}.html").as_uri())
        if name != "bare":
            self.page.wait_for_selector("canvas[data-started=true]")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
        if self.page.query_selector("#canvas"):
            self.page.wait_for_selector("canvas[data-ready=true]")

    def pixel(self, x: float, y: float) -> tuple[int, int, int]:
        """Colour of the canvas at a share of its width and height."""
        found = self.page.evaluate(
            """([x, y]) => {
              const seen = document.getElementById("canvas");
              const one = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
              one.drawImage(seen, -Math.floor(x * seen.width), -Math.floor(y * seen.height));
              return [...one.getImageData(0, 0, 1, 1).data];
            }""",
            [x, y],
        )
        return tuple(found[:3])

    def at(self, row: float, column: float) -> tuple[int, int, int]:
        """Colour where a pixel of the image is drawn."""
        view = self.view()
        box = self.page.locator("#canvas").bounding_box()
        x = 0.5 + (column + 0.5 - view["x"]) * view["scale"] / box["width"]
        y = 0.5 + (row + 0.5 - view["y"]) * view["scale"] / box["height"]
        return self.pixel(x, y)

    def view(self) -> dict[str, float]:
        data = self.page.evaluate("() => ({...document.getElementById('canvas').dataset})")
        return {name: float(data[name]) for name in ("scale", "x", "y")}

    def contrast(self, low: float, high: float) -> None:
        self.page.fill("#low", str(low))
        self.page.fill("#high", str(high))
        self.page.locator("#high").blur()
        self.settle()
