"""Any method, working on noise that was made alike everywhere, or undoing the clipping of noise."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from noise2detail.method import Context, Cost, Denoiser, Step, TellsProgress
from noise2detail.noise.clipping import Table, unclipping
from noise2detail.noise.measure import measure_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.stabilize import stabilise
from noise2detail.noise.unit_noise import UnitNoise
from noise2detail.types import Batch, Mask

INNER = "inner."
"""What the names of the inner denoiser's tensors begin with."""


@dataclass(frozen=True)
class Stabilized:
    """A method between a variance-stabilising transform and its inverse.

    The noise is that of the context, or measured on the images. The inner method sees ordinary values: the 0.1 and 99.9
    percentiles of the stabilised data at 0 and 1, one noise level everywhere, which its context tells. One unit of a
    ``sigma`` given to it is the standard deviation of the stabilised noise, so 1 means as measured; image units would
    make no sense there. Where the noise does not depend on the signal the transform would be affine: it is left out,
    and values, noise and units are those of the context.

    Source
    ------
    Makitalo & Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE TIP
    2013; Foi, "Clipped noisy images", Signal Processing 2009.
    """

    inner: Any
    """The method that denoises."""
    stabilize: bool = True
    """Make noise that grows with the signal alike everywhere."""
    unclip: bool = False
    """Give values as they were before noise was clipped; else the mean of the data, which clipping shifts."""

    @property
    def scope(self) -> Literal["any", "image"]:
        """That of the inner method."""
        found: Literal["any", "image"] = self.inner.scope
        return found

    @classmethod
    def recipe(cls, name: str) -> "Stabilized":
        """No recipe: it is made around a recipe of another method.

        Raises
        ------
        KeyError
            Always.
        """
        raise KeyError(name)

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """The inner method's denoiser, fitted to stabilised images; a ``start`` of this method lends its inner one."""
        models = context.noise or _measured(noisy, context.mask)
        highest = noisy.amax((0, 2, 3)).tolist()
        channels = [
            self._channel(noisy[:, number], model, highest[number], context.mask) for number, model in enumerate(models)
        ]
        warm = start.inner if isinstance(start, StabilizedDenoiser) else None

        def taken_back(step: Step) -> None:
            found = step.snapshot
            context.on_step(replace(step, snapshot=None if found is None else lambda: _taken_back(found(), channels)))

        within = replace(self._within(channels, context), on_step=taken_back)
        inner = self.inner.fit(_each(noisy, channels, _Channel.forward), within, warm)
        return StabilizedDenoiser(inner, tuple(channels))

    def _channel(self, images: Tensor, model: NoiseModel, highest: float, mask: Mask | None) -> "_Channel":
        if not self.stabilize or model.gain == 0:
            return _Channel(model, highest, unclip=self.unclip)
        stabilised = stabilise(images if mask is None else images[mask[:, 0]], model).flatten()
        low, high = (_percentile(stabilised, share) for share in (0.001, 0.999))
        return _Channel(model, highest, unclip=self.unclip, stabilised=True, offset=low, scale=high - low or 1.0)

    def _within(self, channels: Sequence["_Channel"], context: Context) -> Context:
        """What surrounds the inner fit."""
        noise = tuple(channel.noise for channel in channels)
        units = tuple(
            channel.scale if channel.stabilised else context.unit(number) for number, channel in enumerate(channels)
        )
        return replace(context, noise=noise, units=units)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """That of the inner method; the transforms are nothing beside it."""
        found: Cost = self.inner.cost(images, y, x)
        return found

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from the inner denoiser's tensors and the noise it was fitted to."""
        channels = [
            _Channel(
                NoiseModel(*row[:5]), row[5], unclip=row[6] > 0, stabilised=row[7] > 0, offset=row[8], scale=row[9]
            )
            for row in tensors["channels"].tolist()
        ]
        own = {name.removeprefix(INNER): tensor for name, tensor in tensors.items() if name.startswith(INNER)}
        return StabilizedDenoiser(self.inner.restore(own, self._within(channels, context)), tuple(channels))


