"""Noise2Fast: the two colours of a checkerboard predict each other until the noisy image itself says stop."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noise2detail.engine.crops import Crops, CropSampler, Material
from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.own_image import OwnImage, restore_own_image
from noise2detail.engine.pair_training import Stage
from noise2detail.engine.plain_nets import PLAIN_DEPTH, PlainNet, ready, weights_of
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving
from noise2detail.engine.seeding import seeded
from noise2detail.engine.unit_range import unit_range
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch, Mask

WINDOWS = 16
"""Crops on which the network is judged where it is trained on crops; they lie at random places and stay."""

CYCLE = 1000
"""Steps after which the places of crops come round again."""

RATE = 1e-3
"""Of Adam, as published; it does not fall."""

ESCAPE_RATE = 5e-6
"""Of the second attempt, after one whose result is flat."""

GREY = 1e-3
"""Share of the range of values by which a pixel must be brighter than the mean to count as structure."""

FEWEST = 1e-4
"""Share of pixels with structure up to which a result is flat: 25 pixels of 512x512."""

Looks = Callable[[Callable[[Batch], Batch]], float]
"""A function that denoises, to how far its result is from the noisy image."""


@dataclass(frozen=True)
class Noise2Fast:
    """Hyper-parameters; ``recipe`` names the published ones.

    Source
    ------
    Lequyer, Philip, Sharma, Hsu & Pelletier, "A fast blind zero-shot denoiser", Nature Machine Intelligence 2022.
    Deviations: the last outputs are computed afterwards, from the weights of those steps, which take less memory than
    so many images; a flat result is told by shares of the range and of the pixels, not by grey levels and 25 pixels;
    all channels, and all images of a batch, are learnt by one network.
    """

    scope: ClassVar[Literal["any", "image"]] = "image"

    steps: int = 20_000
    """Optimiser steps at most; the stopping rule ends the training before."""
    width: int = 64
    """Hidden channels."""
    batch: int = 4
    """Crops per step."""
    crop: int = 0
    """Side of a crop in pixels, a multiple of 4; 0: whole images."""
    every: int = 1
    """Steps between two looks at the noisy image."""
    patience: int = 100
    """Steps without a new best after which the training ends."""
    passes: int = 105
    """Outputs that are averaged: those of the last looks."""

    def __post_init__(self) -> None:
        for name in ("steps", "width", "batch", "every", "patience", "passes"):
            check_setting(name, getattr(self, name))
        if self.crop:
            check_setting("crop", self.crop, lowest=8)

    @classmethod
    def recipe(cls, name: str) -> "Noise2Fast":
        """Settings of ``standard`` (reduced: half the width, crops of 64, a look every 5 steps) or ``paper``.

        The authors set no limit to the steps of ``paper``; here it is 20,000.
        """
        return {"standard": cls(steps=1000, width=32, crop=64, every=5, passes=20), "paper": cls()}[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Result for the images of the batch; a ``start`` is of no use here."""
        del start
        span = unit_range(noisy, context.mask)
        unit = span.into(noisy)
        result = self._attempt(unit, RATE, Stage("training", 0.0, 0.8), context)
        if is_flat(result, context.mask):
            result = self._attempt(unit, ESCAPE_RATE, Stage("second training", 0.8, 0.99), context)
        context.on_step(Step("averaging", 1, 1, None, 1.0))
        return OwnImage(noisy, span.back(result))

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """The stored result, for the stored images."""
        return restore_own_image(tensors, context.device)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """All steps that may be taken, with the looks, and the averaged outputs."""
        once = pass_work(lambda: PlainNet(1, self.width), 1)
        pixels = float(images * y * x)
        read, seen = (self.batch * self.crop**2, WINDOWS * self.crop**2) if self.crop else (pixels, pixels)
        training = self.steps * once * (BACKWARD * read / 2 + seen / self.every)
        return Cost(training, self.passes * once * pixels, held=4.0)

    def _attempt(self, unit: Batch, rate: float, stage: Stage, context: Context) -> Batch:
        """Mean of the last outputs of one training; ``unit`` is within [0, 1]."""
        with seeded(context.seed, context.device):
            net = ready(PlainNet(unit.shape[1], self.width), context.device)
        side = min(self.crop, *(size // 4 * 4 for size in unit.shape[-2:])) if self.crop else 0
        looks = _looks_at_windows(unit, side, context) if side else _looks_at_all(unit, context)
        watch = Watch(self, lambda: looks(_sigmoid_of(net, context)), lambda: weights_of(net))
        middle = stage.start + 0.75 * (stage.stop - stage.start)
        training = Stage(stage.name, stage.start, middle)
        descend(
            net,
            self._loss(net, unit, side, context),
            Descent(self.steps, Halving(rate, self.steps), stage=training, stop=watch.had_enough),
            context,
        )
        return _mean_output(net, watch.kept, unit, Stage("averaging", middle, stage.stop), context)

    def _loss(self, net: nn.Module, unit: Batch, side: int, context: Context) -> Callable[[int], Tensor]:
        """Cross entropy between one view, predicted from its partner, and that view."""
        valid = _validity(unit, context.mask)
        draws = torch.Generator().manual_seed(context.seed)
        sampler = _sampler((unit, valid), self.batch, side, CYCLE, context.seed) if side else None

        def loss(step: int) -> Tensor:
            images, weight = unit, valid
            if sampler is not None:
                images, weight = sampler.at(torch.tensor([step % CYCLE], device=unit.device))
            direction = int(torch.randint(4, (), generator=draws))
            given, wanted = directed_pair(images, direction)
            weight = directed_pair(weight, direction)[1]
            logits = net(given.contiguous(memory_format=torch.channels_last)).float()
            return cross_entropy(logits, wanted, weight)

        return loss


def directed_pair(image: Tensor, direction: int) -> tuple[Tensor, Tensor]:
    """One of the four pairs of a view and what is to be predicted from it.

    The pixels of one colour of a checkerboard are pushed together along the columns (directions 0 and 1) or along the
    rows (2 and 3) to an image of half the size; an odd last row or column is ignored.

    Examples
    --------
    >>> image = torch.tensor([[0., 1., 2., 3.], [4., 5., 6., 7.]])
    >>> [view.tolist() for view in directed_pair(image, 0)]
    [[[0.0, 5.0, 2.0, 7.0]], [[4.0, 1.0, 6.0, 3.0]]]
    >>> [view.tolist() for view in directed_pair(image, 2)]
    [[[0.0, 2.0], [5.0, 7.0]], [[1.0, 3.0], [4.0, 6.0]]]
    """
    y, x = (size // 2 * 2 for size in image.shape[-2:])
    image = image[..., :y, :x]
    pair = _pushed(image) if direction < 2 else tuple(view.mT for view in _pushed(image.mT))
    return (pair[0], pair[1]) if direction % 2 == 0 else (pair[1], pair[0])


def cross_entropy(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean of ``-t log p - (1 - t) log(1 - p)`` where ``weight`` is 1, ``p`` the sigmoid; 0 where it is nowhere.

    Parameters
    ----------
    logits, wanted
        ``(batch, channel, y, x)``; what is wanted is within [0, 1].
    weight
        ``(batch, 1, y, x)``, 0 or 1.
    """
    weight = weight.expand_as(wanted)
    total = F.binary_cross_entropy_with_logits(logits, wanted, weight=weight, reduction="sum")
    return total / weight.sum().clamp_min(1)


def _pushed(image: Tensor) -> tuple[Tensor, Tensor]:
    """Both colours, pushed together along the columns."""
    upper, lower = image[..., 0::2, :], image[..., 1::2, :]
    even = torch.arange(image.shape[-1], device=image.device) % 2 == 0
    return torch.where(even, upper, lower), torch.where(even, lower, upper)


class Watch:
    """The stopping rule, and the weights at the last looks.

    Parameters
    ----------
    method
        Steps, steps between looks, patience, and how many weights are kept.
    distance
        Mean squared difference between the noisy image and what the network makes of it now.
    weights
        Copy of the network's weights.
    """

    def __init__(
        self, method: Noise2Fast, distance: Callable[[], float], weights: Callable[[], dict[str, Tensor]]
    ) -> None:
        self._method, self._distance, self._weights = method, distance, weights
        self.kept: deque[dict[str, Tensor]] = deque(maxlen=method.passes)
        self._best, self._best_step = float("inf"), 0

    def had_enough(self, step: int) -> bool:
        """True when the image has not been met any better for longer than the patience."""
        if step % self._method.every and step != self._method.steps:
            return False
        self.kept.append(self._weights())
        found = self._distance()
        if found < self._best:
            self._best, self._best_step = found, step
        return step - self._best_step > self._method.patience


def is_flat(result: Batch, mask: Mask | None) -> bool:
    """True if a network has died: hardly a pixel of its result, within [0, 1], is brighter than the mean."""
    bright = result > result.mean((0, 2, 3), keepdim=True) + GREY
    if mask is not None:
        bright = bright & mask
    return float(bright.sum()) <= FEWEST * result.numel()


def _mean_output(net: nn.Module, kept: deque[dict[str, Tensor]], unit: Batch, stage: Stage, context: Context) -> Batch:
    mean, done = torch.zeros_like(unit), stage.start
    for number, weights in enumerate(kept):
        net.load_state_dict(weights)

        def tell(tile: int, tiles: int, number: int = number) -> None:
            nonlocal done
            share = (number + tile / tiles) / len(kept)
            now = stage.start + (stage.stop - stage.start) * share
            if now > done:  # tiles shrink and get more where memory runs out
                done = now
                context.on_step(Step(stage.name, number + 1, len(kept), None, now))

        mean += apply_in_tiles(
            _sigmoid_of(net, context), unit, tile=context.tile, halo=PLAIN_DEPTH, alignment=1, on_tile=tell
        )
    return mean / len(kept)


def _sigmoid_of(net: nn.Module, context: Context) -> Callable[[Batch], Batch]:
    def denoised(images: Batch) -> Batch:
        with torch.no_grad(), convolutions_in(context.precision, context.device):
            logits: Tensor = net(images.contiguous(memory_format=torch.channels_last)).float()
        return torch.sigmoid(logits)

    return denoised


def _looks_at_all(unit: Batch, context: Context) -> Looks:
    valid = _validity(unit, context.mask)

    def distance(denoise: Callable[[Batch], Batch]) -> float:
        found = apply_in_tiles(denoise, unit, tile=context.tile, halo=PLAIN_DEPTH, alignment=1)
        return _distance(found, unit, valid)

    return distance


def _looks_at_windows(unit: Batch, side: int, context: Context) -> Looks:
    """Fixed windows: how far they are from the image falls and rises with the whole of it, at less cost."""
    sampler = _sampler((unit, _validity(unit, context.mask)), WINDOWS, side, 1, context.seed + 1)
    images, valid = sampler.at(torch.tensor([0], device=unit.device))
    return lambda denoise: _distance(denoise(images), images, valid)


def _distance(found: Batch, noisy: Batch, valid: Tensor) -> float:
    return float(((found - noisy).square() * valid).sum() / (valid.sum() * noisy.shape[1]).clamp_min(1))


def _validity(unit: Batch, mask: Mask | None) -> Tensor:
    return torch.ones_like(unit[:, :1]) if mask is None else mask.to(unit.dtype)


def _sampler(images: tuple[Tensor, ...], count: int, side: int, steps: int, seed: int) -> CropSampler:
    return CropSampler(tuple(Material(image) for image in images), Crops(count, side), 0, steps, seed)
