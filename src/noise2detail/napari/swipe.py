"""The preview as people see it: denoised on the left of a divider, noisy on the right, and the divider can be drawn."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from noise2detail.types import Pixels

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

REACH = 8
"""Pixels of the screen beside the divider within which the mouse takes hold of it."""
MARK = "noise2detail preview"
"""Key in the metadata of the layer that shows the preview; such a layer is no result and is never denoised."""
FOLLOWED = ("contrast_limits", "colormap", "gamma", "visible", "interpolation2d", "rendering")
"""What the preview takes over from the noisy layer whenever it changes there."""


class Swipe:
    """One layer over a noisy one, cut off at the divider; the only component that makes or removes it.

    Parameters
    ----------
    viewer
        In which both are shown.
    """

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = viewer
        self._noisy: Image | None = None
        self._layer: Image | None = None
        self._pixels: Pixels | None = None
        self._across = 0
        self._place: tuple[float, ...] = ()
        self._fraction = 0.5
        self.moved: list[Any] = []
        self._connected: list[tuple[Any, Any]] = []

    @property
    def shown(self) -> bool:
        """True while there is a preview in the viewer."""
        return self._layer is not None and self._layer in self._viewer.layers

    @property
    def fraction(self) -> float:
        """Of the width that is denoised, from 0 to 1."""
        return self._fraction

    def show(self, noisy: "Image", pixels: Pixels, meta: Mapping[str, Any]) -> None:
        """Show denoised pixels over their place.

        Parameters
        ----------
        noisy
            The layer that they are of, which the preview looks like.
        pixels
            With the axes of that layer: ``regions.as_shown``.
        meta
            Of ``regions.preview_meta``.
        """
        across = int(self._viewer.dims.displayed[-1]) - (self._viewer.dims.ndim - noisy.ndim)
        old = (self._noisy, self._across, self._place, None if self._pixels is None else self._pixels.shape)
        place = tuple(np.asarray(meta["translate"], float).tolist())
        if not self.shown or old != (noisy, across, place, pixels.shape):
            self.remove()
        self._noisy, self._pixels, self._across, self._place = noisy, pixels, across, place
        if self._layer is None:
            self._add(noisy, meta)
        else:
            self._layer.data = self._cut()

    def divide(self, fraction: float) -> None:
        """Put the divider there: 0 is all noisy, 1 all denoised."""
        self._fraction = min(max(fraction, 0.0), 1.0)
        if self._layer is not None and self._noisy is not None:
            self._layer.data = self._cut()
            self._layer.visible = self._noisy.visible and self._fraction > 0
        for tell in self.moved:
            tell(self._fraction)

    def remove(self) -> None:
        """Take the preview out of the viewer; harmless where there is none."""
        layer, self._layer, self._pixels, self._noisy = self._layer, None, None, None
        for emitter, follower in self._connected:
            emitter.disconnect(follower)
        self._connected.clear()
        for callbacks, own in self._mouse():
            with contextlib.suppress(ValueError):
                callbacks.remove(own)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _add(self, noisy: "Image", meta: Mapping[str, Any]) -> None:
        from napari.layers import Image

        own = {"metadata": {MARK: True}, "name": f"[preview] {noisy.name}", "blending": "translucent", "opacity": 1.0}
        layer = Image(self._cut(), **{**meta, **own})
        for name in FOLLOWED:
            self._follow(noisy, layer, name)
        layer.bounding_box.points = False
        layer.bounding_box.line_color = "yellow"
        layer.bounding_box.visible = True
        self._layer = layer
        with kept_selection(self._viewer):
            self._viewer.layers.append(layer)
        for callbacks, callback in self._mouse():
            callbacks.append(callback)

    def _follow(self, noisy: "Image", layer: "Image", name: str) -> None:
        def follower(event: object = None) -> None:
            value = getattr(noisy, name)
            setattr(layer, name, value and self._fraction > 0 if name == "visible" else value)

        emitter = getattr(noisy.events, name)
        emitter.connect(follower)
        self._connected.append((emitter, follower))
        follower()

    def _cut(self) -> Pixels:
        """What lies left of the divider."""
        assert self._pixels is not None
        columns = max(1, round(self._fraction * self._pixels.shape[self._across]))
        return self._pixels[(slice(None),) * self._across + (slice(columns),)]

    def _mouse(self) -> tuple[tuple[list[Any], Any], ...]:
        return (self._viewer.mouse_drag_callbacks, self._on_drag), (self._viewer.mouse_move_callbacks, self._on_move)

    def _on_drag(self, viewer: object, event: Any) -> Iterator[None]:
        if not self._holds(event):
            return
        event.handled = True
        yield
        while event.type == "mouse_move":
            event.handled = True
            self.divide(self._fraction_at(event.position))
            yield
        event.handled = True

    def _on_move(self, viewer: object, event: Any) -> None:
        near = self._holds(event)
        cursor = self._viewer.cursor
        if near:
            cursor.style = "pointing"
        elif cursor.style == "pointing":
            cursor.style = "standard"

    def _holds(self, event: Any) -> bool:
        """True where the mouse is at the divider, and no tool of the layer wants it."""
        layer, pixels = self._layer, self._pixels
        active = self._viewer.layers.selection.active
        if layer is None or pixels is None or not self.shown or (active and str(active.mode) != "pan_zoom"):
            return False
        place = self._place_of(event.position)
        away = abs(place[self._across] + 0.5 - self._fraction * pixels.shape[self._across])
        down = int(self._viewer.dims.displayed[-2]) - (self._viewer.dims.ndim - layer.ndim)
        step = np.zeros(layer.ndim)
        step[self._across] = 1
        world = float(np.linalg.norm(np.subtract(layer.data_to_world(step), layer.data_to_world(0 * step))))
        inside = -0.5 <= place[down] <= pixels.shape[down] - 0.5
        return bool(inside and away * world * camera_of(self._viewer).zoom <= REACH)

    def _fraction_at(self, position: Any) -> float:
        assert self._pixels is not None
        return float(self._place_of(position)[self._across] + 0.5) / self._pixels.shape[self._across]

    def _place_of(self, position: Any) -> Pixels:
        """In pixels of the preview."""
        assert self._layer is not None
        place: Pixels = np.asarray(self._layer.world_to_data(position[-self._layer.ndim :]), float)
        return place


@contextlib.contextmanager
def kept_selection(viewer: "ViewerModel") -> Iterator[None]:
    """Layers may be added inside without being selected, as napari does it."""
    selection = viewer.layers.selection
    chosen, active = set(selection), selection.active
    yield
    selection.intersection_update(chosen)
    selection.update(chosen)
    selection.active = active


def camera_of(viewer: "ViewerModel") -> Any:
    """The camera, which has moved between versions of napari."""
    return getattr(viewer, "scene", viewer).camera
