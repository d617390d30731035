"""The dock in a viewer without a screen, with an engine that says what the test wants it to say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from noise2detail.napari.jobs import (
    ChannelNoise,
    DenoiserWritten,
    Failed,
    Finished,
    FitRequest,
    Judged,
    NoiseCurve,
    NoiseMeasured,
    Picture,
    Planned,
    PreviewRequest,
    Progress,
    ReportRequest,
    ReportWritten,
    RunRequest,
    UncertaintyDone,
)
from tests.napari.fake_engine import FakeEngine

if TYPE_CHECKING:
    from qtpy.QtWidgets import QApplication

    from napari import Viewer
    from napari.layers import Image
    from noise2detail.napari.widget import DenoiseWidget

PLAN = Planned("method  auto\nrecipe  fast", ("the noise grows with the brightness", "one plane is small"), 4.0, 3)


@pytest.fixture(scope="module")
def viewer(qapp: "QApplication", no_graphics: None) -> "Iterator[Viewer]":
    """One for all tests of this file: it takes longer to make than all they do in it."""
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
def dock(viewer: "Viewer", engine: FakeEngine) -> "Iterator[DenoiseWidget]":
    from noise2detail.napari.widget import DenoiseWidget

    dock = DenoiseWidget(viewer, engine)
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


def stack(planes: int = 3, side: int = 40, seed: int = 0) -> "Any":
    return np.random.default_rng(seed).poisson(50, (planes, side, side)).astype(np.uint16)


def add(viewer: "Viewer", name: str = "cells", **more: Any) -> "Image":
    layer: Image = viewer.add_image(
        stack(), name=name, axis_labels=("z", "y", "x"), scale=(2, 0.5, 0.5), translate=(1, 2, 3), **more
    )
    return layer


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


def test_preview_lies_over_its_place_and_is_cut_at_the_divider(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    noisy = add(viewer, colormap="magma", rotate=(0, 0, 20))
    viewer.dims.set_current_step(0, 1)
    dock.preview.start()
    request = engine.job.request
    assert isinstance(request, PreviewRequest)
    np.testing.assert_array_equal(request.image.array, np.asarray(noisy.data)[1])
    engine.job.tell(Picture(np.full((40, 40), 9, np.uint16), "rough", "a first estimate"))
    settle()
    overlay = viewer.layers[-1]
    assert overlay.name == "[preview] cells"
    assert viewer.layers.selection.active is noisy
    assert dock.choice.box.count() == 1
    assert overlay.data.shape == (1, 40, 20)
    np.testing.assert_allclose(overlay.data_to_world((0, 0, 0)), noisy.data_to_world((1, 0, 0)))
    np.testing.assert_allclose(overlay.data_to_world((0, 7, 9)), noisy.data_to_world((1, 7, 9)))
    assert overlay.colormap.name == "magma"
    noisy.contrast_limits = (20, 90)
    assert overlay.contrast_limits == [20, 90]
    dock.preview.slider.setValue(250)
    assert overlay.data.shape == (1, 40, 10)
    engine.job.tell(Picture(np.full((40, 40), 7, np.uint16), "final", "the result"))
    settle()
    assert viewer.layers[-1] is overlay
    assert (np.asarray(overlay.data)[..., :-1] == 7).all()
    assert set(np.unique(overlay.data[..., -1])) == {20, 90}  # the divider
    dock.preview.slider.setValue(0)
    assert not overlay.visible
    dock.preview.remove()
    assert list(viewer.layers) == [noisy]
    assert not viewer.mouse_move_callbacks or dock.preview.swipe._on_move not in viewer.mouse_move_callbacks


def test_the_divider_is_drawn_with_the_mouse(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    add(viewer)
    dock.preview.start()
    engine.job.tell(Picture(np.zeros((40, 40), np.uint16), "final", "the result"))
    settle()
    overlay = viewer.layers[-1]
    swipe = dock.preview.swipe

    def at(column: float, kind: str) -> Any:
        return SimpleNamespace(position=overlay.data_to_world((0, 5, column)), type=kind, handled=False)

    event = at(19.5, "mouse_press")
    moves = swipe._on_drag(viewer, event)
    next(moves)
    assert event.handled
    event.position, event.type, event.handled = at(29.5, "").position, "mouse_move", False
    next(moves)
    assert event.handled
    assert swipe.fraction == pytest.approx(0.75)
    assert dock.preview.slider.value() == 750
    assert overlay.data.shape == (1, 40, 30)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(moves)
    # far from it the drag belongs to the viewer
    elsewhere = at(2, "mouse_press")
    with pytest.raises(StopIteration):
        next(swipe._on_drag(viewer, elsewhere))
    assert not elsewhere.handled


def test_a_rectangle_is_previewed(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, told: list[tuple[str, str]]
) -> None:
    noisy: Any = add(viewer)
    dock.preview.region.setCurrentIndex(1)
    shapes: Any = viewer.layers["n2d preview region"]
    assert dock.choice.box.currentText() == "cells"
    dock.preview.start()
    assert len(told) == 1
    assert "No rectangle" in told[0][1]
    corners = [
        noisy.data_to_world((0, row, column))[1:]
        for row, column in ((9.5, 3.5), (9.5, 19.5), (29.5, 19.5), (29.5, 3.5))
    ]
    shapes.add_rectangles(np.array(corners))
    dock.preview.start()
    request = engine.job.request
    assert isinstance(request, PreviewRequest)
    np.testing.assert_array_equal(request.image.array, np.asarray(noisy.data)[viewer.dims.current_step[0], 10:30, 4:20])


def test_a_live_preview_follows_settings_and_planes(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    noisy = add(viewer)
    viewer.dims.set_current_step(0, 0)
    settle()
    assert not engine.jobs
    dock.preview.live.setChecked(True)
    settle()
    assert len(engine.jobs) == 1
    dock.settings.seed.setValue(3)
    dock.settings.seed.setValue(4)
    settle()
    assert [job.request.settings.seed for job in engine.jobs] == [0, 4]  # type: ignore[union-attr]
    assert engine.jobs[0].cancelled
    viewer.dims.set_current_step(0, 2)
    settle()
    np.testing.assert_array_equal(engine.job.request.image.array, np.asarray(noisy.data)[2])  # type: ignore[union-attr]
    # what an older preview still tells is not shown
    engine.jobs[0].listen(Picture(np.zeros((40, 40), np.uint16), "final", "too late"))
    settle()
    assert len(viewer.layers) == 1
    dock.preview.remove()
    dock.settings.seed.setValue(5)
    settle()
    assert len(engine.jobs) == 3


def test_a_run_fills_a_layer_that_is_like_its_own(
    viewer: "Viewer",
    dock: "DenoiseWidget",
    engine: FakeEngine,
    settle: Callable[[], None],
    told: list[tuple[str, str]],
) -> None:
    noisy = add(viewer, colormap="viridis", contrast_limits=(10, 80))
    other = add(viewer, "other")
    viewer.layers.selection.active = noisy
    dock.controls.uncertainty.setChecked(True)
    dock.run()
    job = engine.job
    assert isinstance(job.request, RunRequest)
    assert job.request.uncertainty
    assert not dock.controls.run_button.isEnabled()
    job.tell(PLAN)
    job.tell(Progress(0.25, "plane 1/3, network", 83.0))
    job.plane((0,), 42, 3)
    settle()
    assert "the noise grows" in dock.findings.plan.text()
    assert dock.controls.bar.value() == 250
    assert "1:23 min left" in dock.controls.state.text()
    result = viewer.layers["cells denoised (running)"]
    assert list(viewer.layers) == [noisy, result, other]
    assert viewer.layers.selection.active is noisy
    assert (np.asarray(result.data)[0] == 42).all()
    job.plane((1,), 43, 3)
    job.plane((2,), 44, 3)
    job.uncertainty = np.ones((3, 40, 40), np.float32)
    job.tell(UncertaintyDone((1.0,), 20))
    job.tell(Judged("look closer", ("the residual has structure (0.31)",), ("resolution: too small",)))
    job.tell(Finished(3.0, {"method": "auto"}))
    settle()
    assert result.name == "cells denoised"
    assert result.metadata["noise2detail"]["plan"] == {"method": "auto"}
    assert result.metadata["noise2detail"]["layer"] == "cells"
    for attribute in ("scale", "translate", "contrast_limits"):
        np.testing.assert_array_equal(getattr(result, attribute), getattr(noisy, attribute))
    assert result.colormap.name == "viridis"
    assert viewer.layers["cells uncertainty"].data.dtype == np.float32
    assert "Look closer" in dock.findings.verdict.text()
    assert dock.controls.run_button.isEnabled()
    assert dock.controls.save_button.isEnabled()
    assert not told


def test_cancel_keeps_what_is_done_and_says_so(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    noisy = add(viewer)
    dock.run()
    engine.job.tell(PLAN)
    engine.job.plane((0,), 42, 3)
    settle()
    dock.controls.cancel_button.click()
    settle()
    result = viewer.layers[-1]
    assert "1 of" in result.name
    assert result.metadata["noise2detail"]["planes_done"] == 1
    assert (np.asarray(result.data)[0] == 42).all()
    np.testing.assert_array_equal(np.asarray(result.data)[1:], np.asarray(noisy.data)[1:])
    assert "Cancelled: 1 of" in dock.controls.state.text()
    assert dock.controls.run_button.isEnabled()
    dock.run()
    engine.job.tell(PLAN)
    settle()
    dock.controls.cancel_button.click()
    settle()
    assert [layer.name for layer in viewer.layers] == ["cells", result.name]
    assert dock.controls.state.text() == "Cancelled: nothing was done."


def test_two_runs_at_once_are_one_notification(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, told: list[tuple[str, str]]
) -> None:
    add(viewer)
    dock.run()
    dock.run()
    dock.preview.start()
    assert [kind for kind, _ in told] == ["warning", "warning"]
    assert "wait" in told[0][1]
    assert len(engine.jobs) == 1
    assert not engine.job.cancelled


def test_layers_that_change_or_go_while_they_are_denoised(
    viewer: "Viewer",
    dock: "DenoiseWidget",
    engine: FakeEngine,
    settle: Callable[[], None],
    told: list[tuple[str, str]],
) -> None:
    noisy = add(viewer)
    dock.run()
    engine.job.tell(PLAN)
    settle()
    noisy.data = stack(seed=1)
    viewer.layers.remove(noisy)
    assert [kind for kind, _ in told] == ["warning"]
    assert "'cells' was given other pixels" in told[0][1]
    for index in range(3):
        engine.job.plane((index,), 42, 3)
    engine.job.tell(Finished(1.0))
    settle()
    assert [layer.name for layer in viewer.layers] == ["cells denoised"]
    again = add(viewer, "again")
    dock.run()
    engine.job.tell(PLAN)
    engine.job.plane((0,), 42, 3)
    settle()
    viewer.layers.remove("again denoised (running)")
    settle()
    assert engine.job.cancelled
    assert again in viewer.layers
    assert len(told) == 1


def test_one_denoiser_for_all_selected_layers(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    control, treated = add(viewer, "control"), add(viewer, "treated")
    viewer.layers.selection = {control, treated}
    viewer.layers.selection.active = None
    dock.choice.box.setCurrentIndex(0)
    dock.apply()
    fit = engine.job.request
    assert isinstance(fit, FitRequest)
    assert fit.image.array is control.data
    assert fit.denoiser.parent.is_dir()
    engine.job.tell(DenoiserWritten(fit.denoiser, 1))
    engine.job.tell(Finished(1.0))
    settle()
    for layer in (control, treated):
        run = engine.job.request
        assert isinstance(run, RunRequest)
        assert run.image.array is layer.data
        assert run.denoiser == fit.denoiser
        engine.job.tell(PLAN)
        for index in range(3):
            engine.job.plane((index,), 42, 3)
        engine.job.tell(Finished(1.0))
        settle()
    assert [layer.name for layer in viewer.layers] == ["control", "control denoised", "treated", "treated denoised"]
    assert not fit.denoiser.parent.exists()
    assert dock.choice.layer is control
    assert viewer.layers.selection == {control, treated}
    assert dock.controls.run_button.isEnabled()


def test_a_failure_is_one_notification_and_leaves_nothing(
    viewer: "Viewer",
    dock: "DenoiseWidget",
    engine: FakeEngine,
    settle: Callable[[], None],
    told: list[tuple[str, str]],
) -> None:
    add(viewer)
    dock.run()
    engine.job.tell(PLAN)
    engine.job.tell(Failed("the engine was ended from outside; run again", "Traceback ..."))
    settle()
    assert told == [("error", "The engine was ended from outside; run again.")]
    assert len(viewer.layers) == 1
    assert dock.controls.run_button.isEnabled()
    dock.preview.start()
    engine.job.tell(Failed("not enough memory"))
    settle()
    assert told[1:] == [("error", "Not enough memory.")]
    assert not dock.preview.running


def test_the_report_is_written_where_it_is_wished_and_opened(
    viewer: "Viewer",
    dock: "DenoiseWidget",
    engine: FakeEngine,
    settle: Callable[[], None],
    told: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from qtpy.QtGui import QDesktopServices
    from qtpy.QtWidgets import QFileDialog

    opened: list[str] = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "page"), "Web page (*.html)"))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    add(viewer)
    dock.run()
    engine.job.tell(replace(PLAN, planes=3))
    for index in range(3):
        engine.job.plane((index,), 42, 3)
    engine.job.tell(Finished(1.0, {"method": "auto"}))
    settle()
    dock.controls.report_button.click()
    request = engine.job.request
    assert isinstance(request, ReportRequest)
    assert request.path == tmp_path / "page.html"
    assert request.plan == {"method": "auto"}
    assert (np.asarray(request.denoised.array) == 42).all()
    engine.job.tell(ReportWritten(request.path))
    engine.job.tell(Finished(1.0))
    settle()
    assert opened == [str(request.path)]
    dock.controls.report_button.click()
    engine.job.tell(Failed(f"{request.path}: no permission to write there; choose another folder"))
    settle()
    assert [kind for kind, _ in told] == ["error"]
    assert len(opened) == 1
    assert dock.controls.report_button.isEnabled()


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
