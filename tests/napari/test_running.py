"""Runs from the dock: layers that fill, cancelling, one denoiser for several, what fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noise2detail.napari.jobs import (
    DenoiserWritten,
    Failed,
    Finished,
    FitRequest,
    Judged,
    Progress,
    ReportRequest,
    ReportWritten,
    RunRequest,
    UncertaintyDone,
)
from tests.napari.fake_engine import FakeEngine
from tests.napari.viewing import PLAN, add, stack

if TYPE_CHECKING:
    from napari import Viewer
    from noise2detail.napari.widget import DenoiseWidget


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
    assert len(viewer.layers) == 2  # none that a cancel would have to take away again
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
    engine.job.finish(42)
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
        engine.job.finish(42)
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
    engine.job.finish(42, plan={"method": "auto"})
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
