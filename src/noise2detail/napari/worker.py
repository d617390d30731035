"""The engine process: ``python -m noise2detail.napari.worker`` works on what comes in until nobody listens any more.

It imports PyTorch with the first request, and what else the methods need before. It ends with the process that started
it, whatever happens to that one: its end of the pipe is then closed. What other code prints goes to the standard error.
"""

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, BinaryIO

from noise2detail.errors import Cancelled, DeviceError, Noise2DetailError, NotEnoughMemoryError, is_out_of_memory
from noise2detail.napari import wire
from noise2detail.napari.handover import taken
from noise2detail.napari.jobs import Event, Failed, Finished, Picture, PreviewRequest, Request, Stopped
from noise2detail.napari.refusals import in_the_window


@dataclass(frozen=True, eq=False)
class Asked:
    """A request on its way to the engine."""

    number: int
    """Of the job."""
    request: Request


@dataclass(frozen=True)
class Cancel:
    """The wish that a job ends."""

    number: int


@dataclass(frozen=True, eq=False)
class Told:
    """Something that happened, on its way back."""

    number: int
    """Of the job."""
    event: Any
    """An event, or ``growing.PlanePixels``."""


class Desk:
    """The engine's end of the pipe: the only component that reads from and writes to it."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._asked: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> Asked:
        """The next request; waits for it."""
        return self._asked.get()

    def tell(self, number: int, event: Any) -> None:
        """Send something that happened."""
        try:
            wire.send(self._sink, Told(number, event))
        except OSError:
            os._exit(0)  # nobody listens

    def check(self, number: int) -> None:
        """Raise ``Cancelled`` where that is wished."""
        if number in self._cancelled:
            raise Cancelled("cancelled")

    def _listen(self) -> None:
        while True:
            try:
                message = wire.receive(self._source)
            except (EOFError, OSError):
                # whoever asked is gone, and so must this process be, in the midst of whatever it does
                os._exit(0)
            if isinstance(message, Cancel):
                self._cancelled.add(message.number)
            else:
                self._asked.put(message)


def serve(desk: Desk) -> None:
    """Work on requests, one after the other."""
    while True:
        asked = desk.next()
        begin, number = time.monotonic(), asked.number
        again = True
        try:
            plan = _worked(asked.request, partial(desk.tell, number), partial(desk.check, number))
            end: Event = Finished(time.monotonic() - begin, plan)
        except Cancelled:
            end = Stopped()
        except Exception as error:  # noqa: BLE001 - whatever it is, the window must be told
            end, again = failure(error)
        desk.tell(number, end)
        if not again:
            os._exit(0)


def failure(error: BaseException) -> tuple[Failed, bool]:
    """What a person is told of an error, and whether the process can be trusted to go on."""
    details = "".join(traceback.format_exception(error))
    if is_out_of_memory(error) and not isinstance(error, Noise2DetailError):
        error = NotEnoughMemoryError(str(error).splitlines()[0] if str(error) else "an allocation failed", None)
    if isinstance(error, Noise2DetailError):
        return Failed(in_the_window(error), details), not isinstance(error, DeviceError | NotEnoughMemoryError)
    first = next(iter(str(error).splitlines()), "")
    found = f"{type(error).__name__}: {first}"
    return Failed(f"an error that this program did not expect: {found}; please report it with its log", details), False


def _worked(request: Request, tell: Callable[[Any], None], check: Callable[[], None]) -> dict[str, Any]:
    """The plan of what was done."""
    if isinstance(request, PreviewRequest):
        _tell_roughly(request, tell)
        check()
    from noise2detail.napari import tasks  # brings PyTorch

    check()
    held: Any = request
    found = {name: taken(getattr(held, name)) for name in ("image", "noisy", "denoised") if hasattr(held, name)}
    return tasks.worked(replace(held, **found), tell, check)


def _tell_roughly(request: PreviewRequest, tell: Callable[[Any], None]) -> None:
    from noise2detail.napari.rough import rough_picture

    pixels = rough_picture(request.image.array, request.image.axes)  # type: ignore[arg-type]
    meanwhile = "the noise is measured" if "torch" in sys.modules else "PyTorch is loaded"
    tell(Picture(pixels, "rough", f"a quick look, while {meanwhile}"))


def _prepare() -> None:
    """Import what needs no PyTorch, while the person looks at the window: half a second less until a first picture."""
    for name in ("scipy.fft", "scipy.ndimage", "scipy.special", "noise2detail.io"):
        import_module(name)


def main() -> None:
    """Serve whoever started this process, over its standard input and output."""
    # an interrupt in a terminal is meant for the program that was started there
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # what is printed must not get between the messages
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    desk = Desk(source, sink)
    _prepare()
    serve(desk)


if __name__ == "__main__":
    from noise2detail.napari import worker

    # under its own name, which the records that are sent carry
    worker.main()
