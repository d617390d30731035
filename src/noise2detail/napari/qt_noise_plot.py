"""The noise figure: variance against brightness, as a small widget that is drawn in less than a millisecond."""

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from noise2detail.napari.jobs import ChannelNoise, NoiseCurve
from noise2detail.report.ticks import Axis, linear_axis
from noise2detail.types import Pixels

DOTS = 600
"""At most; more cannot be told apart in a figure of this size."""
DOT_COLOUR = QColor(86, 180, 233)
LINE_COLOUR = QColor(230, 159, 0)
"""Both of the palette of Okabe and Ito, which people of any colour vision tell apart, on dark and on light."""
TOP, RIGHT, BOTTOM = 8, 12, 34
"""Margins in pixels."""


class NoisePlot(QWidget):
    """Dots for the calm blocks of the image, a line for the noise that was measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._noise: ChannelNoise | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumSize(160, 150)
        self.setAccessibleName("Noise figure")

    def show_noise(self, noise: ChannelNoise | None) -> None:
        """Draw the noise of one channel; None: nothing."""
        self._noise = noise
        words = "" if noise is None else "; ".join(f"{label}: {sentence}" for label, sentence in noise.words)
        self.setAccessibleDescription(words)
        self.setToolTip(
            "" if noise is None else "Each dot is a calm block of the image: its brightness and the variance in it."
        )
        self.setVisible(noise is not None)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as a few lines of text."""
        return QSize(280, 170)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw axes, dots and line."""
        if self._noise is None:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._draw(painter, self._noise.curve)

    def _draw(self, painter: QPainter, curve: NoiseCurve) -> None:
        metrics = painter.fontMetrics()
        left = metrics.horizontalAdvance("0.00000") + metrics.height() + 8
        ranges = limits(curve)
        across = linear_axis(*ranges[0], left, max(self.width() - RIGHT, left + 1))
        up = linear_axis(*ranges[1], max(self.height() - BOTTOM, TOP + 1), TOP)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        self._draw_axes(painter, across, up, ink)
        painter.setClipRect(QRectF(left, TOP, across.end - left, up.start - TOP))
        painter.setPen(QPen(DOT_COLOUR, 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(_points(across, up, *thinned(curve.brightness, curve.variance)))
        painter.setPen(QPen(LINE_COLOUR, 2))
        painter.drawPolyline(_points(across, up, curve.at, curve.measured))

    def _draw_axes(self, painter: QPainter, across: Axis, up: Axis, ink: QColor) -> None:
        metrics = painter.fontMetrics()
        height = metrics.height()
        painter.setPen(QPen(ink, 1))
        painter.drawLine(QPointF(across.start, up.start), QPointF(across.end, up.start))
        painter.drawLine(QPointF(across.start, up.start), QPointF(across.start, up.end))
        for place, label in _spaced(across, metrics.horizontalAdvance("0000000")):
            painter.drawLine(QPointF(place, up.start), QPointF(place, up.start + 3))
            width = metrics.horizontalAdvance(label)
            painter.drawText(QPointF(place - width / 2, up.start + height), label)
        for place, label in _spaced(up, height + 2):
            painter.drawLine(QPointF(across.start - 3, place), QPointF(across.start, place))
            width = metrics.horizontalAdvance(label)
            painter.drawText(QPointF(across.start - 5 - width, place + height / 3), label)
        middle = (across.start + across.end) / 2
        painter.drawText(QPointF(middle - metrics.horizontalAdvance("brightness") / 2, self.height() - 4), "brightness")
        painter.save()
        painter.translate(height - 3, (up.start + up.end) / 2)
        painter.rotate(-90)
        painter.drawText(QPointF(-metrics.horizontalAdvance("variance") / 2, 0), "variance")
        painter.restore()


def limits(curve: NoiseCurve) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lowest and highest brightness, and variance: 99 of 100 dots and the line are inside."""
    brightness = np.concatenate([_finite(curve.brightness), _finite(curve.at)])
    variance = _finite(curve.variance)
    top = float(np.percentile(variance, 99)) if variance.size else 0.0
    top = max([top, *_finite(curve.measured).tolist()])
    low, high = (float(brightness.min()), float(brightness.max())) if brightness.size else (0.0, 1.0)
    return (low, high), (0.0, top * 1.05 or 1.0)


def thinned(brightness: Pixels, variance: Pixels) -> tuple[Pixels, Pixels]:
    """At most ``DOTS`` of the dots, evenly taken."""
    step = -(-len(brightness) // DOTS) or 1
    return brightness[::step], variance[::step]


def _finite(values: Pixels) -> Pixels:
    flat = np.asarray(values, np.float64).ravel()
    kept: Pixels = flat[np.isfinite(flat)]
    return kept


def _points(across: Axis, up: Axis, x: Pixels, y: Pixels) -> QPolygonF:
    places = zip(across.places(np.asarray(x)).tolist(), up.places(np.asarray(y)).tolist(), strict=True)
    return QPolygonF([QPointF(*place) for place in places if np.isfinite(place).all()])


def _spaced(axis: Axis, room: float) -> list[tuple[float, str]]:
    """Ticks that stand at least ``room`` pixels apart."""
    kept: list[tuple[float, str]] = []
    for place, label in axis.ticks:
        if not kept or abs(place - kept[-1][0]) >= room:
            kept.append((place, label))
    return kept
