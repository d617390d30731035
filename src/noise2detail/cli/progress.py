"""A bar for each file on standard error, where somebody watches; what draws it is imported only then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from noise2detail.method import Step, ignore

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

INTERVAL = 0.1
"""Seconds between two updates; a step may take as little as 10 ms."""


@contextmanager
def progress_bar(name: str, *, shown: bool) -> Iterator[Callable[[Step], None]]:
    """Listener for the steps of one file, drawn until the block ends; nothing stays on the screen.

    Parameters
    ----------
    name
        Of the file.
    shown
        False, or a standard error that is no terminal: nothing is drawn.
    """
    if not shown or not sys.stderr.isatty():
        yield ignore
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # Results go to standard output while nothing is drawn, so it need not be redirected.
    with Progress(
        *columns(), console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:
        yield listener(progress, progress.add_task(name, total=1.0, stage="", step=""))


def listener(progress: "Progress", task: "TaskID") -> Callable[[Step], None]:
    """Function that shows a step, unless one was shown a moment ago."""
    due = 0.0

    def show(step: Step) -> None:
        nonlocal due
        now = time.monotonic()
        if now < due and step.index < step.count:
            return
        due = now + INTERVAL
        progress.update(task, completed=step.fraction, stage=step.stage, step=f"{step.index}/{step.count}")

    return show


def columns() -> tuple["ProgressColumn", ...]:
    """Name, stage, bar, step, time gone and time left; for tasks with the fields ``stage`` and ``step``."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return (
        TextColumn("{task.description}", markup=False),  # a name may hold brackets
        TextColumn("{task.fields[stage]}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
