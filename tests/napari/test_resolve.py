"""Layers to images and results to layers, without a viewer."""

from typing import Any

import numpy as np
import pytest

from noise2detail.errors import ON_PROCESSOR, DeviceError, InputError, RefusedError, SettingError
from noise2detail.napari.jobs import Settings
from noise2detail.napari.records import command_of, record_in, record_of
from noise2detail.napari.refusals import in_the_window
from noise2detail.napari.regions import as_shown, cut_out, find_region
from noise2detail.napari.resolve import (
    KEY,
    changed_words,
    is_same,
    pyramid_of,
    resolve,
    resolve_all,
    result_meta,
    uncertainty_meta,
)
from noise2detail.napari.units import scale_and_units
from tests.napari.layers import layer, noisy


def test_pixel_sizes_are_in_micrometres() -> None:
    one = layer(
        noisy(3, 9, 12),
        scale=(2.0, 500.0, -0.25),
        units=("second", "nanometer", "micrometer"),
        axis_labels=("t", "y", "x"),
    )
    found = resolve(one).image
    assert (found.axes, found.time_increment) == ("TYX", 2.0)
    assert found.pixel_size_um == pytest.approx({"Y": 0.5, "X": 0.25})


def test_pixels_are_no_length() -> None:
    found = resolve(layer(noisy(9, 12), scale=(2.0, 2.0))).image
    assert found.pixel_size_um == {}
    assert found.time_increment is None


def test_scale_and_units_are_those_that_give_the_sizes() -> None:
    scale, units = scale_and_units("TZYXS", {"Z": 5.0, "Y": 0.5}, 3.0)
    one = layer(noisy(2, 3, 9, 12), scale=scale, units=units, axis_labels=("t", "z", "y", "x"))
    found = resolve(one).image
    assert (found.pixel_size_um, found.time_increment) == ({"Z": 5.0, "Y": 0.5}, 3.0)
    assert units[3] == "pixel"


REFUSED = [
    pytest.param(None, "no layer is selected; select", id="nothing selected"),
    pytest.param(layer(noisy(9, 9), _type_string="labels"), "'cells' holds labels", id="labels"),
    pytest.param(layer(np.zeros((4, 2)), _type_string="shapes"), "holds shapes; expected an image", id="shapes"),
    pytest.param(layer(np.zeros((4, 2)), _type_string="points"), "holds points", id="points"),
    pytest.param(layer(noisy(9, 9).astype(complex)), "'cells': pixels of type complex128", id="complex"),
    pytest.param(layer(noisy(9, 9) > 3), "a mask is not an image", id="mask"),
    pytest.param(layer(noisy(9, 7)), "9x7 pixels", id="too small"),
    pytest.param(layer(np.zeros((0, 9, 9))), "the image is empty", id="empty"),
    pytest.param(layer(np.zeros((1,) * 6)), "6 dimensions; expected 2 to 5", id="six dimensions"),
]


