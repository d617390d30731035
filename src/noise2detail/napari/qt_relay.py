"""From the threads of the engine into the thread of the window."""

import contextlib
from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal

from noise2detail.napari.jobs import Event, Listener


class Relay(QObject):
    """Events told in any thread, handed on in the window's own; the only component that knows both.

    It has no parent on purpose: a thread may still tell something while the window is being taken down.
    """

    _told = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._open = True
        self._told.connect(self._hand_on, Qt.ConnectionType.QueuedConnection)

    def listener(self, take: Callable[[Event], None]) -> Listener:
        """What an engine may call in any thread; ``take`` is called later, in the window's thread."""

        def listen(event: Event) -> None:
            if self._open:
                with contextlib.suppress(RuntimeError):  # Qt has gone in between: there is nobody to tell
                    self._told.emit(take, event)

        return listen

    def close(self) -> None:
        """Hand on nothing more, not even what waits already."""
        self._open = False

    def _hand_on(self, take: Callable[[Event], None], event: Event) -> None:
        if self._open:
            take(event)
