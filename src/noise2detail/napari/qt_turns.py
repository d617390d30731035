"""Work of the window that is done in a later turn, so that no turn takes long."""

from collections.abc import Callable

from qtpy.QtCore import QTimer

PAUSE_MS = 10
"""Long enough for what waits: the mouse, the keys, the window's own painting."""


def next_turn(do: Callable[[], None]) -> None:
    """Call it when the window has had time to answer."""
    QTimer.singleShot(PAUSE_MS, do)
