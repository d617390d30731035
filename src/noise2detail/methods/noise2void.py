"""Noise2Void: a network learns to predict pixels that it cannot see from their surroundings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from noise2detail.engine.blind_pixels import (
    Structure,
    blind_pixels,
    drawn_from_window,
    hidden_lines,
    median_without_centre,
    pixels_at,
)
from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving, OneCycle, briefly
from noise2detail.engine.seeding import seeded
from noise2detail.engine.unit_range import ValueRange, restore_range, standard_range
from noise2detail.engine.void_unet import CELL, VoidUNet
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.numerics.padding import pad_to_multiple
from noise2detail.types import Batch, Precision

Replacement = Literal["uniform", "uniform_without_centre", "median"]
"""What a blind pixel is shown as: a pixel drawn from the 11x11 window about it (published: its own value is among
them), one that is not itself, or the median of the others."""

HIDING = 2.0
"""Values that hide a line are drawn evenly between plus and minus so many standard deviations of the image."""

HELD_CROPS = 8
"""Crops whose blind pixels are held out to judge the network by."""


@dataclass(frozen=True)
class Noise2Void:
    """Hyper-parameters; ``recipe`` names the published and the reduced trainings.

    Every step hides one pixel in each ``box`` of random crops and asks the network for it.

    Source
    ------
    Krull, Buchholz & Jug, "Noise2Void - Learning Denoising from Single Noisy Images", CVPR 2019; Broaddus et al.,
    "Removing Structured Noise with Self-Supervised Blind-Spot Networks", ISBI 2020 (``structure``); Höck et al.,
    "N2V2 - Fixing Noise2Void Checkerboard Artifacts with Modified Sampling Strategies and a Tweaked Network
    Architecture", ECCV workshops 2022. Deviations: one network and the same blind pixels for all channels, so that
    noise which channels share cannot be read off another; Adam's means start anew when the rate is halved; the
    held-out pixels are never trained on, in place of a held-out image.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    steps: int = 500
    """Optimiser steps."""
    width: int = 32
    """Channels of the network's first level."""
    replacement: Replacement = "uniform"
    """What a blind pixel is shown as."""
    structure: Structure = "none"
    """Line that is hidden together with a blind pixel; crops are then not turned, for noise has a direction."""
    span: int = 9
    """Length of that line in pixels, odd."""
    loss: Literal["mse", "mae"] = "mse"
    """Mean of the squared, or of the absolute errors."""
    blur_pool: bool = False
    """Blur between the levels of the network."""
    top_skip: bool = True
    """Hand features of full size over to the end of the network."""
    crops: int = 4
    """Crops per step."""
    size: int = 64
    """Side of a crop in pixels; less in images that are smaller."""
    box: int = 4
    """Side in pixels of the boxes with one blind pixel each."""
    schedule: Halving | OneCycle = field(default_factory=lambda: OneCycle(2e-3))
    """Learning rate by step."""
    patience: int = 0
    """Looks at held-out pixels without a better one before the rate is halved; the best weights count. 0: no pixels are
    held out, and the last weights count."""
    every: int = 400
    """Steps between two looks."""

    def __post_init__(self) -> None:
        for name in ("width", "crops", "box", "every"):
            check_setting(name, getattr(self, name))
        check_setting("size", self.size, lowest=2 * CELL)
        check_setting("span", self.span, lowest=1)
        for name in ("steps", "patience"):
            check_setting(name, getattr(self, name), lowest=0)

    @classmethod
    def recipe(cls, name: str) -> "Noise2Void":
        """Settings of ``standard`` (Noise2Void), ``n2v2``, ``struct`` (lines along x) or ``paper``.

        The first three are reduced: 500 steps of 4 crops in place of 40,000 of 16, at rates that rise and fall;
        ``standard`` and ``n2v2`` hide 4 times as many pixels, to learn as much from fewer. ``paper`` has the
        defaults of the authors' release with the kernel and the loss of its examples.
        """
        standard = cls()
        return {
            "standard": standard,
            "n2v2": replace(standard, replacement="median", loss="mae", blur_pool=True, top_skip=False),
            "struct": replace(standard, structure="horizontal", box=8),
            "paper": cls(steps=40_000, crops=16, box=8, schedule=Halving(4e-4, 40_000), patience=10),
        }[name]

    def briefly(self, share: float) -> "Noise2Void":
        """The same with that share of the steps."""
        return briefly(self, share)

    def reading(self, factor: float) -> "Noise2Void":
        """The same with so many times the crops in each step."""
        return replace(self, crops=round(factor * self.crops))

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Network trained on crops of all images of the batch; a ``start`` of the same form lends its weights."""
        values = standard_range(noisy, context.mask)
        with seeded(context.seed, context.device):
            net = self._network(noisy.shape[1], context.device)
        if isinstance(start, Noise2VoidDenoiser) and _form(start.net) == _form(net):
            net.load_state_dict(start.net.state_dict())
        lesson = _Lesson(self, values.into(noisy), context)
        _train(net, lesson, self, context)
        return Noise2VoidDenoiser(net.eval(), values, context.precision)

    def _network(self, channels: int, device: torch.device) -> VoidUNet:
        net = VoidUNet(channels, self.width, self.blur_pool, self.top_skip)
        return net.to(device=device, memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Passes with gradients over all crops, and one pass over each image."""
        work = pass_work(lambda: VoidUNet(1, self.width, self.blur_pool, self.top_skip), 1)
        return Cost(self.steps * self.crops * _side(self, y, x) ** 2 * BACKWARD * work, work * images * y * x)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from stored weights."""
        own = {name.removeprefix("net."): value for name, value in tensors.items() if name.startswith("net.")}
        width, channels = own["last.weight"].shape[1], own["last.weight"].shape[0]
        net = replace(self, width=width)._network(channels, context.device)
        net.load_state_dict(own)
        return Noise2VoidDenoiser(net.eval(), restore_range(dict(tensors), context.device), context.precision)


@dataclass(frozen=True, eq=False)
class Noise2VoidDenoiser:
    """The trained network; applied to the image as it is, without blind pixels."""

    net: VoidUNet
    values: ValueRange
    """In which the network works."""
    precision: Precision
    alignment: ClassVar[int] = CELL

    @property
    def halo(self) -> int:
        """As far as the network sees."""
        return self.net.reach

    def __call__(self, noisy: Batch) -> Batch:
        """What the network predicts."""
        y, x = noisy.shape[-2:]
        given = pad_to_multiple(self.values.into(noisy), CELL).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), convolutions_in(self.precision, noisy.device):
            found: Batch = self.net(given).float()
        return self.values.back(found[..., :y, :x]).contiguous()

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights, the normalisation's means, and the range."""
        own = {f"net.{name}": value.detach().cpu().contiguous() for name, value in self.net.state_dict().items()}
        return own | self.values.tensors()


