"""What was found: the plan with its reasons, the noise, and how far the result can be trusted."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFrame, QLabel, QScrollArea, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from noise2detail.napari.jobs import ChannelNoise, Judged, NoiseMeasured, Planned
from noise2detail.napari.qt_noise_plot import NoisePlot

VERDICTS = {
    "trust": "✔ Trust",
    "look closer": "◆ Look closer",
    "do not trust": "✘ Do not trust",
}
"""Sign and words, so that no colour is needed to tell them apart."""


class Findings(QTabWidget):
    """Three pages that fill as the work goes on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plan = _text("Plan")
        self.verdict = _text("Verdict")
        self.noise_words = _text("Noise")
        self.plot = NoisePlot()
        self.channel = QComboBox()
        self.channel.setAccessibleName("Channel of the noise figure")
        self.channel.setToolTip("The channel whose noise is shown.")
        self.channel.currentIndexChanged.connect(self._show_channel)
        self._channels: tuple[ChannelNoise, ...] = ()
        self.addTab(_page(self.plan), "Plan")
        self.addTab(_page(self.channel, self.plot, self.noise_words), "Noise")
        self.addTab(_page(self.verdict), "Verdict")
        self.setDocumentMode(True)
        self.setMinimumHeight(150)
        self.clear_all()

    def clear_all(self) -> None:
        """As before any work."""
        self.plan.setText("What will be done, and why, is said here once a preview or a run has begun.")
        self.noise_words.setText("Not measured yet.")
        self.verdict.setText("Nothing to judge yet.")
        self._channels = ()
        self.plot.show_noise(None)
        self.channel.setVisible(False)

    def show_plan(self, planned: Planned) -> None:
        """The reasons first, then the plan in full."""
        reasons = "".join(f"<li>{escaped(reason)}</li>" for reason in planned.why)
        lines = "<br>".join(escaped(line) for line in planned.words.splitlines())
        self.plan.setText(f"<ul style='margin-left: 12px; -qt-list-indent: 0'>{reasons}</ul><p>{lines}</p>")

    def show_noise(self, measured: NoiseMeasured) -> None:
        """The noise of the first channel; the others can be chosen."""
        self._channels = measured.channels
        self.channel.blockSignals(True)
        self.channel.clear()
        self.channel.addItems([one.name or f"channel {number}" for number, one in enumerate(measured.channels)])
        self.channel.blockSignals(False)
        self.channel.setVisible(len(measured.channels) > 1)
        self._show_channel(0)

    def show_verdict(self, judged: Judged) -> None:
        """The verdict with all of its reasons."""
        reasons = "".join(f"<li>{escaped(reason)}</li>" for reason in judged.reasons)
        untested = "".join(f"<li>not tested: {escaped(reason)}</li>" for reason in judged.untested)
        self.verdict.setText(
            f"<b>{VERDICTS[judged.level]}</b><ul style='margin-left: 12px; -qt-list-indent: 0'>{reasons}{untested}</ul>"
        )
        self.setCurrentIndex(2)

    def _show_channel(self, number: int) -> None:
        if not 0 <= number < len(self._channels):
            return
        noise = self._channels[number]
        self.plot.show_noise(noise)
        self.noise_words.setText("<br>".join(f"<b>{escaped(a)}</b>: {escaped(b)}" for a, b in noise.words))


def escaped(words: str) -> str:
    """Words as they are, in a text with marks."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(name: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    label.setAccessibleName(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
    return label


def _page(*parts: QWidget) -> QScrollArea:
    """Parts one below the other, to be scrolled where they need more room."""
    inner = QWidget()
    column = QVBoxLayout(inner)
    column.setContentsMargins(4, 4, 4, 4)
    for part in parts:
        column.addWidget(part)
    column.addStretch(1)
    page = QScrollArea()
    page.setWidgetResizable(True)
    page.setFrameShape(QFrame.Shape.NoFrame)
    page.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    page.setWidget(inner)
    return page
