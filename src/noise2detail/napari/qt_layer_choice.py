"""Which layer is denoised, and what its axes are."""

import contextlib
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRegularExpression, Signal
from qtpy.QtGui import QRegularExpressionValidator
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QSizePolicy, QWidget

from noise2detail.errors import InputError
from noise2detail.image import likely_axes
from noise2detail.napari.resolve import Subject, resolve
from noise2detail.napari.swipe import MARK, is_kept

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari.layers import Image, Layer

AXES_MEANING = "One letter for each dimension: T time, C channel, Z depth, Y row, X column, S red, green and blue."


class LayerChoice(QWidget):
    """A list of the layers that can be denoised, which follows the selection in the viewer."""

    changed = Signal()

    def __init__(self, viewer: "ViewerModel", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._corrected: dict[int, str] = {}
        self.box, self.axes, self.note = QComboBox(), QComboBox(), QLabel()
        for box in (self.box, self.axes):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.setToolTip("The layer to be denoised; it follows the selection in the layer list.")
        self.box.setAccessibleName("Layer")
        self.axes.setEditable(True)
        self.axes.setValidator(QRegularExpressionValidator(QRegularExpression("[TCZYXStczyxs]*"), self.axes))
        self.axes.setToolTip(AXES_MEANING + " Correct them where they are wrong.")
        self.axes.setAccessibleName("Axes")
        self.axes.setAccessibleDescription(AXES_MEANING)
        self.note.setWordWrap(True)
        self.note.setAccessibleName("About the layer")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Lay&er", self.box)
        form.addRow("&Axes", self.axes)
        form.addRow(self.note)
        self.box.currentIndexChanged.connect(lambda _: self._take_layer())
        self.axes.currentTextChanged.connect(self._take_axes)
        events = viewer.layers.events
        self._connected = [
            (events.inserted, self._on_inserted),
            (events.removed, self._on_removed),
            (events.reordered, self.refill),
            (viewer.layers.selection.events.active, self._follow),
        ]
        for emitter, take in self._connected:
            emitter.connect(take)
        for layer in viewer.layers:
            layer.events.name.connect(self.refill)
        self.refill()
        self._follow()

    @property
    def layer(self) -> "Image | None":
        """The one that is chosen; None: there is none that can be denoised."""
        return self.box.currentData()

    def subject(self) -> Subject:
        """What is denoised of the layer that is chosen.

        Raises
        ------
        InputError
            There is none, or its axes were corrected to something that cannot be.
        """
        layer = self.layer
        if layer is None:
            raise InputError(self.why_none())
        return self.subject_of(layer)

    def subject_of(self, layer: "Image") -> Subject:
        """What is denoised of a layer, with its axes as they were corrected here."""
        return resolve(layer, axes=self._corrected.get(id(layer)))

    def selected(self) -> "list[Image]":
        """All layers selected in the viewer that can be denoised, in the order of the list."""
        chosen = self._viewer.layers.selection
        return [layer for layer in self._viewer.layers if layer in chosen and not why_not(layer)]

    def why_none(self) -> str:
        """A sentence for the case that no layer can be denoised."""
        active = self._viewer.layers.selection.active
        if active is not None and (why := why_not(active)):
            return why
        return "there is no image layer; open an image, or a sample with File > Open Sample"

    def disconnect_all(self) -> None:
        """Hear nothing more of the viewer."""
        for emitter, take in self._connected:
            emitter.disconnect(take)
        for layer in self._viewer.layers:
            with contextlib.suppress(ValueError):
                layer.events.name.disconnect(self.refill)

    def refill(self) -> None:
        """List the layers anew and keep the one that is chosen."""
        before = self.layer
        self.box.blockSignals(True)
        self.box.clear()
        for layer in self._viewer.layers:
            if not why_not(layer):
                self.box.addItem(layer.name, layer)
        place = self._place(before)
        self.box.setCurrentIndex(place if place >= 0 else self.box.count() - 1)
        self.box.blockSignals(False)
        if self.layer is not before or before is None:
            self._take_layer()

    def _place(self, layer: "Layer | None") -> int:
        return next((number for number in range(self.box.count()) if self.box.itemData(number) is layer), -1)

    def _on_inserted(self, event: Any) -> None:
        event.value.events.name.connect(self.refill)
        self.refill()

    def _on_removed(self, event: Any) -> None:
        event.value.events.name.disconnect(self.refill)
        self._corrected.pop(id(event.value), None)
        self.refill()

    def _follow(self) -> None:
        place = self._place(self._viewer.layers.selection.active)
        if place >= 0 and not is_kept(self._viewer):
            self.box.setCurrentIndex(place)
        self._tell()

    def _take_layer(self) -> None:
        layer = self.layer
        self.axes.blockSignals(True)
        self.axes.clear()
        if layer is not None:
            found = resolve(layer).image
            self.axes.addItems(list(dict.fromkeys((found.axes, *likely_axes(found.array.shape)))))
            self.axes.setCurrentText(self._corrected.get(id(layer), found.axes))
        self.axes.setEnabled(layer is not None)
        self.axes.blockSignals(False)
        self._tell()
        self.changed.emit()

    def _take_axes(self, text: str) -> None:
        layer = self.layer
        if layer is not None:
            self._corrected[id(layer)] = text.upper()
            self._tell()
            self.changed.emit()

    def _tell(self) -> None:
        """Say what the layer is, or why there is none."""
        try:
            self.note.setText(described(self.subject()))
        except InputError as error:
            self.note.setText(sentence(str(error)))


def why_not(layer: "Layer") -> str:
    """Why a layer cannot be denoised; empty: it can."""
    if MARK in layer.metadata:
        return f"the layer {layer.name!r} is only a preview; select the layer below it"
    try:
        resolve(layer)
    except InputError as error:
        return str(error)
    return ""


def described(subject: Subject) -> str:
    """Axes with their lengths, pixel type, and how the axes were found."""
    image = subject.image
    sides = ", ".join(f"{axis} {side}" for axis, side in zip(image.axes, image.array.shape, strict=True))
    return sentence(f"{sides}; {image.array.dtype}; axes: {subject.axes.words}")


def sentence(words: str) -> str:
    """With a capital and a full stop, as it stands in the dock."""
    return words[:1].upper() + words[1:] + "." * (not words.endswith("."))
