"""Neighbor2Neighbor: in each 2x2 cell one of two touching pixels predicts the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from noise2detail.engine.crops import Crops, CropSampler, Material
from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.held_out import BLOCK, MOST, block_windows, held_out_blocks, without_blocks
from noise2detail.engine.plain_nets import BestNet, RunningNet, ready, weights_of
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving, OneCycle, Schedule, briefly
from noise2detail.engine.seeding import seeded
from noise2detail.engine.unets import NoiseUNet, NormalisedUNet, noise_unet_reach
from noise2detail.engine.unit_range import ValueRange, restore_range, unit_range
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch, Mask, Precision

CYCLE = 1000
"""Steps after which the places of crops come round again; the pixels drawn from them then are others."""

SURROUNDINGS = 16
"""Pixels about a held-out block that the network is given when it is judged."""

PAIRS = ((0, 1), (2, 3), (0, 2), (1, 3), (1, 0), (3, 2), (2, 0), (3, 1))
"""Touching pixels of a 2x2 cell, numbered row by row: which is given, and which is to be predicted from it."""


@dataclass(frozen=True)
class Neighbor2Neighbor:
    """Hyper-parameters; ``recipe`` names the published ones.

    Source
    ------
    Huang, Li, Jia, Lu & Liu, "Neighbor2Neighbor: self-supervised denoising from single noisy images", CVPR 2021.
    Deviations: the regulariser grows with every step instead of every epoch; an epoch of theirs goes through 44,328
    images, of which there is one here: ``paper`` has 100 epochs of 100 steps. The other differences of
    ``as_in_paper`` are settings.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    steps: int = 10_000
    """Optimiser steps."""
    width: int = 48
    """Hidden channels at full resolution on the way down."""
    depth: int = 5
    """Halvings of the resolution; of the normalised network there always are four."""
    schedule: Schedule = field(default_factory=lambda: Halving(3e-4, 2000))
    """Learning rate of Adam by step."""
    batch: int = 4
    """Crops per step."""
    crop: int = 256
    """Side of a crop in pixels, a multiple of 4; 0: whole images."""
    gamma: float = 2.0
    """Weight of the regulariser in the end."""
    ramp: bool = True
    """The weight grows from nothing; else it is the same in all steps."""
    masks: Literal["same", "redrawn"] = "same"
    """Pixels that are drawn from the denoised image for the regulariser: the same, or others by mistake."""
    pairs: Literal[8, 4] = 8
    """Pairs of touching pixels that may be drawn: 4 leaves out what is to the right or below as what is given."""
    gain: float = 0.1
    """Initial weights of the plain network in units of those of He et al., 2015: the published 0.1 begins slowly."""
    memory: float = 0.0
    """Share of the running mean of the weights that a step leaves; the mean is the result. 0: the last weights."""
    every: int = 0
    """Steps between two looks at blocks that no step is compared with; the network that predicts them best is the
    result. 0: the last one is, and all pixels are compared with."""
    network: Literal["plain", "normalised"] = "plain"
    """``normalised``: batch normalisation and a sigmoid, for values from lowest to highest within 0 and 1."""

    def __post_init__(self) -> None:
        for name in ("steps", "width", "depth", "batch"):
            check_setting(name, getattr(self, name))
        for name in ("gamma", "gain", "memory", "every"):
            check_setting(name, getattr(self, name), lowest=0)
        if self.crop:
            check_setting("crop", self.crop, lowest=8)

    @classmethod
    def recipe(cls, name: str) -> "Neighbor2Neighbor":
        """Settings of ``standard`` (reduced: a small network, 800 steps on crops of 64), ``paper`` or ``as_in_paper``.

        ``standard`` begins with larger weights and keeps the running mean of the weights as it was when it predicted
        held-out blocks best: on dark images after a hundred steps, before it memorises noise; on CT near the end.
        ``as_in_paper`` is the baseline of Chobola et al., "Noise2Detail", MICCAI 2025, with its mistakes: 100 steps, a
        regulariser that compares pixels with others. Theirs takes the output of the last step; this applies the
        network after it, in float32 where theirs is in float64.
        """
        return {
            "standard": cls(
                steps=800, width=16, depth=3, schedule=OneCycle(2e-3), crop=64, gain=0.5, memory=0.98, every=50
            ),
            "paper": cls(),
            "as_in_paper": cls(
                steps=100,
                width=32,
                depth=4,
                schedule=Halving(3e-4, 100),
                crop=0,
                ramp=False,
                masks="redrawn",
                pairs=4,
                network="normalised",
            ),
        }[name]

    def briefly(self, share: float) -> "Neighbor2Neighbor":
        """The same with that share of the steps."""
        return briefly(self, share)

    def reading(self, factor: float) -> "Neighbor2Neighbor":
        """The same with so many times the crops in each step."""
        return replace(self, batch=round(factor * self.batch))

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Network trained on all images of the batch; a ``start`` of this method lends its weights."""
        span = unit_range(noisy, context.mask) if self.network == "normalised" else None
        net = self._new(noisy.shape[1], context)
        if isinstance(start, Neighbor2NeighborDenoiser):
            net.load_state_dict(weights_of(start.net))
        images = noisy if span is None else span.into(noisy)
        valid = _validity(images, context.mask)
        y, x = images.shape[-2:]
        blocks = held_out_blocks((y, x), len(images), context.seed) if self.every else torch.empty(0, 3)
        mean = RunningNet(net, self.memory)
        best = BestNet(mean.net)
        judge = _judge(mean.net, images, valid, blocks, context) if len(blocks) else None

        def follow(step: int) -> bool:
            mean.update(step, net)
            if judge is not None and (step % self.every == 0 or step == self.steps):
                best.offer(judge(), mean.net)
            return False

        loss = self._loss(net, images, without_blocks(valid, blocks), context)
        descend(net, loss, Descent(self.steps, self.schedule, stop=follow), context)
        weights = weights_of(mean.net) if judge is None else best.weights
        return self._denoiser(weights, span, context)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from stored weights."""
        weights = {name.removeprefix("net."): value for name, value in tensors.items() if name.startswith("net.")}
        span = restore_range(dict(tensors), context.device) if "range.offset" in tensors else None
        return self._denoiser(weights, span, context)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """All steps, each with a training on a quarter of the pixels and a pass over all; the looks; and one pass."""
        once = pass_work(lambda: self.fresh(1), 1)
        pixels = float(images * y * x)
        read = self.batch * self.crop**2 if self.crop else pixels
        looked = min(MOST * (BLOCK + 2 * SURROUNDINGS) ** 2, pixels) / self.every if self.every else 0
        return Cost(self.steps * once * (read * (BACKWARD / 4 + 1) + looked), once * pixels)

    def strength(self, step: int) -> float:
        """Weight of the regulariser in a step, counted from 0."""
        return self.gamma * ((step + 1) / self.steps if self.ramp else 1.0)

    def fresh(self, channels: int) -> nn.Module:
        """The network before it has learnt anything; its weights come from the global generator."""
        if self.network == "normalised":
            return NormalisedUNet(channels, self.width)
        return NoiseUNet(channels, self.width, self.depth, self.gain)

    def _new(self, channels: int, context: Context) -> nn.Module:
        with seeded(context.seed, context.device):
            return ready(self.fresh(channels), context.device)

    def _denoiser(self, weights: Mapping[str, Tensor], span: ValueRange | None, context: Context) -> Denoiser:
        net = self._new(weights["last.weight" if span else "last.1.weight"].shape[0], context)
        net.load_state_dict(weights)
        return Neighbor2NeighborDenoiser(net.eval(), span, None if span else self.depth, context.precision)

    def _loss(self, net: nn.Module, images: Batch, valid: Tensor, context: Context) -> Callable[[int], Tensor]:
        """Error of what one pixel of a cell predicts for another, and the regulariser."""
        side = min(self.crop, *(size // 4 * 4 for size in images.shape[-2:])) if self.crop else 0
        materials = tuple(Material(image) for image in (images, valid))
        sampler = CropSampler(materials, Crops(self.batch, side), 0, CYCLE, context.seed) if side else None
        draws = torch.Generator().manual_seed(context.seed)

        def loss(step: int) -> Tensor:
            crops, weight = images, valid
            if sampler is not None:
                crops, weight = sampler.at(torch.tensor([step % CYCLE], device=images.device))
            drawn = draw_pairs(crops, self.pairs, draws)
            again = drawn if self.masks == "same" else draw_pairs(crops, self.pairs, draws)
            terms = pair_terms(lambda batch: net(batch).float(), crops, drawn, again)
            first_valid, second_valid = neighbours(weight, drawn)
            return weighted(terms, self.strength(step), first_valid * second_valid)

        return loss


@dataclass(frozen=True, eq=False)
class Neighbor2NeighborDenoiser:
    """The trained network."""

    net: nn.Module
    span: ValueRange | None
    """Values in which the normalised network sees the image; None: as they are."""
    depth: int | None
    """Halvings of the resolution; None: it normalises the image by the whole of it."""
    precision: Precision

    @property
    def halo(self) -> int | None:
        """What an output pixel depends on, and what a border may be reflected from."""
        return None if self.depth is None else max(noise_unet_reach(self.depth), self.alignment)

    @property
    def alignment(self) -> int:
        """Side of what is one pixel where the resolution is lowest."""
        return 1 if self.depth is None else 2**self.depth

    def __call__(self, noisy: Batch) -> Batch:
        """Denoised images, each normalised by itself where the network normalises."""
        images = noisy if self.span is None else self.span.into(noisy)
        with torch.no_grad(), convolutions_in(self.precision, noisy.device):
            result = torch.cat([self.net(image[None]).float() for image in images])
        return result.contiguous() if self.span is None else self.span.back(result).contiguous()

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """The weights, and the range of values where there is one."""
        net = {f"net.{name}": value.cpu().contiguous() for name, value in weights_of(self.net).items()}
        return net | (self.span.tensors() if self.span else {})


def draw_pairs(images: Tensor, pairs: int, draws: torch.Generator) -> Tensor:
    """Which two pixels of each 2x2 cell are given and predicted, ``(2, batch, 1, y // 2, x // 2)``.

    Parameters
    ----------
    images
        Whose cells they are; all channels share them.
    pairs
        How many of ``PAIRS`` there are to choose from.
    draws
        Where chance comes from, on the processor.
    """
    y, x = (size // 2 for size in images.shape[-2:])
    number = torch.randint(pairs, (len(images), 1, y, x), generator=draws)
    return torch.tensor(PAIRS)[number].movedim(-1, 0).to(images.device)


def neighbours(images: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """The given and the predicted pixels of all cells, each an image of half the size; an odd last row is ignored.

    Examples
    --------
    >>> image = torch.tensor([[0., 1., 2.], [3., 4., 5.]])[None, None]
    >>> drawn = torch.tensor([1, 3]).view(2, 1, 1, 1, 1)
    >>> [view.item() for view in neighbours(image, drawn)]
    [1.0, 4.0]
    """
    y, x = (size // 2 * 2 for size in images.shape[-2:])
    corners = [images[..., row:y:2, column:x:2] for row in (0, 1) for column in (0, 1)]
    cells = torch.stack(corners, -1)  # (batch, channel, y, x, corner)
    first, second = (
        cells.gather(-1, own[..., None].expand(*cells.shape[:-1], 1))[..., 0] for own in (drawn[0], drawn[1])
    )
    return first, second


def pair_terms(
    predict: Callable[[Tensor], Tensor], images: Tensor, drawn: Tensor, again: Tensor
) -> tuple[Tensor, Tensor]:
    """Squared error of the prediction, and squared difference of that error to the one of the denoised image.

    Parameters
    ----------
    predict
        The network.
    images
        Noisy.
    drawn
        Pixels of each cell that are given and predicted.
    again
        Pixels of each cell that are compared in the denoised image, through which nothing is learnt.
    """
    given, wanted = neighbours(images, drawn)
    error = predict(given) - wanted
    with torch.no_grad():
        first, second = neighbours(predict(images), again)
    return error.square(), (error - (first - second)).square()


def weighted(terms: tuple[Tensor, Tensor], strength: float, weight: Tensor) -> Tensor:
    """Mean of the first term and ``strength`` times the second where ``weight`` is 1; 0 where it is nowhere."""
    total = (terms[0] + strength * terms[1]) * weight
    return total.sum() / (weight.sum() * total.shape[1]).clamp_min(1)


def prediction_error(predict: Callable[[Tensor], Tensor], images: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error of all pairs of all cells, where both pixels of a pair have the weight 1; 0 without any."""
    corners = [(row, column) for row in (0, 1) for column in (0, 1)]
    y, x = (size // 2 * 2 for size in images.shape[-2:])
    views, weights = ([own[..., r:y:2, c:x:2] for r, c in corners] for own in (images, weight))
    found = [predict(view) for view in views]
    squares = torch.stack([(found[a] - views[b]).square() for a, b in PAIRS])
    both = torch.stack([weights[a] * weights[b] for a, b in PAIRS])
    return (squares * both).sum() / (both.sum() * images.shape[1]).clamp_min(1)


def _judge(net: nn.Module, images: Batch, valid: Tensor, blocks: Tensor, context: Context) -> Callable[[], float]:
    """How badly a network predicts the held-out blocks."""
    inside = 1 - without_blocks(torch.ones_like(valid), blocks)
    given, weight = (block_windows(own, blocks, SURROUNDINGS) for own in (images, valid * inside))

    def error() -> float:
        with torch.no_grad(), convolutions_in(context.precision, context.device):
            return float(prediction_error(lambda batch: net(batch).float(), given, weight))

    return error


def _validity(images: Batch, mask: Mask | None) -> Tensor:
    return torch.ones_like(images[:, :1]) if mask is None else mask.to(images.dtype)
