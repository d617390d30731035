"""The controls of a run: what to run on, how far it is, and what to do with the result."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from noise2detail.napari.jobs import Event, PlaneDone, Progress

PROMILLE = 1000
"""Steps of the progress bar."""


class RunPanel(QWidget):
    """Buttons and a progress bar; it decides nothing."""

    run = Signal()
    apply = Signal()
    cancel = Signal()
    report = Signal()
    save = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.uncertainty = QCheckBox("&Uncertainty as a second layer")
        self.run_button = QPushButton("&Run on the layer")
        self.cancel_button = QPushButton("Cancel")
        self.apply_button = QPushButton("Fit once, apply to selected layers")
        self.report_button = QPushButton("Open report…")
        self.save_button = QPushButton("Save result…")
        self.bar = QProgressBar()
        self.bar.setRange(0, PROMILLE)
        self.bar.setAccessibleName("Progress")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setAccessibleName("State of the run")
        self._planes = ""
        for button, signal, words in (
            (self.run_button, self.run, "Denoise all of the chosen layer into a new layer."),
            (self.cancel_button, self.cancel, "Stop within a second; planes that are done are kept."),
            (
                self.apply_button,
                self.apply,
                "Learn one denoiser from the chosen layer and apply it to all selected ones: values stay comparable.",
            ),
            (self.report_button, self.report, "Write a page about the image before and after, and open it."),
            (self.save_button, self.save, "Write the result with its pixel sizes and a record of what was done."),
        ):
            button.clicked.connect(lambda _, signal=signal: signal.emit())
            button.setToolTip(words)
            button.setAccessibleDescription(words)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.uncertainty.setToolTip(
            "Also the standard uncertainty of each pixel: fresh noise is laid over the result, which is denoised "
            "again, many times, so it takes many times as long."
        )
        self._lay_out()
        self.show_running(False)
        self.show_result(False)

    def show_running(self, running: bool) -> None:
        """Offer what can be done now."""
        self.run_button.setEnabled(not running)
        self.apply_button.setEnabled(not running)
        self.uncertainty.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.bar.setVisible(running)
        if running:
            self.bar.setValue(0)
            self._planes = ""

    def show_result(self, there: bool) -> None:
        """Offer what can be done with a result."""
        self.report_button.setEnabled(there)
        self.save_button.setEnabled(there)

    def show_event(self, event: Event) -> None:
        """Bar and words."""
        if isinstance(event, Progress):
            self.bar.setValue(round(event.fraction * PROMILLE))
            left = "" if event.seconds_left is None else f", {time_left(event.seconds_left)} left"
            self.state.setText(f"{self._planes}{event.stage}{left}")
        elif isinstance(event, PlaneDone) and event.count > 1:
            self._planes = f"{event.done} of {event.count} planes done; "

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.run_button, 0, 0)
        grid.addWidget(self.cancel_button, 0, 1)
        grid.addWidget(self.apply_button, 1, 0, 1, 2)
        grid.addWidget(self.uncertainty, 2, 0, 1, 2)
        grid.addWidget(self.bar, 3, 0, 1, 2)
        grid.addWidget(self.state, 4, 0, 1, 2)
        grid.addWidget(self.report_button, 5, 0)
        grid.addWidget(self.save_button, 5, 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)


def time_left(seconds: float) -> str:
    """Seconds as people read them on a clock.

    >>> time_left(4), time_left(83), time_left(3725)
    ('4 s', '1:23 min', '1:02 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