@dataclass(frozen=True, eq=False)
class Exercise:
    """Crops with blind pixels: what the network sees, and what it must say."""

    given: Tensor
    """Crops with what they hide replaced, ``(crop, channel, side, side)``."""
    wanted: Tensor
    """The blind pixels as they are, ``(crop, channel, pixel)``."""
    weight: Tensor
    """``(crop, 1, pixel)``: 1 where a pixel counts, else 0."""
    places: Tensor
    """Where in a flattened crop they lie, ``(crop, pixel)``."""

    def loss(self, net: nn.Module, kind: Literal["mse", "mae"]) -> Tensor:
        """Mean error on the blind pixels that count; 0 if none does."""
        error = pixels_at(net(self.given).float(), self.places) - self.wanted
        size = error.square() if kind == "mse" else error.abs()
        return (size * self.weight).sum() / (self.weight.sum() * size.shape[1]).clamp_min(1)


class _Lesson:
    """Draws exercises from images; one generator on the host, so the same on every device."""

    def __init__(self, method: Noise2Void, images: Batch, context: Context) -> None:
        self._method = method
        self._generator = torch.Generator().manual_seed(context.seed)
        valid = torch.ones_like(images[:, :1]) if context.mask is None else context.mask.to(images.dtype)
        self.empty = not bool(valid.any())
        # the last channel says which pixels may be asked for
        self._material = torch.cat([images, valid], 1)
        self._side = _side(method, *images.shape[-2:])

    def hold_out(self) -> Exercise:
        """Exercise whose blind pixels are never asked for again."""
        corners = self._corners(HELD_CROPS)
        rows, columns = blind_pixels(HELD_CROPS, self._side, self._method.box, self._generator)
        exercise = self._exercise(self._cut(corners), rows, columns)
        image, top, left = corners.to(self._material.device)[:, :, None].unbind(1)
        self._material[image, -1, rows.to(image.device) + top, columns.to(image.device) + left] = 0.0
        return exercise

    def draw(self) -> Exercise:
        """The next one."""
        method = self._method
        crops = self._cut(self._corners(method.crops))
        if method.structure == "none":
            turns = torch.randint(8, (method.crops,), generator=self._generator).tolist()
            crops = torch.stack([_turned(crop, turn) for crop, turn in zip(crops, turns, strict=True)])
        return self._exercise(crops, *blind_pixels(method.crops, self._side, method.box, self._generator))

    def _corners(self, count: int) -> Tensor:
        """``(crop, 3)``: image, top, left."""
        images, _, y, x = self._material.shape
        places = torch.tensor([images, y - self._side + 1, x - self._side + 1])
        return (torch.rand(count, 3, generator=self._generator, dtype=torch.float64) * places).long()

    def _cut(self, corners: Tensor) -> Tensor:
        side = self._side
        return torch.stack([self._material[n, :, y : y + side, x : x + side] for n, y, x in corners.tolist()])

    def _exercise(self, crops: Tensor, rows: Tensor, columns: Tensor) -> Exercise:
        method, side, images = self._method, self._side, crops[:, :-1]
        places = (rows * side + columns).to(crops.device)
        if method.replacement == "median":
            shown = median_without_centre(images, rows.to(crops.device), columns.to(crops.device))
        else:
            row, column = drawn_from_window(rows, columns, side, method.replacement == "uniform", self._generator)
            shown = pixels_at(images, (row * side + column).to(crops.device))
        index = places[:, None].expand_as(shown)
        given = images.flatten(2).scatter(2, index, shown).view_as(images)
        if method.structure != "none":
            hidden = hidden_lines(rows, columns, side, method.structure, method.span).to(crops.device)
            noise = HIDING * (2 * torch.rand(images.shape, generator=self._generator) - 1)
            given = torch.where(hidden, noise.to(crops.device), given)
        given = given.contiguous(memory_format=torch.channels_last)
        return Exercise(given, pixels_at(images, places), pixels_at(crops[:, -1:], places), places)


