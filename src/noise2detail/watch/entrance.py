"""Where frames come in: looked at once, put into the line, or followed from a source in a thread of its own."""

import threading
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from noise2detail.errors import Cancelled, InputError
from noise2detail.pipeline.input import take
from noise2detail.pipeline.layout import check_pixel_type, lay_out
from noise2detail.types import Pixels
from noise2detail.watch.backlog import Backlog

GOODBYE = 2.0
"""Seconds for the thread of a source to end; one that waits for its camera cannot be stopped by us."""


class Entrance:
    """The only component that knows what a frame of the stream looks like; it knows no consumer.

    Parameters
    ----------
    backlog
        Where the frames wait.
    axes
        Of a frame; None: it has two dimensions.
    """

    def __init__(self, backlog: Backlog, axes: str | None) -> None:
        self._backlog, self._axes = backlog, axes
        self._known: dict[Hashable, tuple[tuple[int, ...], np.dtype[Any]]] = {}
        self._source: threading.Thread | None = None

    def put(self, frame: Any, about: Any = None, kind: Hashable = None) -> int:
        """Number of the frame; one unlike the first of its kind ends the stream, and the consumer is told why.

        Raises
        ------
        Cancelled
            The stream has ended.
        """
        try:
            array = self._checked(frame, kind)
        except InputError as error:
            self._backlog.end(error)
            raise Cancelled(f"the stream has ended: {error}") from error
        return self._backlog.put(array, about, kind)

    def follow(self, frames: Iterable[Any]) -> None:
        """Put in whatever an iterable gives, in a thread; what that raises is for the consumer."""
        self._source = threading.Thread(target=self._run, args=(frames,), name="noise2detail-source", daemon=True)
        self._source.start()

    def close(self) -> None:
        """Wait until the thread has ended."""
        if self._source is not None and self._source is not threading.current_thread():
            self._source.join(GOODBYE)

    def _run(self, frames: Iterable[Any]) -> None:
        source: Any = None
        try:
            source = iter(frames)
            for frame in source:
                self.put(frame)
        except Cancelled as error:
            self._backlog.end(None if self._backlog.closed else error)
        except BaseException as error:  # noqa: BLE001 - raised again where the frames come out
            self._backlog.end(error)
        else:
            self._backlog.end()
        finally:
            if hasattr(source, "close"):
                source.close()

    def _checked(self, frame: Any, kind: Hashable) -> Pixels:
        number = self._backlog.counts.received
        try:
            array, _ = take(frame, self._axes)
            if kind not in self._known:
                check_pixel_type(array.dtype)
                lay_out(array, self._axes)
                self._known[kind] = array.shape, array.dtype
        except InputError as error:
            raise type(error)(f"frame {number}: {error}") from error
        shape, dtype = self._known[kind]
        if (array.shape, array.dtype) != (shape, dtype):
            whose = "the first frame" if kind is None else f"the first frame of {kind}"
            raise InputError(
                f"frame {number} has the shape {array.shape} and the type {array.dtype}; expected {shape} and {dtype}, "
                f"as of {whose}: begin another stream for frames of another kind"
            )
        return array
