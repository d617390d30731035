"""The fixtures with which napari is tested, here alone: as a plugin it would load Qt for every test there is."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.napari.fake_engine import FakeEngine

if TYPE_CHECKING:
    from qtpy.QtWidgets import QApplication

    from napari import Viewer
    from noise2detail.napari.widget import DenoiseWidget

if importlib.util.find_spec("napari") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from napari.utils._testsupport import (  # noqa: F401 - pytest finds them by their names
        make_napari_viewer,
        mock_app_model,
        pytest_runtest_makereport,
    )


@pytest.fixture(scope="session")
def no_graphics() -> Iterator[None]:
    """Qt's platform "offscreen" has no OpenGL: nothing is drawn, and what napari asks of it is answered here."""
    from OpenGL import GL
    from vispy.gloo.glir import GlirParser

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GL, "glGetString", lambda name: b"texture_float")
        patch.setattr(GL, "glGetIntegerv", lambda name: 2048)
        patch.setattr(GlirParser, "parse", lambda self, commands: None)
        yield


@pytest.fixture(scope="module")
def viewer(qapp: "QApplication", no_graphics: None) -> "Iterator[Viewer]":
    """One for all tests of a file: it takes longer to make than all they do in it."""
    from napari._qt.threads.status_checker import StatusChecker

    import napari

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatusChecker, "start", lambda self: None)
        viewer = napari.Viewer(show=False)
        yield viewer
        viewer.close()
        qapp.processEvents()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def dock(viewer: "Viewer", engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> "Iterator[DenoiseWidget]":
    from noise2detail.napari.widget import DenoiseWidget

    dock = DenoiseWidget(viewer, engine)
    monkeypatch.setattr("noise2detail.napari.qt_turns.PAUSE_MS", 0)
    dock.preview._later.setInterval(0)
    yield dock
    dock.shut_down()
    dock.deleteLater()
    viewer.layers.clear()
    viewer.dims.order = tuple(range(viewer.dims.ndim))


@pytest.fixture
def settle(qapp: "QApplication") -> Callable[[], None]:
    """Let the window do what waits for it, timers of no time among it."""

    def settle() -> None:
        for _ in range(3):
            qapp.processEvents()

    return settle


@pytest.fixture
def told() -> Iterator[list[tuple[str, str]]]:
    """Every notification since the test began: how grave, and the words."""
    from napari.utils.notifications import notification_manager

    found: list[tuple[str, str]] = []

    def take(notification: Any) -> None:
        found.append((str(notification.severity), notification.message))

    notification_manager.notification_ready.connect(take)
    yield found
    notification_manager.notification_ready.disconnect(take)
