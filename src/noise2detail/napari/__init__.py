"""The plugin for napari: layers in, denoised layers out, and a widget around that."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noise2detail.napari.headless import denoise_layer

__all__ = ["denoise_layer"]


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used: napari reads this package when it starts."""
    if name != "denoise_layer":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from noise2detail.napari.headless import denoise_layer

    return denoise_layer
