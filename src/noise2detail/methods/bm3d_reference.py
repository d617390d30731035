"""The BM3D of its authors, if the user has installed their wheel: free of charge for non-commercial use only."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.errors import SettingError, check_setting
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.noise.estimate import white_sigma
from noise2detail.types import Batch

Wheel = Callable[[NDArray[np.float64], float], NDArray[np.float64]]
"""A plane and the standard deviation of its noise to the plane without it."""

WHEELS = ("bm3d", "bm4d")
"""Packages in the order in which they are looked for, and what each calls its filter; the second takes a plane for a
volume of one."""

PIXEL = 14.0
"""Pixels through a training step that take as long as one pixel of the reference."""


@dataclass(frozen=True)
class BM3DReference:
    """Hyper-parameters. The wheel is never installed with this package: its licence allows no commercial use.

    Source
    ------
    Mäkinen, Azzari & Foi, "Collaborative filtering of correlated noise", IEEE TIP 2020, as compiled by its authors;
    every channel by itself.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    sigma: float | None = None
    """Standard deviation of the noise in image units, of each channel; None: known from elsewhere or measured."""

    def __post_init__(self) -> None:
        if self.sigma is not None:
            check_setting("sigma", self.sigma, lowest=0)

    @classmethod
    def recipe(cls, name: str) -> "BM3DReference":
        """Settings of ``standard`` and ``paper``: those of the wheel."""
        return {"standard": cls(), "paper": cls()}[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> "BM3DReferenceDenoiser":
        """The filter with the noise of each channel as given, known or measured on all images together.

        Raises
        ------
        SettingError
            The wheel is not installed.
        """
        del start
        wheel = reference()
        channels, sigmas = noisy.shape[1], []
        for channel in range(channels):
            sigmas.append(self._sigma(noisy, channel, context))
            context.on_step(Step("noise", channel + 1, channels, None, (channel + 1) / channels))
        return BM3DReferenceDenoiser(torch.tensor(sigmas), wheel)

    def _sigma(self, noisy: Batch, channel: int, context: Context) -> float:
        if self.sigma is not None:
            return self.sigma / context.unit(channel)
        known = context.noise[channel] if context.noise else None
        if known is not None and known.gain == 0:
            return known.sigma
        return white_sigma(noisy[:, channel], None if context.mask is None else context.mask[:, 0])

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> "BM3DReferenceDenoiser":
        """Denoiser from the noise of each channel."""
        del context
        return BM3DReferenceDenoiser(tensors["sigma"], reference())

    def cost(self, images: int, y: int, x: int) -> Cost:
        """One call for each channel; the measurement is next to nothing."""
        pixels = images * y * x
        return Cost(0.1 * pixels, PIXEL * pixels)


def is_installed() -> bool:
    """Whether there is one of the wheels."""
    return any(importlib.util.find_spec(name) is not None for name in WHEELS)


def reference() -> Wheel:
    """The authors' filter of a plane.

    Raises
    ------
    SettingError
        It is not installed.
    """
    for name in WHEELS:
        try:
            found: Wheel = getattr(importlib.import_module(name), name)
        except ImportError:
            continue
        return found
    raise SettingError(
        "the reference implementation of BM3D is not installed; if your use is non-commercial, pip install bm3d; "
        "otherwise choose the method bm3d, which needs nothing"
    )


@dataclass(frozen=True, eq=False)
class BM3DReferenceDenoiser:
    """The wheel with the noise that it removes."""

    sigma: Tensor
    """Of each channel, in working units."""
    wheel: Wheel
    """The authors' filter."""
    halo: ClassVar[None] = None
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """Each channel of each image, filtered; one without noise as it is."""
        result = noisy.clone()
        for image in result:
            for channel, sigma in zip(image, self.sigma.tolist(), strict=True):
                if sigma > 0:
                    found = self.wheel(channel.double().cpu().numpy(), sigma)
                    channel.copy_(torch.as_tensor(found).reshape(channel.shape))
        return result

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """The noise."""
        return {"sigma": self.sigma}
