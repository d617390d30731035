"""How soon the plugin shows a preview, and how soon it stops: requests to a real engine, timed where they arrive.

python benchmarks/napari_engine.py -o benchmarks/results/napari-engine.md
"""

import argparse
import statistics
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import noise2detail as n2d
import record
from noise2detail.image import Image
from noise2detail.napari.engine import LocalEngine
from noise2detail.napari.jobs import Event, Failed, Picture, Planned, PreviewRequest, RunRequest, Settings, Stopped

SIDE = 512
METHODS = ("auto", "noise2detail", "zs_n2n")
CANCELS = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
"""Seconds after the request at which it is cancelled: while PyTorch is imported, the noise is measured, and later."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--image", type=Path, default=Path("examples/brain_section.tif"))
    parser.add_argument("--repeats", type=int, default=3)
    wishes = parser.parse_args()
    pixels = np.asarray(n2d.open(wishes.image).array)[:SIDE, :SIDE]
    previews = [summary(method, [preview(pixels, method) for _ in range(wishes.repeats)]) for method in METHODS]
    stops = [cancelled(pixels, after) for after in CANCELS]
    record.write_result(
        wishes.output,
        "The napari plugin's engine",
        [*previews_in_words(pixels, previews), *stops_in_words(stops)],
        {"previews": previews, "cancels": stops},
    )
    sys.stdout.write(wishes.output.read_text(encoding="utf-8"))


def preview(pixels: Any, method: str) -> dict[str, float]:
    """Seconds from a request to each kind of picture, in an engine that runs and has not imported PyTorch."""
    engine, found, pictures = LocalEngine(), dict[str, float](), list[float]()
    engine.start()
    time.sleep(2)  # the widget opens the engine long before anybody presses the button
    begin = time.perf_counter()

    def listen(event: Event) -> None:
        now = time.perf_counter() - begin
        if isinstance(event, Failed):
            raise SystemExit(event.message)
        if isinstance(event, Picture):
            found.setdefault(event.stage, now)
            pictures.append(now)
        elif isinstance(event, Planned):
            found.setdefault("planned", now)

    engine.preview(PreviewRequest(Image(pixels, "YX"), Settings(method), judge=False), listen).wait()
    engine.close()
    gaps = [after - before for before, after in pairwise(pictures)]
    return found | {"pictures": float(len(pictures)), "longest gap": max(gaps)}


def cancelled(pixels: Any, after: float) -> dict[str, float]:
    """Seconds from the wish to the word that a run on ten planes has stopped."""
    engine, stopped = LocalEngine(), list[float]()
    engine.start()
    time.sleep(2)

    def listen(event: Event) -> None:
        if isinstance(event, Stopped):
            stopped.append(time.perf_counter())

    stack = np.stack([pixels] * 10)
    job = engine.run(RunRequest(Image(stack, "TYX"), Settings(run={"neighbours": 0})), listen)
    threading.Event().wait(after)
    begin = time.perf_counter()
    job.cancel()
    returned = time.perf_counter() - begin
    job.wait()
    alive = engine.pid is not None
    engine.close()
    return {"after": after, "seconds": stopped[0] - begin, "cancel returned": returned, "engine lives on": float(alive)}


def summary(method: str, found: list[dict[str, float]]) -> dict[str, Any]:
    """Median and worst of the repeats."""
    names = ("rough", "planned", "training", "final", "longest gap", "pictures")
    row: dict[str, Any] = {"method": method}
    for name in names:
        values = [one[name] for one in found if name in one]
        row[name] = round(statistics.median(values), 2) if values else None
        row[f"{name}, worst"] = round(max(values), 2) if values else None
    return row


def previews_in_words(pixels: Any, rows: list[dict[str, Any]]) -> list[str]:
    y, x = pixels.shape
    lines = [
        f"A preview of {y}x{x} pixels: seconds from the request, median and worst. The engine runs and has not",
        "imported PyTorch, as when the button is pressed for the first time. Bar: first picture <= 2.5 s.",
        "",
        "| method | rough picture | plan | first picture of the training | final | pictures | longest gap |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [f"{row[name]} ({row[f'{name}, worst']})" for name in ("rough", "planned", "training", "final")]
        lines.append(f"| {row['method']} | {' | '.join(cells)} | {row['pictures']:.0f} | {row['longest gap']} |")
    return lines


def stops_in_words(rows: list[dict[str, float]]) -> list[str]:
    worst = max(row["seconds"] for row in rows)
    ended = sum(not row["engine lives on"] for row in rows)
    lines = [
        "",
        f"A run on ten planes, cancelled: stopped after {worst:.2f} s at worst. Bar: <= 1 s. In {ended} of {len(rows)}",
        "cases the engine's process was ended, since it did not stop by itself within 0.6 s.",
        "",
        "| cancelled after (s) | stopped after (s) | process |",
        "|---:|---:|---|",
    ]
    return lines + [
        f"| {row['after']} | {row['seconds']:.3f} | {'lives on' if row['engine lives on'] else 'was ended'} |"
        for row in rows
    ]


if __name__ == "__main__":
    main()
