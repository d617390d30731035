"""The bar, and what it costs."""

import io
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rich.console import Console
from rich.progress import Progress, TaskID

from noise2detail.cli.progress import listener, progress_bar
from noise2detail.method import Step, ignore

STEPS = [Step("stage 1", n, 40, torch.tensor(0.0), n / 80) for n in range(1, 41)]


def show_all(milliseconds: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Progress, list[float]]:
    """A bar that has heard of all steps, so many milliseconds apart; and what it has drawn."""
    clock = {"now": 1000.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    bar = Progress(console=Console(file=io.StringIO()))
    drawn: list[float] = []
    update: Callable[..., None] = bar.update

    def draw(task: TaskID, **more: Any) -> None:
        drawn.append(more["completed"])
        update(task, **more)

    monkeypatch.setattr(bar, "update", draw)
    show = listener(bar, bar.add_task("a.tif", total=1.0, stage="", step=""))
    for step in STEPS:
        show(step)
        clock["now"] += milliseconds / 1000
    return bar, drawn


def test_short_steps_are_not_all_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    bar, drawn = show_all(10, monkeypatch)
    assert len(drawn) <= 6
    assert drawn[-1] == bar.tasks[0].completed == 0.5
    assert bar.tasks[0].fields == {"stage": "stage 1", "step": "40/40"}


def test_long_steps_are_all_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(show_all(1000, monkeypatch)[1]) == len(STEPS)


def test_where_nobody_watches_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    for shown in (True, False):
        with progress_bar("a.tif", shown=shown) as on_step:
            assert on_step is ignore
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_name_stage_and_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("rich.console.Console", lambda stderr: Console(stderr=stderr, force_terminal=True, width=100))
    with progress_bar("[1/2] a[bold].tif", shown=True) as on_step:
        for step in STEPS:
            on_step(step)
    out, err = capsys.readouterr()
    assert out == ""
    for said in ("[1/2] a[bold].tif", "stage 1", "40/40", "ETA"):
        assert said in err
