"""The preview as people see it: denoised on the left of a divider, noisy on the right, and the divider can be drawn."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from noise2detail.napari.resolve import PLACED
from noise2detail.types import Pixels

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari.layers import Image

REACH = 8
"""Pixels of the screen beside the divider within which the mouse takes hold of it."""
DASH = 8
"""Rows of a dash of the divider, bright and dark by turns, so that it is seen on anything."""
MARK = "noise2detail preview"
"""Key in the metadata of the layer that shows the preview; such a layer is no result and is never denoised."""
FOLLOWED = ("contrast_limits", "colormap", "gamma", "visible", "interpolation2d", "rendering")
"""What the preview takes over from the noisy layer whenever it changes there."""


_KEPT: set[int] = set()
"""Viewers whose selection is being kept, by identity."""
_ACTIVATES = "_activate_on_insert"
"""Attribute of napari's list of layers; where a version has none, what was selected is selected again."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """A preview in the viewer."""

    noisy: "Image"
    layer: "Image"
    """Over the noisy one; its pixels end at the divider."""
    pixels: Pixels
    """All that was denoised."""
    across: int
    """The axis of the layer that runs from left to right on the screen."""
    down: int
    """The one that runs from top to bottom."""
    form: tuple[object, ...]
    """How it lies in the world, but for where: another preview of the same form can take its place."""

    def cut(self, fraction: float) -> Pixels:
        """What lies left of the divider."""
        return _cut(self.pixels, self.across, self.down, fraction, limits_of(self.noisy))

    def place_of(self, position: Any) -> Pixels:
        """In pixels of the preview."""
        place: Pixels = np.asarray(self.layer.world_to_data(position[-self.layer.ndim :]), float)
        return place

    def column_in_world(self) -> float:
        """Length of one step across."""
        step = np.zeros(self.layer.ndim)
        step[self.across] = 1
        return float(np.linalg.norm(np.subtract(self.layer.data_to_world(step), self.layer.data_to_world(0 * step))))


