"""One bar for a long run of many methods, and a line for each result."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from noise2detail.bench.run import Place, ignore_place
from noise2detail.bench.scoring import METRICS
from noise2detail.cli.progress import INTERVAL, columns
from noise2detail.cli.voice import Voice


@contextmanager
def places_bar(*, shown: bool) -> Iterator[Callable[[Place], None]]:
    """Listener for the places of a run, drawn until the block ends; nothing stays on the screen."""
    if not shown or not sys.stderr.isatty():
        yield ignore_place
        return
    from rich.console import Console
    from rich.progress import Progress

    console, due = Console(stderr=True), 0.0
    with Progress(*columns(), console=console, transient=True, redirect_stdout=True, redirect_stderr=True) as progress:
        task = progress.add_task("", total=1.0, stage="", step="")

        def show(place: Place) -> None:
            nonlocal due
            now = time.monotonic()
            if place.step is not None and now < due:
                return
            due = now + INTERVAL
            inside = place.step.fraction if place.step else 0.0
            stage = place.step.stage if place.step else "starting"
            progress.update(
                task,
                completed=(place.number - 1 + inside) / place.count,
                description=f"{place.candidate} {place.image}".strip(),
                stage=stage,
                step=f"{place.number}/{place.count}",
            )

        yield show


def tell_row(voice: Voice) -> Callable[[dict[str, Any]], None]:
    """Listener that prints each result as it comes."""

    def tell(row: dict[str, Any]) -> None:
        where = " ".join(str(row[key]) for key in ("data", "image") if row.get(key))
        name = f"{row['method']}{', clipping undone' if row.get('unclipped') else ''}"
        figures = [f"{METRICS[m].title.partition(' (')[0]} {row[m]:.{METRICS[m].digits}f}" for m in METRICS if m in row]
        if not figures and "verdict" in row:
            figures = [row["verdict"]]
        said = f"failed: {row['error']}" if row.get("error") else ", ".join(figures)
        voice.result(row, "  ".join(part for part in (where, name, said, f"({row['seconds']:.1f} s)") if part))

    return tell
