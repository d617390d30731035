"""The way of images to where every estimator works, and back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.noise.autocovariance import measured_autocovariance
from noise2detail.noise.band import SMALLEST
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.unit_noise import UnitNoise
from noise2detail.numerics.cosines import filled_up, low_frequencies
from noise2detail.patches.rotation import rotation
from noise2detail.types import Batch, Mask

FEW = 2.0
"""Photons of a pixel in the mean, up to which light is lost; with more it is kept to a percent without a correction."""

MOST = 1.25
"""Factor at most by which the light of a channel is corrected: more would be a fault of the measurement."""


PLATE = 5
"""Side of the smallest square of equal pixels that is no accident."""

IMPOSSIBLE = 6.0
"""Deviations of the noise below the pedestal, which no pixel reaches by noise."""


@dataclass(frozen=True, eq=False)
class Way:
    """Noise of variance 1, the band of the signal only, and channels turned until each holds its own structure."""

    channels: tuple[UnitNoise | None, ...]
    """None: a channel without noise, which stays as it is."""
    band: float
    """Share of the frequencies that is kept along each axis; 1: all."""
    turn: Tensor
    """``(component, channel)``, of those that have noise; orthogonal."""

    @property
    def whole(self) -> "Way":
        """The same with every frequency."""
        return replace(self, band=1.0)

    def forward(self, noisy: Batch) -> Tensor:
        """Components ``(image, component, y, x)`` of images."""
        return torch.einsum("kc,bcyx->bkyx", self.turn.to(noisy), self._alike(noisy))

    def back(self, components: Tensor, noisy: Batch) -> Batch:
        """Images of components, in the band or of all frequencies; channels without noise are taken from ``noisy``."""
        y, x = noisy.shape[-2:]
        if components.shape[-2:] != (y, x):
            components = filled_up(components, y, x)
        alike = torch.einsum("kc,bkyx->bcyx", self.turn.to(noisy), components)
        result = noisy.clone()
        for number, (channel, own) in enumerate(self._active):
            seen = noisy[:, channel]
            result[:, channel] = torch.where(is_padding(seen, own.model), seen, own.back(alike[:, number]).to(noisy))
        return result

    def brightness(self, denoised: Batch, noisy: Batch, mask: Mask | None) -> tuple[float, ...]:
        """Factors that give every channel the total light of the noisy image, 1 where that says nothing of it.

        Noise has no mean, so the sum over an image is known far better than any pixel. Filters that work on stabilised
        values lose some percent of it where pixels hold few photons, since they average before the inverse.
        """
        kept = torch.ones_like(noisy, dtype=torch.bool) if mask is None else mask.expand_as(noisy)
        factors = [1.0] * noisy.shape[1]
        for channel, own in self._active:
            model = own.model
            if not model.gain or (model.is_clipped and own.latent):
                continue
            before, after = (
                float((images[:, channel][kept[:, channel]] - model.pedestal).double().sum())
                for images in (noisy, denoised)
            )
            photons = before / model.gain / int(kept[:, channel].sum())
            if 0 < photons < FEW and after > 0:
                factors[channel] = min(max(before / after, 1 / MOST), MOST)
        return tuple(factors)

    def brightened(self, denoised: Batch, factors: tuple[float, ...]) -> Batch:
        """Images with the light of each channel multiplied."""
        result = denoised.clone()
        for channel, own in self._active:
            dark = own.model.pedestal
            result[:, channel] = dark + (denoised[:, channel] - dark) * factors[channel]
        return result

    def strengths(self, components: Tensor) -> Tensor | None:
        """Deviation of the noise in each pixel of each channel, where components are these; None: 1 everywhere."""
        if self.band < 1:
            return None
        alike = torch.einsum("kc,bkyx->bcyx", self.turn.to(components), components)
        found = [own.variance(alike[:, number]) for number, (_, own) in enumerate(self._active)]
        return torch.stack(found, 1).clamp_min(0).sqrt()

    def autocovariances(self, noisy: Batch) -> Tensor:
        """Of the noise of each component as it is measured there, ``(component, lag_y, lag_x)``.

        Only asked for where the spectrum of the noise was found beyond doubt, and so the flattest blocks to be flat.
        """
        alike = self._alike(noisy)
        found = [measured_autocovariance(alike[:, number], flat=True) for number in range(alike.shape[1])]
        return torch.einsum("kc,cyx->kyx", self.turn.square(), torch.stack(found).cpu())

    def size(self, y: int, x: int) -> tuple[int, int]:
        """Rows and columns of components of images of this size."""
        if self.band >= 1 or min(y, x) * self.band < SMALLEST:
            return y, x
        return math.ceil(y * self.band), math.ceil(x * self.band)

    def tensors(self) -> Mapping[str, Tensor]:
        """Everything, as ``way_from`` reads it."""
        rows = [[math.nan] * 6 if own is None else _numbers(own) for own in self.channels]
        numbers = torch.tensor(rows, dtype=torch.float64).view(-1, 6)
        return {"channels": numbers, "band": torch.tensor([self.band], dtype=torch.float64), "turn": self.turn}

    @property
    def _active(self) -> list[tuple[int, UnitNoise]]:
        return [(number, own) for number, own in enumerate(self.channels) if own is not None]

    def _alike(self, noisy: Batch) -> Tensor:
        y, x = noisy.shape[-2:]
        alike = torch.stack([own.forward(noisy[:, channel]) for channel, own in self._active], 1)
        size = self.size(y, x)
        return alike if size == (y, x) else low_frequencies(alike, *size)


def is_padding(channel: Tensor, model: NoiseModel) -> Tensor:
    """True where an image ``(image, y, x)`` is one value over some pixels, below anything that its noise can give.

    Stitching, registering and rotating leave such frames, mostly of zeros. No light gives the pedestal, and that is
    what they would become.
    """
    dark = model.pedestal - IMPOSSIBLE * max(model.sigma, model.gain)
    below = channel < dark
    if not model.gain or min(channel.shape[-2:]) < PLATE or not bool(below.any()):
        return torch.zeros_like(channel, dtype=torch.bool)
    reach = PLATE // 2
    highest, lowest = (sign * F.max_pool2d(sign * channel[:, None], PLATE, 1, reach) for sign in (1, -1))
    plate = F.max_pool2d((highest == lowest).to(channel), PLATE, 1, reach)[:, 0] > 0
    return plate & below


def find_way(noisy: Batch, models: Sequence[NoiseModel], band: float, mask: Mask | None, *, latent: bool) -> Way | None:
    """The way for images with such noise; None where no channel has any.

    Parameters
    ----------
    noisy
        Images, all with the same noise.
    models
        Of the noise of each channel.
    band
        Share of the frequencies that holds structure.
    mask
        True where a pixel is data; None: everywhere.
    latent
        Whether clipping is undone.
    """
    highest = noisy.amax((0, 2, 3)).tolist()
    channels = tuple(
        UnitNoise(model, top, latent) if model.gain or model.sigma else None
        for model, top in zip(models, highest, strict=True)
    )
    count = sum(own is not None for own in channels)
    if not count:
        return None
    plain = Way(channels, band, torch.eye(count))
    if count == 1:
        return plain
    whole = Way(channels, 1.0, torch.eye(count))
    return Way(channels, band, rotation(whole.forward(noisy), torch.ones(count, 1, 1), mask))


def way_from(tensors: Mapping[str, Tensor], *, latent: bool) -> Way:
    """What ``Way.tensors`` gave."""
    channels = tuple(
        None if math.isnan(row[0]) else UnitNoise(NoiseModel(*row[:5]), row[5], latent)
        for row in tensors["channels"].tolist()
    )
    return Way(channels, float(tensors["band"]), tensors["turn"])


def _numbers(own: UnitNoise) -> list[float]:
    model = own.model
    return [model.gain, model.pedestal, model.sigma, model.low, model.high, own.highest]
