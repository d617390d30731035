"""BM3D: groups of similar patches, filtered together in three dimensions, twice."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from noise2detail.errors import SettingError, check_setting
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.noise.autocovariance import measured_autocovariance
from noise2detail.noise.estimate import white_sigma
from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search
from noise2detail.patches.rotation import rotation
from noise2detail.patches.spectrum import kernel_autocovariance
from noise2detail.patches.two_cascades import TwoCascades
from noise2detail.types import Batch

PIXEL = 6.0
"""Pixels through a training step that take as long as one pixel through both cascades, on a processor."""


@dataclass(frozen=True)
class BM3D:
    """Hyper-parameters; ``recipe`` names the published parameters.

    Source
    ------
    Dabov, Foi, Katkovnik & Egiazarian, "Image denoising by sparse 3-D transform-domain collaborative filtering", IEEE
    TIP 2007; variances of correlated noise in each coefficient: Mäkinen, Azzari & Foi, "Collaborative filtering of
    correlated noise", IEEE TIP 2020. Deviations: channels are not taken to luminance and chrominance but rotated until
    their structure is uncorrelated, which needs no colours; images are mirrored by up to two pixels where the reference
    patches do not end at the edge; noise shared by patches that overlap counts in the first cascade only.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    sigma: float | None = None
    """Standard deviation of the noise in image units, of each channel; None: known from elsewhere or measured."""
    correlated: bool = False
    """Measure how much noise neighbouring pixels share; otherwise none, or as the kernel says."""
    kernel: tuple[float, ...] = ()
    """Filter that makes such noise of white noise, an odd square row by row, of any scale; empty: none is known."""
    profile: Literal["standard", "paper"] = "standard"
    """Sizes and thresholds: those that measure best, or those published in 2007."""

    def __post_init__(self) -> None:
        if self.sigma is not None:
            check_setting("sigma", self.sigma, lowest=0)
        side = math.isqrt(len(self.kernel))
        if self.kernel and (side % 2 == 0 or side * side != len(self.kernel) or not any(self.kernel)):
            raise SettingError(
                f"kernel has {len(self.kernel)} values; expected those of an odd square, 9 or 25 say, not all 0"
            )
        if self.kernel and self.correlated:
            raise SettingError("both kernel and correlated are set; leave out one: a given kernel is not measured")

    @classmethod
    def recipe(cls, name: str) -> "BM3D":
        """Settings of ``standard`` or ``paper`` (the normal profile of 2007)."""
        return {"standard": cls(), "paper": cls(profile="paper")}[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> "BM3DDenoiser":
        """The filter with the noise of each channel as given, known or measured on all images together."""
        del start
        channels = noisy.shape[1]
        found = []
        for channel in range(channels):
            found.append(self._autocovariance(noisy, channel, context))
            context.on_step(Step("noise", channel + 1, channels, None, (channel + 1) / channels))
        return BM3DDenoiser(torch.stack(found), rotation(noisy, torch.stack(found), context.mask), self)

    def _autocovariance(self, noisy: Batch, channel: int, context: Context) -> Tensor:
        mask = None if context.mask is None else context.mask[:, 0]
        known = context.noise[channel] if context.noise else None
        sigma = None if self.sigma is None else self.sigma / context.unit(channel)
        # what others know of the noise supposes that it is white, and is far too small where it is not
        if sigma is None and known is not None and known.gain == 0 and not self.correlated:
            sigma = known.sigma
        images = noisy[:, channel]
        if self.correlated or (self.kernel and sigma is None):
            measured = measured_autocovariance(images, mask).cpu()
            middle = measured[len(measured) // 2, len(measured[0]) // 2].clamp_min(0)
            variance = middle if sigma is None else middle.new_tensor(sigma**2)
            shape = measured / middle if middle > 0 else white_like(measured)
        else:
            variance = torch.tensor(white_sigma(images, mask) if sigma is None else sigma).square()
            shape = torch.ones(1, 1)
        if self.kernel:
            side = math.isqrt(len(self.kernel))
            shape = kernel_autocovariance(torch.tensor(self.kernel).view(side, side))
        return shape * variance

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> "BM3DDenoiser":
        """Denoiser from the noise and the rotation."""
        del context
        return BM3DDenoiser(tensors["autocovariance"], tensors["rotation"], self)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Both cascades; the measurement is next to nothing."""
        pixels = images * y * x
        return Cost(0.1 * pixels, PIXEL * pixels, held=4.0)

    def cascades(self, sigma: float, side: int) -> TwoCascades:
        """Hard threshold and Wiener filter.

        Parameters
        ----------
        sigma
            Of the noise, where 1 is the range of the image: the published parameters depend on it.
        side
            Of the image, the shorter one, in pixels: no patch is larger.
        """
        if self.profile == "standard":
            return TwoCascades()
        scale = (255 * sigma) ** -2  # of the published limits, to units of the variance
        if sigma <= 40 / 255:
            first, second = Search(limit=2500 * scale), Search(count=32, limit=400 * scale)
            return TwoCascades(Cascade(first, "bior1.5"), Cascade(second))
        first = Search(min(12, side), 4, limit=5000 * scale)
        second = Search(min(11, side), 6, count=32, limit=3500 * scale)
        return TwoCascades(Cascade(first, factor=2.8, prefilter=2.0), Cascade(second))


def white_like(autocovariance: Tensor) -> Tensor:
    """Autocovariance of white noise of variance 1, of the same size."""
    white = torch.zeros_like(autocovariance)
    white[len(white) // 2, len(white[0]) // 2] = 1.0
    return white


@dataclass(frozen=True, eq=False)
class BM3DDenoiser:
    """Both cascades with the noise that they remove."""

    autocovariance: Tensor
    """Of the noise of each channel, ``(channel, lag_y, lag_x)``, lag 0 in the middle."""
    rotation: Tensor
    """From ``rotation``."""
    method: BM3D
    on_progress: Callable[[float], None] | None = None
    """Called several times a second with the share of an application that is done; what it raises ends it."""
    halo: ClassVar[None] = None
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """Result of the second cascade."""
        return self.stages(noisy)["denoised"]

    def telling(self, on_progress: Callable[[float], None]) -> "BM3DDenoiser":
        """The same, with somebody who hears how far it is."""
        return replace(self, on_progress=on_progress)

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """Results of both cascades."""
        if not len(self.rotation):
            return {"hard_threshold": noisy.clone(), "denoised": noisy.clone()}
        forth = self.rotation.to(noisy)
        active = (forth != 0).any(0)
        back = torch.linalg.inv(self.rotation[:, active.cpu()].double()).to(noisy)
        components = torch.einsum("kc,bcyx->bkyx", forth, noisy)
        results = zip(*self._filtered(components), strict=True)
        stages = {}
        for name, images in zip(("hard_threshold", "denoised"), results, strict=True):
            stages[name] = noisy.clone()
            stages[name][:, active] = torch.einsum("ck,bkyx->bcyx", back, torch.stack(images))
        return stages

    def _filtered(self, components: Batch) -> Iterator[tuple[Tensor, Tensor]]:
        """Both results for each image, in components."""
        noise = torch.einsum("kc,cyx->kyx", self.rotation.square(), self.autocovariance)
        sigma = self.rotation.norm(dim=0).amax().reciprocal()
        cascades = self.method.cascades(float(sigma), min(components.shape[2:]))
        done, total = 0, len(components) * cascades.pieces(*components.shape[2:])

        def tick() -> None:
            nonlocal done
            done += 1
            if self.on_progress:
                self.on_progress(done / total)

        for image in components:
            yield cascades.run(image, noise, tick)

    def tensors(self) -> Mapping[str, Tensor]:
        """The noise and the rotation."""
        return {"autocovariance": self.autocovariance, "rotation": self.rotation}