@dataclass(frozen=True)
class _Channel:
    """The way of one channel to the inner method and back."""

    model: NoiseModel
    highest: float
    """Brightest pixel of the images fitted to."""
    unclip: bool
    stabilised: bool = False
    offset: float = 0.0
    """Stabilised value that the inner method sees as 0."""
    scale: float = 1.0
    """Stabilised values in one of the inner method's units."""

    @property
    def noise(self) -> NoiseModel:
        """As the inner method sees it; clipping that is undone here is none of its business."""
        if self.stabilised:
            return NoiseModel(sigma=1 / self.scale)
        return replace(self.model, low=-math.inf, high=math.inf) if self.unclip else self.model

    def forward(self, images: Tensor) -> Tensor:
        """Values as the inner method sees them."""
        return (stabilise(images, self.model) - self.offset) / self.scale if self.stabilised else images

    def back(self, denoised: Tensor) -> Tensor:
        """Values of the images, through one table for everything that bends them."""
        stretched = denoised * self.scale + self.offset if self.stabilised else denoised
        return self._table(stretched) if self._table else stretched

    @cached_property
    def _table(self) -> Table | None:
        model = self.model
        if self.stabilised:
            return UnitNoise(model, self.highest, self.unclip).inverse
        if not (self.unclip and model.is_clipped and (model.gain or model.sigma)):
            return None
        deviation = math.sqrt(model.variance(self.highest))
        lowest = model.low if math.isfinite(model.low) else min(model.pedestal, model.high - 16 * deviation)
        return unclipping(model, lowest, max(self.highest, lowest + 16 * deviation))

    def numbers(self) -> list[float]:
        """Everything, as ``Stabilized.restore`` reads it."""
        model = self.model
        own = [float(self.unclip), float(self.stabilised), self.offset, self.scale]
        return [model.gain, model.pedestal, model.sigma, model.low, model.high, self.highest, *own]


@dataclass(frozen=True, eq=False)
class StabilizedDenoiser:
    """The inner method's denoiser with the transforms around it."""

    inner: Denoiser
    """On stabilised values."""
    channels: tuple[_Channel, ...]
    """One for each channel."""

    @property
    def halo(self) -> int | None:
        """That of the inner denoiser: the transforms are of single pixels."""
        return self.inner.halo

    @property
    def alignment(self) -> int:
        """That of the inner denoiser."""
        return self.inner.alignment

    def __call__(self, noisy: Batch) -> Batch:
        """Stabilised, denoised, and taken back."""
        return _each(self.inner(_each(noisy, self.channels, _Channel.forward)), self.channels, _Channel.back)

    def telling(self, on_progress: Callable[[float], None]) -> "StabilizedDenoiser":
        """The same, with somebody who hears how far the inner denoiser is, if that can say it."""
        return replace(self, inner=self.inner.telling(on_progress)) if isinstance(self.inner, TellsProgress) else self

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """Those of the inner denoiser, each taken back."""
        stages = self.inner.stages(_each(noisy, self.channels, _Channel.forward))
        return {name: _each(image, self.channels, _Channel.back) for name, image in stages.items()}

    def tensors(self) -> Mapping[str, Tensor]:
        """Those of the inner denoiser, and the numbers of every channel."""
        own = {INNER + name: tensor for name, tensor in self.inner.tensors().items()}
        return own | {"channels": torch.tensor([c.numbers() for c in self.channels], dtype=torch.float64)}


def _measured(noisy: Batch, mask: Mask | None) -> tuple[NoiseModel, ...]:
    valid = None if mask is None else mask[:, 0]
    return tuple(measure_noise(noisy[:, number], valid).model for number in range(noisy.shape[1]))


def _each(images: Batch, channels: Sequence[_Channel], function: Callable[[_Channel, Tensor], Tensor]) -> Batch:
    return torch.stack([function(channel, images[:, n]) for n, channel in enumerate(channels)], 1)


def _taken_back(images: Batch | None, channels: Sequence[_Channel]) -> Batch | None:
    return None if images is None else _each(images, channels, _Channel.back)


def _percentile(values: Tensor, share: float) -> float:
    if not len(values):
        return 0.0
    return float(values.kthvalue(1 + round(share * (len(values) - 1))).values)
