"""The dock in a viewer without a screen, with an engine that says what the test wants it to say."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from noise2detail.napari.jobs import ChannelNoise, Finished, NoiseCurve, NoiseMeasured
from tests.napari.fake_engine import FakeEngine
from tests.napari.viewing import PLAN, add

if TYPE_CHECKING:
    from napari import Viewer
    from noise2detail.napari.widget import DenoiseWidget


def test_choice_follows_the_selection_and_says_why_not(viewer: "Viewer", dock: "DenoiseWidget") -> None:
    assert "no image layer" in dock.choice.note.text()
    first, second = add(viewer), add(viewer, "nuclei")
    assert dock.choice.layer is second
    viewer.layers.selection.active = first
    assert dock.choice.layer is first
    assert "Z 3, Y 40, X 40" in dock.choice.note.text()
    spots = viewer.add_points(np.zeros((1, 2)), name="spots")
    assert dock.choice.layer is first
    viewer.layers.remove(first)
    viewer.layers.remove(second)
    viewer.layers.selection.active = spots
    assert dock.choice.layer is None
    assert "'spots' holds points" in dock.choice.note.text()


def test_layers_that_cannot_be_denoised_are_told_of_once(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, told: list[tuple[str, str]]
) -> None:
    dock.run()
    viewer.add_points(np.zeros((1, 2)), name="spots")
    dock.preview.start()
    add(viewer)
    dock.apply()
    assert [kind for kind, _ in told] == ["warning"] * 3
    assert "open an image" in told[0][1]
    assert "spots" in told[1][1]
    assert "select" in told[2][1]
    assert not engine.jobs


def test_corrected_axes_go_into_the_request(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, told: list[tuple[str, str]]
) -> None:
    add(viewer)
    dock.choice.axes.setCurrentText("TYX")
    dock.run()
    assert engine.job.request.image.axes == "TYX"  # type: ignore[union-attr]
    engine.job.cancel()
    assert not told


def test_settings_of_the_controls(viewer: "Viewer", dock: "DenoiseWidget") -> None:
    panel = dock.settings
    assert panel.settings().run == {}
    assert (panel.settings().method, panel.settings().recipe) == ("auto", "standard")
    panel.method.setCurrentText("noise2detail")
    panel.neighbours.setCurrentIndex(2)
    panel.fit.setCurrentIndex(2)
    panel.seed.setValue(7)
    panel.anyway.setChecked(True)
    panel.memory.setCurrentText("2 GB")
    found = panel.settings()
    assert (found.method, found.recipe, found.seed) == ("noise2detail", "fast", 7)
    assert found.run == {"neighbours": 1, "fit": "shared", "anyway": True, "max_memory": "2GB"}
    viewer.add_image(np.zeros((20, 20), np.uint8))
    assert not panel.neighbours.isEnabled()
    assert not panel.channels.isEnabled()


def test_the_noise_figure_is_drawn(dock: "DenoiseWidget", settle: Callable[[], None]) -> None:
    from noise2detail.napari.qt_noise_plot import DOT_COLOUR, LINE_COLOUR

    rng = np.random.default_rng(0)
    brightness = rng.uniform(10, 100, 5000)
    curve = NoiseCurve(
        brightness, brightness * rng.uniform(1.5, 2.5, 5000), np.array([10.0, 100.0]), np.array([20.0, 200.0])
    )
    channels = tuple(ChannelNoise(name, (("gain", f"2 in {name}"),), {}, curve) for name in ("red", "green"))
    dock.findings.show_noise(NoiseMeasured(channels))
    dock.findings.channel.setCurrentIndex(1)
    assert "2 in green" in dock.findings.noise_words.text()
    plot = dock.findings.plot
    plot.resize(280, 170)
    picture = plot.grab().toImage()
    found = {picture.pixelColor(x, y).rgb() for x in range(picture.width()) for y in range(picture.height())}
    assert DOT_COLOUR.rgb() in found
    assert LINE_COLOUR.rgb() in found


def test_every_control_fits_and_can_be_reached_and_named(viewer: "Viewer", dock: "DenoiseWidget") -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QSlider, QSpinBox

    viewer.window.add_dock_widget(dock, name="Denoise")
    assert dock.minimumSizeHint().width() <= 300
    dock.settings.more.setChecked(True)
    for kind in (QAbstractButton, QComboBox, QSlider, QSpinBox):
        for control in dock.findChildren(kind):
            if control.objectName().startswith("qt_") or "Tab" in type(control.parent()).__name__:
                continue  # parts that Qt puts into its own
            text = control.text() if isinstance(control, QAbstractButton) else ""
            assert control.accessibleName() or text, control
            assert control.toolTip() or control.objectName(), control
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control
    labels = [label.text() for label in dock.findChildren(QLabel) if label.buddy() is not None]
    texts = labels + [button.text() for button in dock.findChildren(QAbstractButton)]
    letters = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(letters) == len(set(letters)) > 8
    viewer.window.remove_dock_widget(dock)
    assert not set(letters) & set("fvlpwhcs")  # of napari's menus and shortcuts


def test_a_dock_that_is_closed_ends_its_engine(
    viewer: "Viewer", engine: FakeEngine, settle: Callable[[], None], told: list[tuple[str, str]]
) -> None:
    from noise2detail.napari.widget import DenoiseWidget

    callbacks = len(viewer.layers.events.removed.callbacks)
    for _ in range(3):
        engine = FakeEngine()
        dock = DenoiseWidget(viewer, engine)
        viewer.window.add_dock_widget(dock, name="Denoise")
        add(viewer)
        settle()
        assert engine.started
        dock.run()
        engine.job.tell(PLAN)
        settle()
        viewer.window.remove_dock_widget(dock)
        engine.job.listen(Finished(1.0))
        settle()
        assert engine.closed
        assert engine.job.cancelled
        viewer.layers.clear()
    assert len(viewer.layers.events.removed.callbacks) == callbacks
    assert not told
