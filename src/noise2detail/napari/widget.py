"""The dock of the plugin: it puts the parts together and passes on what each tells the others."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.utils.notifications import show_warning
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QApplication, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from noise2detail.errors import InputError, Noise2DetailError
from noise2detail.napari.choices import METHODS
from noise2detail.napari.jobs import Engine, Event, Judged, NoiseMeasured, Planned
from noise2detail.napari.qt_findings import Findings
from noise2detail.napari.qt_layer_choice import LayerChoice, sentence
from noise2detail.napari.qt_outputs import Outputs
from noise2detail.napari.qt_preview import PreviewPanel, Wish
from noise2detail.napari.qt_relay import Relay
from noise2detail.napari.qt_run_panel import RunPanel
from noise2detail.napari.qt_running import Runs, Work
from noise2detail.napari.qt_settings import SettingsPanel

if TYPE_CHECKING:
    import napari.viewer


class DenoiseWidget(QWidget):
    """Denoise image layers from nothing but themselves.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers are denoised.
    engine
        What computes; None: a process of its own, which is ended with the dock.
    """

    def __init__(self, napari_viewer: "napari.viewer.Viewer", engine: Engine | None = None) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.engine = engine or _new_engine()
        self.relay = Relay()
        self.choice = LayerChoice(napari_viewer)
        self.settings = SettingsPanel()
        self.preview = PreviewPanel(napari_viewer, self.engine, self.relay, self._wish)
        self.controls = RunPanel()
        self.findings = Findings()
        self.runs = Runs(napari_viewer, self.engine, self.relay, self)
        self.outputs = Outputs(self.engine, self.relay, self)
        self._closed = False
        self._lay_out()
        self._connect()
        self._on_layer()
        QTimer.singleShot(0, self._start_engine)

    def run(self) -> None:
        """Denoise all of the chosen layer; one notification where that cannot be."""
        self._guarded(self._run_one)

    def apply(self) -> None:
        """Learn from the chosen layer, and apply that to all that are selected."""
        self._guarded(self._run_selected)

    def shut_down(self) -> None:
        """Cancel, end the engine and hear nothing more; harmless when it is done already."""
        if self._closed:
            return
        self._closed = True
        self.relay.close()
        self.engine.close()
        self.preview.stop()
        self.preview.disconnect_all()
        self.preview.swipe.remove()
        self.choice.disconnect_all()
        self.runs.disconnect_all()

    def event(self, event: QEvent) -> bool:
        """As of any widget; a dock that is closed takes its parent away, and that ends the work."""
        handled = super().event(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and hasattr(self, "_closed"):
            self.shut_down()
        return handled

    def _start_engine(self) -> None:
        if not self._closed:
            self.engine.start()

    def _wish(self) -> Wish | None:
        """What is chosen now; None, after one notification, where it cannot be denoised or is being denoised."""
        if self.runs.running or self.outputs.running:
            show_warning("Something is being done already; wait for its end, or cancel it.")
            return None
        try:
            layer, subject = self.choice.layer, self.choice.subject()
        except InputError as error:
            show_warning(sentence(str(error)))
            return None
        return None if layer is None else Wish(layer, subject, self.settings.settings())

    def _run_one(self) -> None:
        wish = self._wish()
        if wish is not None:
            self._make_room()
            self.runs.run(
                [Work(wish.layer, wish.subject, wish.settings)], uncertainty=self.controls.uncertainty.isChecked()
            )

    def _run_selected(self) -> None:
        wish = self._wish()
        if wish is None:
            return
        if not METHODS[wish.settings.method].shared:
            raise InputError(f"what {wish.settings.method} learns is of one image only; choose another method")
        layers = self.choice.selected()
        if len(layers) < 2:
            raise InputError("fewer than two image layers are selected; select them with Ctrl or Shift in the list")
        work = [Work(layer, self.choice.subject_of(layer), wish.settings) for layer in layers]
        self._make_room()
        self.runs.run(work, shared=wish.subject, uncertainty=self.controls.uncertainty.isChecked())

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Noise2DetailError as error:
            show_warning(sentence(str(error)))

    def _make_room(self) -> None:
        """A run takes the place of the preview."""
        self.preview.remove()
        self.findings.clear_all()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Planned):
            self.findings.show_plan(event)
        elif isinstance(event, NoiseMeasured):
            self.findings.show_noise(event)
        elif isinstance(event, Judged):
            self.findings.show_verdict(event)

    def _on_began(self, words: str) -> None:
        self.preview.held = True
        self.preview.setEnabled(False)
        self.controls.show_running(True)
        self.controls.state.setText(words)

    def _on_ended(self, words: str) -> None:
        self.preview.held = False
        self.preview.setEnabled(True)
        self.controls.show_running(False)
        self.controls.state.setText(words)
        self.controls.show_result(self.runs.last is not None)

    def _on_layer(self) -> None:
        """Settings that the layer cannot use are not offered."""
        try:
            axes = self.choice.subject().image.axes
        except InputError:
            axes = ""
        self.settings.show_stack_choices(axes)
        self.preview.touch()

    def _connect(self) -> None:
        self.choice.changed.connect(self._on_layer)
        self.settings.changed.connect(self.preview.touch)
        self.preview.told.connect(self._on_event)
        self.runs.told.connect(self._on_event)
        self.runs.told.connect(self.controls.show_event)
        self.runs.began.connect(self._on_began)
        self.runs.ended.connect(self._on_ended)
        self.controls.run.connect(self.run)
        self.controls.apply.connect(self.apply)
        self.controls.cancel.connect(self._cancel)
        self.controls.report.connect(lambda: self._guarded(lambda: self.outputs.ask_report(self.runs.last)))
        self.controls.save.connect(lambda: self._guarded(lambda: self.outputs.ask_save(self.runs.last)))
        self.outputs.began.connect(self._on_began)
        self.outputs.told.connect(self.controls.show_event)
        self.outputs.ended.connect(self._on_ended)
        # the widget itself is half gone by then: only what does not need it is called
        relay, engine = self.relay, self.engine

        def end() -> None:
            relay.close()
            engine.close()

        self.destroyed.connect(end)
        application = QApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(end)

    def _cancel(self) -> None:
        self.controls.state.setText("Stopping…")
        self.controls.cancel_button.setEnabled(False)
        self.runs.cancel()
        self.outputs.cancel()

    def _lay_out(self) -> None:
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(6, 6, 6, 6)
        for part in (self.choice, self.settings, _line(), self.preview, _line(), self.controls, self.findings):
            column.addWidget(part)
        column.setStretchFactor(self.findings, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.setMinimumWidth(290)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line


def _new_engine() -> Engine:
    from noise2detail.napari.engine import LocalEngine

    return LocalEngine()
