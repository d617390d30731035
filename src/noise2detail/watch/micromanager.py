"""Frames of Micro-Manager as they are taken, through pymmcore-plus: denoised with the event that each belongs to.

pymmcore-plus comes with ``pip install 'noise2detail[micromanager]'``; nothing of it is imported here, so whatever has
its events will do.
"""

import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from noise2detail.errors import Cancelled, SettingError
from noise2detail.fitted import Fitted
from noise2detail.types import Pixels
from noise2detail.watch.backlog import WhenLate
from noise2detail.watch.learning import Learning
from noise2detail.watch.stream import Denoised, Stream, stream

log = logging.getLogger(__name__)

QT = frozenset({"PySide2", "PySide6", "PyQt5", "PyQt6"})
"""Packages whose signals are Qt's."""


@dataclass(frozen=True, eq=False)
class Taken:
    """What Micro-Manager says about a frame."""

    event: Any
    """The ``useq.MDAEvent`` that asked for it: its index, position, channel, exposure."""
    metadata: Mapping[str, Any]
    """As pymmcore-plus gave it with the frame."""


class Acquisition:
    """The denoised frames of one acquisition: an iterator of ``Denoised`` whose ``about`` is ``Taken``.

    Made by ``acquisition`` before the acquisition begins; it ends with it, also where that is cancelled or fails. Every
    channel is learnt by itself.
    """

    def __init__(self, events: Any, live: Stream) -> None:
        self._events, self._live = events, live
        self._connected: list[tuple[str, Callable[..., None]]] = [
            ("frameReady", self._frame),
            ("sequenceFinished", self._finished),
        ]
        for name, slot in self._connected:
            _connect(getattr(events, name), slot)

    @property
    def live(self) -> Stream:
        """The stream that the frames go through, with its ``stats``."""
        return self._live

    def close(self) -> None:
        """Stop listening, and end the threads."""
        self._live.close()  # first: the thread of the acquisition may wait for room, and holds the signal meanwhile
        self._disconnect()

    def __enter__(self) -> "Acquisition":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> "Acquisition":
        return self

    def __next__(self) -> Denoised:
        try:
            return next(self._live)
        except BaseException:
            self._disconnect()
            raise

    def _frame(self, image: Pixels, event: Any, metadata: Mapping[str, Any]) -> None:
        """Called by the thread of the acquisition, which goes on whatever becomes of the stream."""
        try:
            self._live.put(image, Taken(event, metadata), kind_of(event, metadata))
        except Cancelled as ended:
            log.debug("a frame came after the end: %s", ended)

    def _finished(self, *_: object) -> None:
        self._live.end()

    def _disconnect(self) -> None:
        connected, self._connected = self._connected, []
        for name, slot in connected:
            getattr(self._events, name).disconnect(slot)


def acquisition(
    core: Any,
    *,
    denoiser: Fitted | None = None,
    when_late: WhenLate = "wait",
    queue: int = 8,
    learning: Learning = Learning(),  # noqa: B008 - frozen
) -> Acquisition:
    """The denoised frames of the next acquisition, in their order.

    Parameters
    ----------
    core
        A ``pymmcore_plus.CMMCorePlus``, or another that has ``mda.events``.
    denoiser, when_late, queue, learning
        As of ``stream``. Frames of a colour camera have the axes ``YXS``; all others have two.

    Raises
    ------
    SettingError
        ``core`` has no such events, or as of ``stream``.
    """
    events = getattr(getattr(core, "mda", None), "events", None)
    if not hasattr(events, "frameReady"):
        raise SettingError(
            f"{type(core).__name__} has no events of an acquisition; expected a pymmcore_plus.CMMCorePlus, as of "
            "pip install 'noise2detail[micromanager]'"
        )
    live = stream(None, denoiser=denoiser, when_late=when_late, queue=queue, learning=learning)
    return Acquisition(events, live)


Receiver = Callable[[Pixels, Any, Mapping[str, Any]], None]
"""What listens to ``frameReady``: a function, the method of a writer, or ``emit`` of a signal."""


class Relay:
    """Hands every denoised frame on, in a thread of its own, as ``frameReady`` does with raw ones."""

    def __init__(self, frames: Acquisition, receive: Receiver) -> None:
        self._frames, self._receive = frames, receive
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="noise2detail-relay", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the last frame of the acquisition was handed on.

        Raises
        ------
        BaseException
            What ended it before: a frame that could not be denoised, or that of the receiver.
        """
        self._thread.join()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        try:
            with self._frames:
                for one in self._frames:
                    self._receive(one.pixels, one.about.event, {**one.about.metadata, "noise2detail": told(one)})
        except BaseException as error:  # noqa: BLE001 - raised again by ``wait``
            self._failure = error


def relay(frames: Acquisition, receive: Receiver) -> Relay:
    """The denoised frames of an acquisition, handed to whatever takes raw ones; ``wait`` for its end.

    Parameters
    ----------
    frames
        From ``acquisition``.
    receive
        Called with pixels, event and metadata of each frame; the metadata say under ``noise2detail`` what was done.
    """
    return Relay(frames, receive)


def told(one: Denoised) -> dict[str, Any]:
    """What was done to a frame, for its metadata."""
    return {
        "denoised": one.denoised,
        "frame": one.number,
        "training": one.training,
        "latency_seconds": round(one.latency, 4),
    }


def kind_of(event: Any, metadata: Mapping[str, Any]) -> Hashable:
    """What tells frames apart that are learnt from separately: the channel, and the camera where there are several."""
    channel = getattr(event, "channel", None)
    name = None if channel is None else f"{channel.group} {channel.config}"
    camera = metadata.get("camera_device")
    return " of ".join(str(part) for part in (name, camera) if part) or None


def _connect(signal: Any, slot: Callable[..., None]) -> None:
    """Have a slot called in the thread that emits a signal, whichever kind of signal it is.

    Beside a window pymmcore-plus takes Qt's signals, which by default wait for the event loop of the thread that has
    connected; that thread may itself be waiting for the frame.
    """
    if type(signal).__module__.partition(".")[0] in QT:
        from qtpy.QtCore import Qt

        signal.connect(slot, Qt.ConnectionType.DirectConnection)
    else:
        signal.connect(slot)
