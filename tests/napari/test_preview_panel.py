"""The preview over a noisy layer: its place, its divider, what makes it anew."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from noise2detail.napari.jobs import Picture, PreviewRequest
from noise2detail.napari.swipe import camera_of
from tests.napari.fake_engine import FakeEngine
from tests.napari.viewing import add

if TYPE_CHECKING:
    from napari import Viewer
    from noise2detail.napari.widget import DenoiseWidget


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


def test_a_preview_of_another_place_is_the_same_layer_moved(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    # napari collects garbage when a layer goes, and the window stands still meanwhile
    noisy = add(viewer)
    pixels = np.zeros((40, 40), np.uint16)
    dock.preview.start()
    engine.job.tell(Picture(pixels, "rough", "a first estimate"))
    dock.preview.start()  # before the layer of the first is in the viewer
    engine.job.tell(Picture(pixels, "rough", "a first estimate"))
    settle()
    overlay = viewer.layers[-1]
    viewer.dims.set_current_step(0, 2)
    dock.preview.start()
    engine.job.tell(Picture(pixels, "final", "the result"))
    settle()
    assert list(viewer.layers) == [noisy, overlay]
    assert overlay.visible
    np.testing.assert_allclose(overlay.data_to_world((0, 7, 9)), noisy.data_to_world((2, 7, 9)))
    noisy.scale = (1, 2, 2)
    dock.preview.start()
    engine.job.tell(Picture(pixels, "final", "the result"))
    settle()
    assert overlay not in viewer.layers
    np.testing.assert_allclose(viewer.layers[-1].data_to_world((0, 7, 9)), noisy.data_to_world((2, 7, 9)))
    engine.job.tell(Picture(pixels, "final", "the result"))
    dock.preview.remove()
    settle()
    assert list(viewer.layers) == [noisy]


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
    assert shapes.mode == "add_rectangle"
    assert shapes.units == noisy.units[1:]  # napari shows none where those of one layer differ
    assert shapes.current_edge_width == pytest.approx(2 / camera_of(viewer).zoom)
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
    # the mouse draws no further rectangle where the divider is to be taken hold of
    assert shapes.mode == "pan_zoom"
    dock.preview.region.activated.emit(1)  # chosen once more
    assert shapes.mode == "add_rectangle"
    assert viewer.layers.selection.active is shapes
    dock.preview.region.setCurrentIndex(0)
    assert not shapes.visible
    assert shapes.mode == "pan_zoom"
    dock.preview.region.setCurrentIndex(1)
    assert shapes.visible
    assert viewer.layers["n2d preview region"] is shapes


def test_a_live_preview_waits_until_the_rectangle_is_drawn(
    viewer: "Viewer", dock: "DenoiseWidget", engine: FakeEngine, settle: Callable[[], None]
) -> None:
    add(viewer)
    dock.preview.live.setChecked(True)
    settle()
    dock.preview.region.setCurrentIndex(1)
    dock.preview._later.stop()
    shapes: Any = viewer.layers["n2d preview region"]
    begun = len(engine.jobs)
    corners = np.array([shapes.world_to_data(place) for place in ((5, 6), (5, 16), (16, 16), (16, 6))])
    shapes.add(corners, shape_type="rectangle", gui=True)  # as when the mouse is pressed
    settle()
    assert len(engine.jobs) == begun
    assert shapes.mode == "add_rectangle"
    shapes._moving_value = shapes.nshapes - 1, 4
    shapes._finish_drawing()  # and when it is released
    settle()
    assert len(engine.jobs) == begun + 1


def test_no_rectangle_is_drawn_where_there_is_no_image(
    viewer: "Viewer", dock: "DenoiseWidget", told: list[tuple[str, str]]
) -> None:
    dock.preview.region.setCurrentIndex(1)
    assert dock.preview.region.currentData() == "visible"
    assert not viewer.layers
    assert len(told) == 1
    assert "open an image" in told[0][1]


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
