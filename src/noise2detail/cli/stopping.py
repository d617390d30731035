"""Ctrl-C and SIGTERM during long work that can be gone on with: the first asks to stop, the second stops at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from noise2detail.cli.guard import interrupted_code, tell
from noise2detail.cli.voice import Voice
from noise2detail.scale.outcome import Stop


@contextmanager
def stopping(stop: Stop, voice: Voice) -> Iterator[None]:
    """Block in which the first signal asks to stop after the units in flight, and the second one interrupts.

    Parameters
    ----------
    stop
        Is asked.
    voice
        Says so.
    """

    def hear(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.asked:
            raise KeyboardInterrupt(number)
        stop.ask()
        voice.note("stopping: the units in flight are finished first; once more stops at once")

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, hear) for number in numbers]
    try:
        yield
    except KeyboardInterrupt as error:
        tell("interrupted: units that are done stay; the same command goes on")
        raise typer.Exit(interrupted_code(error)) from error
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
