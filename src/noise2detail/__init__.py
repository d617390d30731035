"""Denoise a biomedical image from nothing but itself: ``denoised = noise2detail.denoise(noisy)``."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noise2detail.errors import Cancelled, Noise2DetailError
    from noise2detail.fitted import Fitted, apply, fit, load
    from noise2detail.image import Image
    from noise2detail.io import open_image as open  # noqa: A004
    from noise2detail.io import save_image as save
    from noise2detail.pipeline.denoise import denoise, plan, stages
    from noise2detail.pipeline.run import Run
    from noise2detail.report.judging import judge
    from noise2detail.version import __version__
    from noise2detail.watch.stream import stream

_HOME = {
    "Cancelled": "errors",
    "Fitted": "fitted",
    "Image": "image",
    "Noise2DetailError": "errors",
    "Run": "pipeline.run",
    "__version__": "version",
    "apply": "fitted",
    "denoise": "pipeline.denoise",
    "fit": "fitted",
    "judge": "report.judging",
    "load": "fitted",
    "open": "io:open_image",
    "plan": "pipeline.denoise",
    "save": "io:save_image",
    "stages": "pipeline.denoise",
    "stream": "watch.stream",
}

__all__ = [
    "Cancelled",
    "Fitted",
    "Image",
    "Noise2DetailError",
    "Run",
    "__version__",
    "apply",
    "denoise",
    "fit",
    "judge",
    "load",
    "open",
    "plan",
    "save",
    "stages",
    "stream",
]


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used: ``n2d --help`` need not wait for PyTorch."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module, _, attribute = _HOME[name].partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute or name)


def __dir__() -> list[str]:
    return __all__
