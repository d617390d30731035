"""How soon the dock in napari answers: opening, preview, cancelling, and the longest block of the window.

    python benchmarks/napari_window.py [--repeats 10] [--out FILE.md]

The window is real, on a screen that Xvfb makes (Debian package xvfb) unless ``DISPLAY`` names one, drawn by whatever
OpenGL there is. It runs in a process of its own, which tells what it measured; what it imports is looked at there. A
timer of 5 ms runs in its event loop: the longest time between two of its ticks is the longest block. Adding an image
layer blocks napari by itself, which is measured too, with a layer of the same size and without the plugin. Cancelling
is tried at moments drawn at random. Results go to ``benchmarks/results/napari-window.md`` and ``.json``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
SIDE = 512
TICK = 0.005
BARS = {"open": 1.0, "first_picture": 2.5, "block": 0.1, "cancel": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="how often a run is cancelled")
    parser.add_argument("--out", type=Path, default=RESULTS / "napari-window.md")
    parser.add_argument("--window", action="store_true", help="be the window, and print what is measured")
    arguments = parser.parse_args()
    if arguments.window:
        print(json.dumps(Window(arguments.repeats).measured()))
        return
    from record import write_result

    with screen() as display:
        words = [sys.executable, __file__, "--window", "--repeats", str(arguments.repeats)]
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "QT_API": "pyside6"}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    write_result(arguments.out, "The dock in napari", page(found), {"bars": BARS, **found})


@contextmanager
def screen() -> Iterator[str]:
    """The screen that is there, or one that nobody sees."""
    if "DISPLAY" in os.environ or shutil.which("Xvfb") is None:
        yield os.environ.get("DISPLAY", "")
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x900x24"],
        pass_fds=(writing,),
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait()


class Window:
    """A viewer with a clock in its event loop."""

    def __init__(self, repeats: int) -> None:
        from qtpy.QtCore import QTimer
        from qtpy.QtWidgets import QApplication

        import napari

        self._repeats = repeats
        self._rng = np.random.default_rng(0)
        self.viewer = napari.Viewer()
        self._application = QApplication.instance()
        self._last, self._longest = time.perf_counter(), 0.0
        self._timer = QTimer()
        self._timer.setInterval(round(TICK * 1000))
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self._until(lambda: False, 1.5)

    def measured(self) -> dict[str, Any]:
        """Everything, in the order in which a person would do it."""
        import psutil

        found: dict[str, Any] = {"block_of_napari_alone": self._block_of_a_layer()}
        before = {one.ident for one in threading.enumerate()}
        found["open"] = self._open()
        found["torch_when_open"] = "torch" in sys.modules
        self.dock.settings.method.setCurrentText("auto")
        self._until(lambda: False, 2.0)
        for name in ("preview_cold", "preview_warm", "preview_on"):
            found[name] = self._preview()
        found["torch_after_preview"] = "torch" in sys.modules
        self.dock.preview.remove()
        found["run"] = self._run()
        found["cancel"] = [self._cancel() for _ in range(self._repeats)]
        self.dock.run()
        self._until(lambda: False, 1.0)
        process = psutil.Process(self.dock.engine.pid)  # type: ignore[attr-defined]
        self.viewer.close()
        self._until(lambda: not process.is_running(), 10)
        found["engine_left"] = process.is_running()
        found["threads_left"] = len(
            [one for one in threading.enumerate() if one.ident not in before and "noise2detail" in one.name]
        )
        return found

    def _block_of_a_layer(self) -> float:
        """The second one: the first also compiles what draws it."""
        for _ in range(2):
            self._fresh()
            layer = self.viewer.add_image(self._pixels((SIDE, SIDE)))
            self._until(lambda: False, 1.0)
            self.viewer.layers.remove(layer)
            self._until(lambda: False, 0.5)
        return self._longest

    def _open(self) -> float:
        self.viewer.add_image(self._pixels((3, SIDE, SIDE)), name="photons", axis_labels=("z", "y", "x"))
        self._until(lambda: False, 1.0)
        start = time.perf_counter()
        from noise2detail.napari.widget import DenoiseWidget

        self.dock = DenoiseWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="Denoise")
        self._until(lambda: not self.dock.visibleRegion().isEmpty(), 10)
        return time.perf_counter() - start

    def _preview(self) -> dict[str, float]:
        """Seconds until pictures are on the screen, and the longest block meanwhile."""
        preview: Any = self.dock.preview
        preview.swipe.remove()
        self._until(lambda: False, 0.5)
        canvas = self.viewer.window._qt_viewer.canvas._scene_canvas
        told, drawn = list[str](), dict[str, float]()

        def hear(event: Any) -> None:
            if isinstance(event, Picture):
                told.append(event.stage)

        def draw(_: object) -> None:
            layer = next((one for one in self.viewer.layers if one.name.startswith("[preview]")), None)
            if told and layer is not None and layer.visible:
                drawn.setdefault(told[-1], time.perf_counter())
                drawn["last"] = time.perf_counter()

        from noise2detail.napari.jobs import Picture

        preview.told.connect(hear)
        canvas.events.draw.connect(draw)
        self._fresh()
        start = time.perf_counter()
        preview.button.click()
        self._until(lambda: not preview.running, 120)
        canvas.events.draw.disconnect(draw)
        preview.told.disconnect(hear)
        return {
            "first_picture": drawn["rough"] - start,
            "first_of_training": drawn["training"] - start,
            "last_picture": drawn["last"] - start,
            "pictures": len(told),
            "block": self._longest,
        }

    def _run(self) -> dict[str, float]:
        self._fresh()
        start = time.perf_counter()
        self.dock.controls.run_button.click()
        self._until(lambda: not self.dock.runs.running, 600)
        return {"seconds": time.perf_counter() - start, "block": self._longest}

    def _cancel(self) -> dict[str, float]:
        ended: list[float] = []
        self.dock.runs.ended.connect(lambda _: ended.append(time.perf_counter()))
        self.dock.controls.run_button.click()
        wait = float(self._rng.uniform(0.1, 8.0))
        self._until(lambda: bool(ended), wait)
        running = self.dock.runs.running
        self._fresh()
        start = time.perf_counter()
        self.dock.controls.cancel_button.click()
        self._until(lambda: bool(ended), 30)
        self._until(lambda: False, 0.3)
        return {"after": wait, "seconds": ended[-1] - start if running else 0.0, "block": self._longest}

    def _pixels(self, shape: tuple[int, ...]) -> "np.ndarray[Any, np.dtype[np.uint16]]":
        row, column = np.mgrid[: shape[-2], : shape[-1]]
        scene = 40 + 30 * np.sin(row / 9) * np.cos(column / 13) + 60 * ((row // 40 + column // 40) % 2)
        return self._rng.poisson(np.broadcast_to(scene, shape)).astype(np.uint16)

    def _until(self, done: Callable[[], bool], seconds: float) -> None:
        """Let the window work until something is so, or for so long."""
        from qtpy.QtCore import QEventLoop

        end = time.perf_counter() + seconds
        while not done() and time.perf_counter() < end:
            # without a time: with one Qt comes back at once, and this loop would take a core from what is measured
            self._application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)  # type: ignore[union-attr]

    def _fresh(self) -> None:
        self._last, self._longest = time.perf_counter(), 0.0

    def _tick(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now


def page(found: dict[str, Any]) -> list[str]:
    """The figures beside their bars, as Markdown."""
    cancels = [one["seconds"] for one in found["cancel"]]
    previews = [found[name] for name in ("preview_cold", "preview_warm", "preview_on")]
    blocks = [*(one["block"] for one in previews), found["run"]["block"], *(one["block"] for one in found["cancel"])]
    torch = "yes" if found["torch_when_open"] or found["torch_after_preview"] else "no"
    block_bar = f"{1000 * BARS['block']:g}"
    rows = [
        ("dock opens, s", f"{found['open']:.2f}", f"{BARS['open']:g}"),
        ("PyTorch in napari's process, then or after a preview", torch, "no"),
        (
            f"first picture of a preview of {SIDE}x{SIDE}, a quick look, s: the first after opening, and two more",
            _each(previews, "first_picture"),
            f"{BARS['first_picture']:g}",
        ),
        ("its first picture of the training, s", _each(previews, "first_of_training"), f"{BARS['first_picture']:g}"),
        ("its last picture, s", _each(previews, "last_picture"), ""),
        ("pictures", ", ".join(str(one["pictures"]) for one in previews), ""),
        (f"run on 3 planes of {SIDE}x{SIDE}, s", f"{found['run']['seconds']:.1f}", ""),
        ("longest block while previewing, ms", ", ".join(_ms(one["block"]) for one in previews), block_bar),
        ("longest block while running, ms", _ms(found["run"]["block"]), block_bar),
        ("longest block of all, ms", _ms(max(blocks)), block_bar),
        ("napari alone, when a layer of that size is added, ms", _ms(found["block_of_napari_alone"]), ""),
        (
            f"cancel, s: longest of {len(cancels)} at random moments (median)",
            f"{max(cancels):.2f} ({np.median(cancels):.2f})",
            f"{BARS['cancel']:g}",
        ),
        ("engine left when the viewer is closed while running", "yes" if found["engine_left"] else "no", "no"),
        ("threads left", str(found["threads_left"]), "0"),
    ]
    return ["| | measured | bar |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


def _each(previews: list[dict[str, float]], name: str) -> str:
    return ", ".join(f"{one[name]:.2f}" for one in previews)


if __name__ == "__main__":
    main()
