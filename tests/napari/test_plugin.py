"""The plugin as napari sees it: its manifest, its layers, its samples and its files."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest

import noise2detail as n2d
from napari.layers import Image as ImageLayer
from noise2detail.errors import OutputExistsError
from noise2detail.napari import denoise_layer
from noise2detail.napari.choices import METHODS
from noise2detail.napari.files import layers_of, read_image, write_image
from noise2detail.napari.regions import as_shown, cut_out, find_region, preview_meta
from noise2detail.napari.resolve import resolve
from noise2detail.napari.sample_data import brain_stack, electron_micrograph
from noise2detail.registry import METHODS as REGISTERED
from tests.napari.layers import noisy

RUN: dict[str, Any] = {"device": "cpu", "precision": "float32", "threads": 1}

TURNED = {
    "scale": (2.0, 0.5, 0.25),
    "translate": (1.0, 2.0, 3.0),
    "rotate": [[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
    "shear": (0.0, 0.1, 0.2),
    "affine": [[1, 0, 0, 5], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]],
    "units": ("second", "um", "um"),
    "axis_labels": ("t", "y", "x"),
}
KEPT = (
    "units",
    "axis_labels",
    "gamma",
    "blending",
    "projection_mode",
    "rgb",
    "opacity",
    "contrast_limits",
    "rendering",
)


def a_layer(**more: object) -> ImageLayer:
    shown = {"colormap": "magma", "contrast_limits": (0, 90), "gamma": 0.7, "blending": "additive", "name": "cells"}
    return ImageLayer(noisy(3, 24, 32), **TURNED | shown | more)


def test_the_manifest_names_what_is_there() -> None:
    manifest = PluginManifest.from_file(Path(str(resources.files("noise2detail.napari") / "napari.yaml")))
    manifest.validate_imports()
    assert [item.command for item in manifest.contributions.menus["napari/layers/filter"]] == [
        widget.command for widget in manifest.contributions.widgets or ()
    ]


def test_the_list_of_methods_is_that_of_the_registry() -> None:
    assert list(METHODS) == [name for name in REGISTERED if name != "bm3d_reference"]
    for name, choice in METHODS.items():
        entry = REGISTERED[name]
        method = entry.method.recipe(entry.recipes[0])
        assert (choice.recipes, choice.title, choice.seconds) == (entry.recipes, entry.title, entry.seconds)
        assert (choice.frames, choice.shared) == (getattr(method, "frames", False), method.scope == "any")


def test_a_denoised_layer_lies_and_looks_as_the_noisy_one() -> None:
    layer = a_layer()
    found = ImageLayer.create(*denoise_layer(layer, method="gaussian", run=RUN))
    run = n2d.Run(device="cpu", precision="float32", threads=1)
    assert np.array_equal(found.data, n2d.denoise(layer.data, axes="TYX", method="gaussian", run=run))
    for corner in ((0, 0, 0), (2, 23, 31)):
        assert np.allclose(found.data_to_world(corner), layer.data_to_world(corner))
    assert [getattr(found, name) for name in KEPT] == [getattr(layer, name) for name in KEPT]
    assert (found.name, found.colormap.name) == ("cells denoised", "magma")


def test_a_pyramid_and_colours_stay_what_they_are() -> None:
    rgb = np.moveaxis(noisy(3, 32, 40), 0, -1).astype(np.uint8)
    layer = ImageLayer([rgb, rgb[::2, ::2]], rgb=True, multiscale=True)
    data, meta, _ = denoise_layer(layer, method="gaussian", run=RUN)
    found = ImageLayer(data, **meta)
    assert (found.rgb, found.multiscale) == (True, True)
    assert [level.shape for level in found.data] == [(32, 40, 3), (16, 20, 3)]


def test_a_preview_lies_over_its_place() -> None:
    layer = a_layer()
    subject = resolve(layer)
    region = find_region(subject, [[1, 5, 7], [1, 20, 30]], [1, 0, 0])
    preview = ImageLayer(as_shown(np.asarray(cut_out(subject, region).array), subject), **preview_meta(subject, region))
    assert np.allclose(preview.data_to_world((0, 0, 0)), layer.data_to_world((1, 5, 7)))
    assert np.allclose(preview.data_to_world((0, 3, 4)), layer.data_to_world((1, 8, 11)))


def test_samples_are_noisy_images_with_their_scale() -> None:
    ((stack, said, _),), ((micrograph, _, _),) = brain_stack(), electron_micrograph()
    assert (stack.shape, said["scale"], said["axis_labels"]) == ((5, 192, 192), [5.0, 2.0, 2.0], ("z", "y", "x"))
    assert micrograph.shape == (256, 256)
    folder = resources.files("noise2detail.napari") / "samples"
    assert sum(len(file.read_bytes()) for file in folder.iterdir()) < 400_000


def test_a_saved_result_keeps_its_scale_and_says_what_was_done(tmp_path: Path) -> None:
    data, meta, _ = denoise_layer(a_layer(), method="gaussian", run=RUN)
    made = ImageLayer(data, **meta).as_layer_data_tuple()
    path = tmp_path / "clean.ome.tif"
    assert write_image(str(path), made[0], dict(made[1])) == [str(path)]
    ((read, said, _),) = read_image(str(path))
    assert np.array_equal(read, data)
    assert said["axis_labels"] == ("t", "y", "x")
    assert said["scale"] == pytest.approx([2.0, 0.5, 0.25])
    beside = json.loads((tmp_path / "clean.ome.tif.n2d.json").read_text(encoding="utf-8"))
    assert (beside["plan"]["method"], beside["input_name"]) == ("gaussian", "cells")


def test_a_result_goes_into_the_kind_of_file_that_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "noisy.mrc"
    n2d.save(n2d.Image(noisy(24, 32), "YX", {"X": 0.25, "Y": 0.5}), path)
    ((pixels, meta, _),) = read_image(str(path))
    layer = ImageLayer(pixels, **meta)
    layer._source = layer._source.model_copy(update={"path": str(path)})
    made = ImageLayer.create(*denoise_layer(layer, method="gaussian", run=RUN)).as_layer_data_tuple()
    with pytest.raises(OutputExistsError):
        write_image(str(path), made[0], dict(made[1]))
    write_image(str(tmp_path / "clean.mrc"), made[0], dict(made[1]))
    assert n2d.open(tmp_path / "clean.mrc").pixel_size_um == pytest.approx({"X": 0.25, "Y": 0.5})
    beside = json.loads((tmp_path / "clean.mrc.n2d.json").read_text(encoding="utf-8"))
    assert beside["input_name"] == "noisy.mrc"
    assert len(beside["input_sha256"]) == 64


def test_channels_become_layers() -> None:
    image = n2d.Image(noisy(2, 3, 9, 12), "CZYX", {"Z": 2.0}, channel_names=("DAPI", "GFP"))
    first, second = layers_of(image, "cells")
    assert (first[1]["name"], second[1]["name"]) == ("cells DAPI", "cells GFP")
    assert np.array_equal(second[0], np.asarray(image.array)[1])
    assert second[1]["units"] == ("micrometer", "pixel", "pixel")
