"""Noisy images to try the plugin on; where they come from stands in ``samples/README.md``."""

from importlib import resources

from noise2detail.napari.files import LayerData, layers_of


def brain_stack() -> list[LayerData]:
    """Five planes of a brain, fluorescence, 192x192 pixels."""
    return _sample("brain_stack.ome.tif", "brain (noisy)")


def electron_micrograph() -> list[LayerData]:
    """A transmission electron micrograph of few electrons, 256x256 pixels."""
    return _sample("electron_micrograph.tif", "electron micrograph (noisy)")


def _sample(file: str, name: str) -> list[LayerData]:
    from noise2detail.io import open_image

    with resources.as_file(resources.files("noise2detail.napari") / "samples" / file) as path:
        return layers_of(open_image(path).in_memory(), name)