class _Watch:
    """Judges the network by its loss on held-out pixels, and remembers the best weights."""

    def __init__(self, net: VoidUNet, loss: Callable[[], Tensor], method: Noise2Void, context: Context) -> None:
        self._net, self._loss, self._method, self._context = net, loss, method, context
        self._least, self._waited = float("inf"), 0
        self._best: dict[str, Tensor] | None = None

    def had_enough(self, step: int) -> bool:
        """Whether the rate is to be lowered after step ``step`` of the whole training."""
        if step % self._method.every and step < self._method.steps:
            return False
        self._net.eval()
        with torch.no_grad(), convolutions_in(self._context.precision, self._context.device):
            found = float(self._loss())
        self._net.train()
        self._waited = 0 if found < self._least else self._waited + 1
        if found < self._least:
            self._least = found
            self._best = {name: value.clone() for name, value in self._net.state_dict().items()}
        enough = self._waited >= self._method.patience
        self._waited = 0 if enough else self._waited
        return enough

    def take_best(self) -> None:
        """Put the best weights in place of the last."""
        if self._best is not None:
            self._net.load_state_dict(self._best)


def _train(net: VoidUNet, lesson: _Lesson, method: Noise2Void, context: Context) -> None:
    """Train in place; where pixels are held out, again from where it was at half the rate after every plateau."""
    held = partial(lesson.hold_out().loss, net, method.loss) if method.patience else None
    watch = None if held is None else _Watch(net, held, method, context)

    def loss(_: int) -> Tensor:
        if lesson.empty:  # not even the means of the normalisation may move
            return 0.0 * torch.cat([parameter.flatten() for parameter in net.parameters()]).sum()
        return lesson.draw().loss(net, method.loss)

    net.train()
    taken = halvings = 0
    while taken < method.steps:
        before = taken

        def report(step: Step, before: int = before) -> None:
            index = before + step.index
            context.on_step(replace(step, index=index, count=method.steps, fraction=index / method.steps))

        def plateau(step: int, before: int = before) -> bool:
            return watch is not None and watch.had_enough(before + step)

        descent = Descent(method.steps - taken, method.schedule.scaled(0.5**halvings), stop=plateau)
        taken += descend(net, loss, descent, replace(context, on_step=report))
        halvings += 1
    if watch is not None:
        watch.take_best()


def _side(method: Noise2Void, y: int, x: int) -> int:
    """Of the crops in images of this size: a multiple of the network's cell."""
    return min(method.size, y, x) // CELL * CELL


def _form(net: VoidUNet) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in net.state_dict().items()}


def _turned(crop: Tensor, turn: int) -> Tensor:
    """One of the eight ways to turn and mirror a crop."""
    turned = crop.rot90(turn % 4, (-2, -1))
    return turned.flip(-1) if turn >= 4 else turned