class Swipe:
    """One layer over a noisy one, cut off at the divider; the only component that makes or removes it.

    Parameters
    ----------
    viewer
        In which both are shown.
    moved
        Called with the place of the divider whenever it has moved.
    later
        Calls what it is given in a later turn of the window's event loop: a layer is made, added and drawn in a turn
        each, since napari takes a good tenth of a second for all of it.
    """

    def __init__(
        self,
        viewer: "ViewerModel",
        moved: Callable[[float], None],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._viewer = viewer
        self._moved = moved
        self._later = later
        self._now: _Shown | None = None
        self._coming = False
        self._fraction = 0.5
        self._connected: list[tuple[Any, Any]] = []

    @property
    def shown(self) -> bool:
        """True while there is a preview in the viewer, or about to be."""
        return self._now is not None and (self._coming or self._now.layer in self._viewer.layers)

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
        down, across = (int(axis) - (self._viewer.dims.ndim - noisy.ndim) for axis in self._viewer.dims.displayed[-2:])
        now, form = self._now, (across, pixels.ndim, _form(meta))
        if self.shown and now is not None and (now.noisy, now.form) == (noisy, form):
            # moved rather than made anew: when a layer is removed napari collects its garbage, a fifth of a second
            self._now = replace(now, pixels=pixels)
            now.layer.data = self._now.cut(self._fraction)
            if not np.allclose(now.layer.translate, meta["translate"]):
                now.layer.translate = meta["translate"]
        else:
            self.remove()
            self._add(noisy, pixels, meta, (across, down))

    def divide(self, fraction: float) -> None:
        """Put the divider there: 0 is all noisy, 1 all denoised."""
        self._fraction = min(max(fraction, 0.0), 1.0)
        now = self._now
        if now is not None and self.shown:
            now.layer.data = now.cut(self._fraction)
            now.layer.visible = not self._coming and now.noisy.visible and self._fraction > 0
        self._moved(self._fraction)

    def remove(self) -> None:
        """Take the preview out of the viewer; harmless where there is none."""
        now, self._now, self._coming = self._now, None, False
        for emitter, follower in self._connected:
            emitter.disconnect(follower)
        self._connected.clear()
        for callbacks, callback in self._mouse():
            if callback in callbacks:
                callbacks.remove(callback)
        if now is not None and now.layer in self._viewer.layers:
            self._viewer.layers.remove(now.layer)

    def _add(self, noisy: "Image", pixels: Pixels, meta: Mapping[str, Any], turned: tuple[int, int]) -> None:
        from napari.layers import Image

        across, down = turned
        part = _cut(pixels, across, down, self._fraction, limits_of(noisy))
        own = {"metadata": {MARK: True}, "name": f"[preview] {noisy.name}", "blending": "translucent", "opacity": 1.0}
        layer = Image(part, **{**meta, **own, "visible": False})
        form = across, pixels.ndim, _form(meta)
        self._now, self._coming = _Shown(noisy, layer, pixels, across, down, form), True
        for name in FOLLOWED:
            self._follow(noisy, layer, name)
        self._later(lambda: self._insert(layer))

    def _insert(self, layer: "Image") -> None:
        if self._now is None or self._now.layer is not layer:
            return  # it was removed, or gave way to another, before it was there
        with kept_selection(self._viewer):
            self._viewer.layers.append(layer)
        for callbacks, callback in self._mouse():
            callbacks.append(callback)
        self._later(lambda: self._uncover(layer))

    def _uncover(self, layer: "Image") -> None:
        now = self._now
        if now is not None and now.layer is layer:
            self._coming = False
            layer.visible = now.noisy.visible and self._fraction > 0

    def _follow(self, noisy: "Image", layer: "Image", name: str) -> None:
        def follower() -> None:
            value = getattr(noisy, name)
            if name == "visible":
                value = value and self._fraction > 0 and not self._coming
            setattr(layer, name, value)

        emitter = getattr(noisy.events, name)
        emitter.connect(follower)
        self._connected.append((emitter, follower))
        follower()

    def _mouse(self) -> tuple[tuple[list[Any], Any], ...]:
        return (self._viewer.mouse_drag_callbacks, self._on_drag), (self._viewer.mouse_move_callbacks, self._on_move)

    def _on_drag(self, _viewer: object, event: Any) -> Iterator[None]:
        now = self._held(event)
        if now is None:
            return
        event.handled = True
        yield
        while event.type == "mouse_move":
            event.handled = True
            self.divide(float(now.place_of(event.position)[now.across] + 0.5) / now.pixels.shape[now.across])
            yield
        event.handled = True

    def _on_move(self, _viewer: object, event: Any) -> None:
        cursor = self._viewer.cursor
        if self._held(event):
            cursor.style = "pointing"
        elif str(cursor.style) == "pointing":
            cursor.style = "standard"

    def _held(self, event: Any) -> _Shown | None:
        """The preview, where the mouse is at its divider and no tool of the active layer wants it."""
        now, active = self._now, self._viewer.layers.selection.active
        if now is None or not self.shown or (active is not None and str(active.mode) != "pan_zoom"):
            return None
        place = now.place_of(event.position)
        away = abs(place[now.across] + 0.5 - self._fraction * now.pixels.shape[now.across])
        inside = -0.5 <= place[now.down] <= now.pixels.shape[now.down] - 0.5
        near = away * now.column_in_world() * camera_of(self._viewer).zoom <= REACH
        return now if inside and near else None


def _form(meta: Mapping[str, Any]) -> str:
    """What of a layer's place cannot be changed by moving it."""
    return repr([np.asarray(meta[name]).tolist() for name in PLACED if name in meta and name != "translate"])


def _cut(pixels: Pixels, across: int, down: int, fraction: float, limits: tuple[float, float]) -> Pixels:
    """What lies left of the divider, which is drawn into its last columns; no layer can be without any."""
    width = pixels.shape[across]
    columns = max(1, round(fraction * width))
    part = pixels[(slice(None),) * across + (slice(columns),)]
    if columns == width:
        return part
    # drawn as pixels: the bounding box that napari could draw crashes Mesa when its layer is removed
    part = part.copy()
    edge = np.moveaxis(part, (down, across), (0, 1))[:, -max(1, width // 256) :]
    dashes = np.arange(len(edge)) // DASH % 2 == 0
    dark, bright = limits
    edge[dashes], edge[~dashes] = bright, dark
    return part


@contextlib.contextmanager
def kept_selection(viewer: "ViewerModel") -> Iterator[None]:
    """Layers may be added inside without being selected, as napari does it."""
    layers = viewer.layers
    selection = layers.selection
    chosen, active = set(selection), selection.active
    activates = getattr(layers, _ACTIVATES, True)
    _KEPT.add(id(viewer))
    # selecting and going back makes napari draw its controls five times over, half of the time that adding takes
    setattr(layers, _ACTIVATES, False)
    try:
        yield
        if (set(selection), selection.active) != (chosen, active):
            selection.intersection_update(chosen)
            selection.update(chosen)
            selection.active = active
    finally:
        setattr(layers, _ACTIVATES, activates)
        _KEPT.discard(id(viewer))


def is_kept(viewer: "ViewerModel") -> bool:
    """True while a change of the selection is none that a person made."""
    return id(viewer) in _KEPT


def limits_of(noisy: "Image") -> tuple[float, float]:
    """What is shown darkest, and brightest."""
    if noisy.rgb:
        return 0, 255 if np.dtype(noisy.dtype).kind == "u" else 1
    dark, bright = noisy.contrast_limits
    return float(dark), float(bright)


def camera_of(viewer: "ViewerModel") -> Any:
    """The camera, which has moved between versions of napari."""
    return getattr(viewer, "scene", viewer).camera
