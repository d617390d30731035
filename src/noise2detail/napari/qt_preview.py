"""The controls of the preview, and when it is made anew."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QPushButton, QSlider, QWidget

from noise2detail.errors import InputError, Noise2DetailError
from noise2detail.napari.choices import METHODS
from noise2detail.napari.jobs import (
    ENDS,
    PREVIEW_SIDE,
    Engine,
    Event,
    Failed,
    Job,
    Picture,
    PreviewRequest,
    Progress,
    Settings,
)
from noise2detail.napari.qt_layer_choice import sentence
from noise2detail.napari.qt_relay import Relay
from noise2detail.napari.qt_turns import next_turn
from noise2detail.napari.regions import Region, as_shown, cut_out, find_region, preview_meta
from noise2detail.napari.resolve import Subject
from noise2detail.napari.swipe import MARK, Swipe, camera_of
from noise2detail.napari.view import rectangle_in, shown_plane, visible_in, why_turned

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari.layers import Image, Shapes

DEBOUNCE_MS = 350
"""A live preview waits until nothing has changed for so long."""
STEPS = 1000
"""Of the slider."""
EDGE = 2
"""Pixels of the screen that the edge of a rectangle is wide."""
RECTANGLE = "n2d preview region"
"""Name of the layer in which the rectangle is drawn."""


@dataclass(frozen=True, eq=False)
class Wish:
    """What is to be denoised and how."""

    layer: "Image"
    subject: Subject
    settings: Settings


@dataclass(frozen=True, eq=False)
class Asked:
    """A preview that was asked for."""

    wish: Wish
    region: Region
    number: int
    """Of the preview; those of older ones are of no interest any more."""


class PreviewPanel(QWidget):
    """A button, a live box, the choice of the region, and the slider that moves the divider."""

    told = Signal(object)
    """Every event of the preview, for whoever else shows it."""

    def __init__(
        self,
        viewer: "ViewerModel",
        engine: Engine,
        relay: Relay,
        wish: Callable[[], Wish | None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._engine, self._relay, self._wish = viewer, engine, relay, wish
        self._job: Job | None = None
        self._number = 0
        self._asked: Asked | None = None
        self.held = False
        self.swipe = Swipe(viewer, self._show_divider, next_turn)
        self._make_controls()
        self._lay_out()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(DEBOUNCE_MS)
        self._later.timeout.connect(self._refresh)
        self._connected: list[tuple[Any, Callable[..., None]]] = [
            (viewer.dims.events.current_step, self.touch),
            (viewer.dims.events.order, self._on_turned),
            (viewer.dims.events.ndisplay, self._on_turned),
            (camera_of(viewer).events.center, self._on_camera),
            (camera_of(viewer).events.zoom, self._on_camera),
            (viewer.layers.events.removed, self._on_removed),
        ]
        for emitter, take in self._connected:
            emitter.connect(take)

    @property
    def running(self) -> bool:
        """True while a preview is made."""
        return self._job is not None

    def start(self) -> None:
        """Make a preview of the region as it is now; one notification where that cannot be."""
        wish = self._wish()
        if wish is None:
            return
        try:
            region = self._find_region(wish)
            request = PreviewRequest(cut_out(wish.subject, region), wish.settings)
            self._number += 1
            asked = Asked(wish, region, self._number)
            self._job = self._engine.preview(request, self._relay.listener(lambda event: self._take(asked, event)))
        except Noise2DetailError as error:
            show_warning(sentence(str(error)))
            return
        self._asked = asked
        self._watch(wish.layer)
        self._end_drawing()
        self.status.setText(f"Preview of {region.words}: starting")

    def touch(self) -> None:
        """Something that the preview depends on has changed: make it anew soon, if it is live."""
        if self.live.isChecked() and not self.held:
            self._later.start()

    def stop(self) -> None:
        """Cancel what is running; what is shown stays."""
        self._later.stop()
        self._number += 1
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def remove(self) -> None:
        """Cancel, and take the preview out of the viewer."""
        self.live.setChecked(False)
        self.stop()
        self._forget()
        self.status.setText("")

    def disconnect_all(self) -> None:
        """Hear nothing more of the viewer."""
        self._unwatch()
        for emitter, take in self._connected:
            emitter.disconnect(take)

    def _forget(self) -> None:
        self._unwatch()
        self.swipe.remove()
        self._asked = None
        self._show_swipe(False)

    def _take(self, asked: Asked, event: Event) -> None:
        """What the engine tells of the newest preview; older ones are of no interest."""
        if asked.number != self._number:
            return
        if isinstance(event, Picture):
            self._show(asked, event)
        elif isinstance(event, Progress):
            self.status.setText(f"Preview of {asked.region.words}: {event.stage}")
        elif isinstance(event, Failed):
            show_error(sentence(event.message))
            self.status.setText("The preview failed.")
        if isinstance(event, ENDS):
            self._job = None
        self.told.emit(event)

    def _show(self, asked: Asked, picture: Picture) -> None:
        subject = asked.wish.subject
        if asked.wish.layer in self._viewer.layers:
            meta = preview_meta(subject, asked.region)
            self.swipe.show(asked.wish.layer, as_shown(picture.pixels, subject), meta)
            self._show_swipe(True)
            self.status.setText(f"Preview of {asked.region.words}: {picture.words}")

    def _refresh(self) -> None:
        if self.live.isChecked() and not self.held:
            self.start()

    def _find_region(self, wish: Wish) -> Region:
        """The visible part, or the rectangle that was drawn last.

        Raises
        ------
        InputError
            Neither lies on the layer, or the layer is seen from the side.
        """
        if METHODS[wish.settings.method].frames:
            raise InputError(f"{wish.settings.method} learns from several frames; a preview has one: run it instead")
        if why := why_turned(self._viewer, wish.layer, wish.subject):
            raise InputError(why)
        drawn = self.region.currentData() == "drawn"
        corners = rectangle_in(self._rectangle(), wish.layer) if drawn else visible_in(wish.layer)
        return find_region(wish.subject, corners.tolist(), shown_plane(self._viewer, wish.layer))

    def _rectangle(self) -> "Shapes | None":
        return next((layer for layer in self._viewer.layers if layer.name == RECTANGLE), None)

    def _on_region(self) -> None:
        """Whoever chooses to draw can draw at once; the layer for it is made when it is first needed."""
        if self.region.currentData() == "drawn":
            shapes = self._rectangle() or self._new_rectangle()
            if shapes is None:
                self.region.setCurrentIndex(self.region.findData("visible"))
                return
            shapes.visible = True
            self._viewer.layers.selection.active = shapes
            shapes.mode = "add_rectangle"
            self.status.setText("Draw a rectangle in the picture, then press Preview.")
        else:
            self._hide_rectangle()
        self.touch()

    def _hide_rectangle(self) -> None:
        """Not removed: under software OpenGL napari crashes when a layer of shapes goes."""
        shapes = self._rectangle()
        if shapes is not None:
            self._end_drawing()  # a tool for a layer that is hidden is an error in napari
            shapes.visible = False

    def _on_chosen(self) -> None:
        """Also where it was the choice before, which changes nothing else."""
        if self.region.currentData() == "drawn":
            self._on_region()

    def _new_rectangle(self) -> "Shapes | None":
        """A layer to draw in; None, after one notification, where there is nothing to draw on."""
        wish = self._wish()
        if wish is None:
            return None
        shapes = self._viewer.add_shapes(
            name=RECTANGLE,
            ndim=2,
            edge_color="yellow",
            face_color="transparent",
            # in units of the world, whatever the size of a pixel is there
            edge_width=EDGE / camera_of(self._viewer).zoom,
            # napari leaves the units of all layers aside where those of one differ
            units=wish.layer.units[-2:],
        )
        shapes.events.data.connect(self._on_drawn)
        return shapes

    def _on_drawn(self, event: Any) -> None:
        """A rectangle is there, another, or none; not while it is being drawn."""
        if self.region.currentData() == "drawn" and str(event.action) in ("added", "changed"):
            self.touch()

    def _end_drawing(self) -> None:
        """The mouse, with which the next rectangle would be drawn, is free for the divider."""
        shapes = self._rectangle()
        if shapes is not None and str(shapes.mode) == "add_rectangle":
            shapes.mode = "pan_zoom"

    def _on_camera(self) -> None:
        if self.region.currentData() == "visible":
            self.touch()

    def _on_turned(self) -> None:
        """Other axes run across the screen: what is shown no longer lies over the picture."""
        if self.swipe.shown:
            self._forget()
            self.touch()

    def _on_removed(self, event: Any) -> None:
        """The noisy layer has gone, or somebody has deleted the preview by hand."""
        if self._asked is not None and event.value is self._asked.wish.layer:
            self.stop()
            self._forget()
            self.status.setText("")
        elif MARK in event.value.metadata and not self.swipe.shown:
            self.swipe.remove()
            self._show_swipe(False)

    def _on_data(self) -> None:
        """The noisy pixels are others now: what is shown is not theirs."""
        self.stop()
        self._forget()
        self.status.setText("The layer has changed: the preview was of what it was before.")
        self.touch()

    def _watch(self, layer: "Image") -> None:
        self._unwatch()
        self._watched = layer
        layer.events.data.connect(self._on_data)

    def _unwatch(self) -> None:
        layer, self._watched = self._watched, None
        if layer is not None:
            layer.events.data.disconnect(self._on_data)

    _watched: "Image | None" = None

    def _show_divider(self, fraction: float) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(fraction * STEPS))
        self.slider.blockSignals(False)

    def _show_swipe(self, shown: bool) -> None:
        for part in (self.slider, self.left, self.right, self.close_button):
            part.setEnabled(shown)

    def _make_controls(self) -> None:
        self.button = QPushButton("Prev&iew")
        self.button.setToolTip("Denoise the chosen part of the plane that is shown, in seconds.")
        self.button.clicked.connect(lambda _: self.start())
        self.live = QCheckBox("Live")
        self.live.setToolTip("Make the preview anew whenever a setting, the plane or the view changes.")
        self.live.toggled.connect(self._on_live)
        self.region = QComboBox()
        self.region.addItem("visible part", "visible")
        self.region.addItem("drawn rectangle", "drawn")
        self.region.setAccessibleName("Region of the preview")
        self.region.setToolTip(
            "Which part: what is seen of the layer, or a rectangle drawn in a layer of its own; at most "
            f"{PREVIEW_SIDE}x{PREVIEW_SIDE} pixels around the middle. Choose it again to draw another."
        )
        self.region.currentIndexChanged.connect(lambda _: self._on_region())
        self.region.activated.connect(self._on_chosen)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setValue(STEPS // 2)
        self.slider.setAccessibleName("Divider between denoised and noisy")
        self.slider.setToolTip("Denoised left of the divider, noisy right of it. It can be drawn in the picture too.")
        self.slider.valueChanged.connect(lambda value: self.swipe.divide(value / STEPS))
        self.left, self.right = QLabel("denoised"), QLabel("noisy")
        self.close_button = QPushButton("Remove")
        self.close_button.setToolTip("Take the preview out of the viewer.")
        self.close_button.clicked.connect(lambda _: self.remove())
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setAccessibleName("State of the preview")
        self._show_swipe(False)

    def _on_live(self, live: bool) -> None:
        self.touch() if live else self._later.stop()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.button, 0, 0)
        grid.addWidget(self.live, 0, 1)
        grid.addWidget(self.close_button, 0, 2)
        grid.addWidget(self.region, 1, 0, 1, 3)
        grid.addWidget(self.left, 2, 0)
        grid.addWidget(self.slider, 2, 1)
        grid.addWidget(self.right, 2, 2)
        grid.addWidget(self.status, 3, 0, 1, 3)
        grid.setColumnStretch(1, 1)
