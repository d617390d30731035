"""The dock with the engine as it is, in a viewer that is closed while it works."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from napari import Viewer


def test_the_window_is_closed_while_a_preview_and_then_a_run_go_on(
    make_napari_viewer: "Callable[..., Viewer]", no_graphics: None, qtbot: "QtBot"
) -> None:
    from noise2detail.napari.widget import DenoiseWidget

    before = set(threading.enumerate())
    viewer = make_napari_viewer()
    noisy = np.random.default_rng(0).poisson(50, (64, 64)).astype(np.uint16)
    layer = viewer.add_image(noisy, name="cells")
    dock = DenoiseWidget(viewer)
    viewer.window.add_dock_widget(dock, name="Denoise")
    dock.settings.method.setCurrentText("gaussian")
    dock.preview.start()
    qtbot.waitUntil(lambda: not dock.preview.running, timeout=60_000)
    overlay: Any = viewer.layers[-1]
    assert overlay.name == "[preview] cells"
    left = np.asarray(overlay.data)
    assert left.shape == (64, 32)
    assert left.std() < 0.7 * noisy[:, :32].std()
    dock.run()
    process = psutil.Process(dock.engine.pid)  # type: ignore[attr-defined]
    viewer.close()
    qtbot.waitUntil(lambda: not process.is_running(), timeout=10_000)
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= before, timeout=10_000)
    assert layer.data is noisy
