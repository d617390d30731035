"""Noise2Self: a network learns pixels from their surroundings only, and pixels it never learns say how well."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noise2detail.engine.crops import Crops, CropSampler, Material
from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.plain_nets import PLAIN_DEPTH, BestNet, DnCnn, RunningNet, ready, weights_of
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving, OneCycle, Schedule, briefly
from noise2detail.engine.seeding import seeded
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch, Mask, Precision

GRID = 4
"""Masked pixels lie on a grid of this spacing; a network is trained on all of its places but the last."""

WINDOWS = 16
"""Crops on which the network is judged where it is trained on crops; they lie at random places and stay."""

CYCLE = 1000
"""Steps after which the places of crops come round again; the masks then are others."""


@dataclass(frozen=True)
class Noise2Self:
    """Hyper-parameters; ``recipe`` names the published ones.

    Source
    ------
    Batson & Royer, "Noise2Self: blind denoising by self-supervision", ICML 2019, with the network and the settings of
    its single-image example, trained for as long as the baseline of Chobola et al., "Noise2Detail", MICCAI 2025.
    Deviations: pixels beyond the border are left out of the interpolation instead of taken as zero; the loss is the
    mean over the masked pixels instead of all, which Adam hardly notices; values are in the working range and are not
    clipped; the kept network, not the kept image, is the result, so that it can be applied to other images.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    steps: int = 20_000
    """Optimiser steps."""
    width: int = 64
    """Hidden channels."""
    schedule: Schedule = field(default_factory=lambda: Halving(1e-2, 1_000_000))
    """Learning rate of Adam by step."""
    batch: int = 4
    """Crops per step."""
    crop: int = 0
    """Side of a crop in pixels, a multiple of 4; 0: whole images."""
    every: int = 100
    """Steps between two judgements on the held-out pixels."""
    together: Literal[1, 4] = 1
    """Masks hidden in a step: one, or the four that lie two pixels apart, which ask for four times as many pixels."""
    memory: float = 0.0
    """Share of the running mean of the weights that a step leaves; the mean is judged and kept. 0: the weights."""

    def __post_init__(self) -> None:
        for name in ("steps", "width", "batch", "every"):
            check_setting(name, getattr(self, name))
        if self.crop:
            check_setting("crop", self.crop, lowest=8)
        check_setting("memory", self.memory, lowest=0)

    @classmethod
    def recipe(cls, name: str) -> "Noise2Self":
        """Settings of ``standard`` (reduced: a quarter of the width, 500 steps of 16 crops of 32) or ``paper``.

        At high rates the network gets better and worse from step to step, and in the end it memorises noise: what
        ``standard`` judges and keeps is the running mean of the weights, and it hides four masks at once.
        """
        return {
            "standard": cls(
                steps=500, width=16, schedule=OneCycle(1e-2, 0.1), batch=16, crop=32, every=20, together=4, memory=0.97
            ),
            "paper": cls(),
        }[name]

    def briefly(self, share: float) -> "Noise2Self":
        """The same with that share of the steps."""
        return briefly(self, share)

    def reading(self, factor: float) -> "Noise2Self":
        """The same with so many times the crops in each step."""
        return replace(self, batch=round(factor * self.batch))

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Network that predicts held-out pixels best; a ``start`` of this method lends its weights."""
        with seeded(context.seed, context.device):
            net = ready(DnCnn(noisy.shape[1], self.width), context.device)
        if isinstance(start, Noise2SelfDenoiser):
            net.load_state_dict(weights_of(start.net))
        mean = RunningNet(net, self.memory)
        best = BestNet(net)
        judge = self._judge(mean.net, noisy, context)

        def look(step: int) -> bool:
            mean.update(step, net)
            if step % self.every == 0 or step == self.steps:
                best.offer(judge(), mean.net)
            return False

        # where nothing is data there is nothing to learn from, for the statistics of the layers neither
        learn = context.mask is None or bool(context.mask.any())
        loss = self._loss(net, noisy, context, learn)
        descend(net, loss, Descent(self.steps, self.schedule, stop=look), context)
        return self._denoiser(best.weights, noisy.shape[1], context)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from stored weights."""
        weights = {name.removeprefix("net."): value for name, value in tensors.items()}
        return self._denoiser(weights, weights["layers.0.weight"].shape[1], context)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """All steps with the judgements, and one pass."""
        once = pass_work(lambda: DnCnn(1, self.width), 1)
        pixels = float(images * y * x)
        read, seen = (self.batch * self.crop**2, WINDOWS * self.crop**2) if self.crop else (pixels, pixels)
        return Cost(self.steps * once * (BACKWARD * read + seen / self.every), once * pixels)

    def _denoiser(self, weights: Mapping[str, Tensor], channels: int, context: Context) -> Denoiser:
        with seeded(0, context.device):
            net = ready(DnCnn(channels, self.width), context.device)
        net.load_state_dict(weights)
        return Noise2SelfDenoiser(net.eval(), context.precision)

    def _loss(self, net: nn.Module, noisy: Batch, context: Context, learn: bool) -> Callable[[int], Tensor]:
        """Error on the masked pixels of one mask after the other."""
        materials = (noisy, _validity(noisy, context.mask), phases(noisy))
        side = self._side(noisy)
        sampler = _sampler(materials, self.batch, side, CYCLE, context.seed) if side else None

        def loss(step: int) -> Tensor:
            net.train(learn)
            image, valid, phase = materials
            if sampler is not None:
                image, valid, phase = sampler.at(torch.tensor([step % CYCLE], device=noisy.device))
            hidden, asked = hidden_and_asked(phase, step, self.together)
            given = without_masked(image, hidden).contiguous(memory_format=torch.channels_last)
            return masked_error(net(given).float(), image, asked * valid)

        return loss

    def _judge(self, net: nn.Module, noisy: Batch, context: Context) -> Callable[[], float]:
        """How far the network is from the pixels of the last mask, which it is never trained on."""
        materials = (noisy, _validity(noisy, context.mask), phases(noisy))
        if side := self._side(noisy):
            sampler = _sampler(materials, WINDOWS, side, 1, context.seed + 1)
            materials = sampler.at(torch.tensor([0], device=noisy.device))  # type: ignore[assignment]
        image, valid, phase = materials
        masked = (phase == GRID**2 - 1).to(image.dtype)
        given = without_masked(image, masked)

        def error() -> float:
            once = Noise2SelfDenoiser(net.eval(), context.precision)
            found = apply_in_tiles(once, given, tile=context.tile, halo=PLAIN_DEPTH, alignment=1)
            return float(masked_error(found, image, masked * valid))

        return error

    def _side(self, noisy: Batch) -> int:
        """Of crops that are no larger than the images: beyond a border a masked pixel would be seen in its mirror."""
        return min(self.crop, *(size // 4 * 4 for size in noisy.shape[-2:])) if self.crop else 0


@dataclass(frozen=True, eq=False)
class Noise2SelfDenoiser:
    """The network, applied to the image as it is: no pixel is masked any more."""

    net: nn.Module
    precision: Precision
    halo: ClassVar[int] = PLAIN_DEPTH
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """Denoised images."""
        with torch.no_grad(), convolutions_in(self.precision, noisy.device):
            result: Tensor = self.net(noisy.contiguous(memory_format=torch.channels_last)).float()
        return result.contiguous()

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights and statistics."""
        return {f"net.{name}": value.cpu().contiguous() for name, value in weights_of(self.net).items()}


def phases(images: Batch) -> Tensor:
    """Number of the mask that holds each pixel, ``(batch, 1, y, x)``: places in a cell of the grid, row by row.

    Examples
    --------
    >>> phases(torch.zeros(1, 1, 2, 5))[0, 0].tolist()
    [[0.0, 1.0, 2.0, 3.0, 0.0], [4.0, 5.0, 6.0, 7.0, 4.0]]
    """
    row, column = (torch.arange(size, device=images.device) % GRID for size in images.shape[-2:])
    phase = row[:, None] * GRID + column
    return phase.to(images.dtype).expand(len(images), 1, -1, -1)


def hidden_and_asked(phase: Tensor, step: int, together: int) -> tuple[Tensor, Tensor]:
    """Which pixels a step hides, and which of them it asks for: never those of the last mask.

    Parameters
    ----------
    phase
        Number of the mask that holds each pixel.
    step
        Counted from 0.
    together
        How many masks are hidden at once: 1, or the 4 that are equal in every other row and column.
    """
    if together == 1:
        hidden = phase == step % (GRID**2 - 1)
    else:
        hidden = torch.floor(phase / GRID) % 2 * 2 + phase % 2 == step % 4
    return hidden.to(phase.dtype), (hidden & (phase != GRID**2 - 1)).to(phase.dtype)


def without_masked(images: Batch, masked: Tensor) -> Batch:
    """Images in which masked pixels are the mean of their eight neighbours, the nearer four counted twice.

    Parameters
    ----------
    images
        What is masked.
    masked
        ``(batch, 1, y, x)``, 1 where a pixel is masked and 0 elsewhere; no two masked pixels touch.
    """
    kernel = images.new_tensor([[0.5, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.5]])[None, None]
    channels = images.shape[1]
    # convolutions in bfloat16 would blur the values as well
    with torch.autocast(images.device.type, enabled=False):
        total = F.conv2d(images, kernel.expand(channels, -1, -1, -1), padding=1, groups=channels)
        weight = F.conv2d(torch.ones_like(images[:1, :1]), kernel, padding=1)
    return torch.where(masked > 0, total / weight, images)


def masked_error(found: Batch, noisy: Batch, weight: Tensor) -> Tensor:
    """Mean squared error where ``weight`` is 1; 0 where it is nowhere."""
    return ((found - noisy).square() * weight).sum() / (weight.sum() * noisy.shape[1]).clamp_min(1)


def _validity(noisy: Batch, mask: Mask | None) -> Tensor:
    return torch.ones_like(noisy[:, :1]) if mask is None else mask.to(noisy.dtype)


def _sampler(images: tuple[Tensor, ...], count: int, side: int, steps: int, seed: int) -> CropSampler:
    return CropSampler(tuple(Material(image) for image in images), Crops(count, side), 0, steps, seed)