@pytest.mark.parametrize(("one", "words"), REFUSED)
def test_what_is_no_image_is_refused_with_what_to_do(one: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        resolve(one)


def test_one_that_cannot_be_denoised_refuses_all() -> None:
    with pytest.raises(InputError, match="no layer is selected"):
        resolve_all([])
    with pytest.raises(InputError, match="'b' holds points"):
        resolve_all([layer(noisy(9, 9)), layer(noisy(9, 9), name="b", _type_string="points")])


def test_pixels_are_not_read_to_resolve() -> None:
    class Lazy:
        shape, dtype, ndim = (10**6, 10**6, 10**6), np.dtype("u2"), 3

        def __getitem__(self, index: Any) -> Any:
            raise AssertionError(index)

    assert resolve(layer(Lazy())).image.axes == "ZYX"


def test_a_result_is_shown_as_its_layer_is_and_says_what_was_done() -> None:
    kept = {
        "colormap": "magma",
        "contrast_limits": [0, 9],
        "gamma": 0.5,
        "rotate": [[1, 0], [0, 1]],
        "blending": "additive",
    }
    one = layer(noisy(9, 12), **kept, scale=(0.5, 0.5), units=("um", "um"), visible=False, metadata={"mine": 1})
    subject = resolve(one)
    record = record_of(subject, Settings(seed=3), {"method": "auto"}, 1.23456)
    meta = result_meta(subject, record)
    assert {name: meta[name] for name in kept} == kept
    assert (meta["scale"], meta["units"], meta["name"]) == ((0.5, 0.5), ("um", "um"), "cells denoised")
    assert "visible" not in meta
    assert meta["metadata"]["mine"] == 1
    assert record_in(meta["metadata"]) == record
    assert (record["seed"], record["plan"], record["seconds"]) == (3, {"method": "auto"}, 1.235)
    assert one.metadata == {"mine": 1}


def test_an_uncertainty_is_shown_in_its_own_colours_and_is_no_denoised_image() -> None:
    subject = resolve(layer(noisy(9, 12), colormap="green", contrast_limits=[0, 9], translate=(3.0, 4.0)))
    meta = uncertainty_meta(subject)
    assert (meta["colormap"], meta["translate"]) == ("magma", (3.0, 4.0))
    assert "contrast_limits" not in meta
    assert "uncertainty" in meta["metadata"][KEY]["holds"]["what"]


def test_the_largest_level_of_a_pyramid_is_denoised() -> None:
    levels = [noisy(40, 60), noisy(20, 30), noisy(10, 15)]
    subject = resolve(layer(levels, multiscale=True))
    assert subject.image.array is levels[0]
    assert subject.request(Settings()).levels == ((20, 30), (10, 15))
    assert result_meta(subject)["multiscale"] is True
    assert pyramid_of(levels) == levels
    assert pyramid_of(levels[:1]) is levels[0]


def test_a_layer_that_was_given_other_pixels_is_noticed() -> None:
    one = layer(noisy(9, 12))
    subject = resolve(one)
    assert is_same(one, subject)
    one.data = noisy(9, 12)
    assert not is_same(one, subject)
    assert "was deleted" in changed_words(subject, gone=True)
    assert "was given other pixels" in changed_words(subject, gone=False)


def test_the_command_does_the_same_again() -> None:
    subject = resolve(layer(noisy(3, 9, 12)), axes="TYX")
    settings = Settings("zs_n2n", "best", ("passes=1",), 7, {"fit": "shared", "anyway": True, "threads": None})
    assert command_of(subject, settings) == (
        "noise2detail.napari.denoise_layer(viewer.layers['cells'], axes='TYX', method='zs_n2n', recipe='best', seed=7, "
        "set=('passes=1',), run={'fit': 'shared', 'anyway': True, 'threads': None})"
    )
    from_file = resolve(layer(noisy(3, 9, 12), source=type("Source", (), {"path": "my cells.tif"})()), axes="TYX")
    assert command_of(from_file, settings) == (
        "n2d denoise 'my cells.tif' --axes TYX --method zs_n2n --recipe best --set passes=1 --seed 7 --fit shared "
        "--anyway"
    )


def test_a_preview_is_the_middle_of_what_is_visible() -> None:
    pixels = noisy(4, 30, 40)
    subject = resolve(layer(pixels))
    region = find_region(subject, [[2, -5.0, 3.2], [2, 25.4, 33.0]], [2.4, 0, 0], most=20)
    assert (region.rows, region.columns, region.plane, region.cut) == ((3, 23), (8, 28), (2,), True)
    found = cut_out(subject, region)
    assert found.axes == "YX"
    assert np.array_equal(found.array, pixels[2, 3:23, 8:28])
    assert as_shown(np.asarray(found.array), subject).shape == (1, 20, 20)


def test_a_preview_of_a_small_rectangle_is_as_large_as_it_must_be() -> None:
    region = find_region(resolve(layer(noisy(30, 40))), [[0.0, 39.0], [2.0, 39.5]], [0, 0])
    assert (region.rows, region.columns, region.cut) == ((0, 8), (32, 40), False)


def test_a_preview_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="nothing of the layer 'cells' is in view"):
        find_region(resolve(layer(noisy(30, 40))), [[50.0, 3.0], [90.0, 30.0]], [0, 0])


def test_channels_and_colours_go_along() -> None:
    pixels = noisy(2, 3, 30, 40)
    subject = resolve(layer(pixels, axis_labels=("t", "c", "y", "x")))
    found = cut_out(subject, find_region(subject, [[1, 0, 0, 0], [1, 2, 30, 40]], [9, 1, 0, 0]))
    assert (found.axes, found.array.shape) == ("CYX", (3, 30, 40))
    assert np.array_equal(found.array, pixels[1])


def test_messages_of_the_window_name_no_option_of_a_command() -> None:
    for error, words in (
        (RefusedError(("a mask",)), "would do harm: a mask; to do it all the same, tick 'Denoise anyway'"),
        (DeviceError("cuda", "it is gone"), "it is gone; choose the device 'cpu' in the settings and try again"),
        (SettingError(f"no GPU; {ON_PROCESSOR}"), "no GPU; choose the device 'cpu' in the settings"),
        (SettingError("--set x is no setting"), "x is no setting"),
    ):
        assert words in in_the_window(error)
        assert "--" not in in_the_window(error)
