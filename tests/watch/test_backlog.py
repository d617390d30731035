"""The line between a source and the denoiser: what comes in, what goes out, and what is counted."""

import threading
from itertools import count
from typing import Any

import numpy as np
import pytest

from noise2detail.errors import Cancelled, SettingError
from noise2detail.watch.backlog import Backlog, WhenLate

PIXELS = np.zeros((2, 2))


def line(size: int, when_late: WhenLate) -> Backlog:
    """A line whose clock goes on by one with every reading."""
    ticks = count()
    return Backlog(size, when_late, lambda: float(next(ticks)))


def drained(backlog: Backlog) -> list[Any]:
    found = []
    while (one := backlog.take()) is not None:
        found.append(one)
    return found


def filled(when_late: WhenLate, frames: int, size: int = 2) -> Backlog:
    """A line into which frames were put while nobody took any."""
    backlog = line(size, when_late)
    for _ in range(frames):
        backlog.put(PIXELS)
    backlog.end()
    return backlog


def test_drop_throws_the_oldest_away_and_counts_them() -> None:
    backlog = filled("drop", 5)
    assert [one.number for one in drained(backlog)] == [3, 4]
    assert (backlog.counts.received, backlog.counts.dropped, backlog.counts.most_waiting) == (5, 3, 2)


def test_skip_marks_the_oldest_and_keeps_all() -> None:
    backlog = filled("skip", 5)
    found = drained(backlog)
    assert [one.number for one in found] == [0, 1, 2, 3, 4]
    assert [one.late for one in found] == [True, True, True, False, False]
    assert backlog.counts.dropped == 0


@pytest.mark.parametrize(("when_late", "most"), [("wait", 3), ("skip", 12)])
def test_the_source_waits_for_room(when_late: WhenLate, most: int) -> None:
    backlog = line(3, when_late)

    def source() -> None:
        for _ in range(200):
            backlog.put(PIXELS)
        backlog.end()

    thread = threading.Thread(target=source)
    thread.start()
    assert [one.number for one in drained(backlog)] == list(range(200))
    thread.join()
    assert backlog.counts.most_waiting <= most


def test_a_frame_is_a_copy_and_its_time_that_of_its_coming() -> None:
    backlog, pixels = line(2, "wait"), np.ones((2, 2))
    backlog.put(pixels, "first", "green")
    pixels[:] = 5
    backlog.put(pixels)
    first, second = backlog.take(), backlog.take()
    assert first is not None
    assert second is not None
    assert (first.about, first.kind, first.at, second.at) == ("first", "green", 0.0, 1.0)
    assert first.pixels.max() == 1


def test_what_the_source_failed_with_comes_after_its_last_frame_and_once() -> None:
    backlog = line(4, "wait")
    backlog.put(PIXELS)
    backlog.end(OSError("the camera is off"))
    assert backlog.take() is not None
    with pytest.raises(OSError, match="camera is off"):
        backlog.take()
    assert backlog.take() is None


def test_closing_frees_a_source_that_waits() -> None:
    backlog, heard = line(1, "wait"), []

    def source() -> None:
        try:
            while True:
                backlog.put(PIXELS)
        except Cancelled as ended:
            heard.append(str(ended))

    thread = threading.Thread(target=source)
    thread.start()
    backlog.take()
    backlog.close()
    thread.join()
    assert heard == ["the stream has ended: it takes no more frames"]
    assert backlog.take() is None


def test_wishes_that_cannot_be_met() -> None:
    with pytest.raises(SettingError, match="when_late is 'panic'; expected one of wait, skip, drop"):
        line(1, "panic")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="queue is 0; expected a number of at least 1"):
        line(0, "wait")
