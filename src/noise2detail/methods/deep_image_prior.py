"""Deep Image Prior: a network without data learns to draw the noisy image, and draws the noise last."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.own_image import OwnImage, restore_own_image
from noise2detail.engine.pair_training import Stage
from noise2detail.engine.schedule import Halving
from noise2detail.engine.seeding import seeded
from noise2detail.engine.skip_net import Edge, SkipNet, smallest_side
from noise2detail.engine.unit_range import unit_range
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import SettingError, check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch, Mask

AMPLITUDE = 0.1
"""The network's input is drawn evenly between 0 and this."""


@dataclass(frozen=True)
class DeepImagePrior:
    """Hyper-parameters; the defaults are the paper's as its program has them for Gaussian noise of 25 in 255.

    A batch is denoised image by image, each by a network of its own that begins with the same seed: the prior is one
    of a single image, so nothing is learnt from one for another, and an image's result does not depend on which others
    are in the batch.

    Source
    ------
    Ulyanov, Vedaldi & Lempitsky, "Deep Image Prior", CVPR 2018, Sec. 3.1, and the authors' program (its notebook on
    denoising), which has what the paper does not print: noise on the input, the averaged output, the fall back to
    earlier weights. Deviations: an image whose sides are no multiples of 32 is drawn on a larger canvas and cut, where
    the authors cut the image; at a fall back the step is taken from the restored weights at once.
    """

    scope: ClassVar[Literal["any", "image"]] = "image"

    steps: int = 3000
    """Of the training; more of them draw more detail, then noise."""
    rate: float = 0.01
    """Learning rate."""
    width: int = 128
    """Channels of the finest scale; each coarser one has twice as many until ``widest``."""
    widest: int = 128
    """Channels of a scale at most."""
    skips: tuple[int, ...] = (4, 4, 4, 4, 4)
    """Channels of each scale's skip connection, the finest first; there are as many scales."""
    inputs: int = 32
    """Channels of the random image that the network is given."""
    jitter: float = 1 / 30
    """Standard deviation of the noise added to that image at every step."""
    memory: float = 0.99
    """Share of the averaged output that a step leaves; 0: the last output is the result."""
    fall: float | None = 5.0
    """Decibels of agreement with the noisy image whose loss within a step brings the last weights back; None: none."""
    edge: Edge = "reflect"
    """Padding of the convolutions."""
    level: bool = False
    """Begin at the image's mean, not half way between its extremes: no steps are spent on getting there."""

    def __post_init__(self) -> None:
        for name in ("steps", "width", "widest", "inputs"):
            check_setting(name, getattr(self, name))
        for name in ("rate", "jitter", "memory"):
            check_setting(name, getattr(self, name), lowest=0)
        if not self.skips:
            raise SettingError("skips is empty; expected the channels of the skip connection of one scale at least")
        for number, channels in enumerate(self.skips):
            check_setting(f"skips[{number}]", channels, lowest=0)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each scale, the finest first."""
        return tuple(max(self.width, min(self.width * 2**scale, self.widest)) for scale in range(len(self.skips)))

    @classmethod
    def recipe(cls, name: str) -> "DeepImagePrior":
        """Settings of ``standard``, ``paper`` or ``as_in_paper``.

        ``standard`` is reduced: eight channels at every scale, none past the finest, 340 steps at three times the rate
        from the image's mean, a shorter average. Eight channels cannot average out noise on the input as 128 do, and
        drawn under the published 1/30 the image stays a blur for thousands of steps: it has less. So small a network
        draws noise late; so few steps leave the finest detail undrawn. ``as_in_paper`` is the weak adaptation that
        later papers compared with: thin, zeros at the border, no noise on its one-channel input, no average, no fall
        back.
        """
        return {
            "standard": cls(340, 0.03, 8, 8, skips=(0, 4, 4, 4, 4), inputs=16, jitter=0.005, memory=0.97, level=True),
            "paper": cls(),
            "as_in_paper": cls(
                width=8, skips=(0, 0, 0, 4, 4), inputs=1, jitter=0.0, memory=0.0, fall=None, edge="zeros"
            ),
        }[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Every image as its own network draws it; nothing is taken from ``start``."""
        del start
        count, found = len(noisy), []
        for number in range(count):
            name = f"image {number + 1}/{count}" if count > 1 else "training"
            own = slice(number, number + 1)
            mask = None if context.mask is None else context.mask[own]
            found.append(self._drawn(noisy[own], mask, Stage(name, number / count, (number + 1) / count), context))
        return OwnImage(noisy.clone(), torch.cat(found))

    def _drawn(self, noisy: Batch, mask: Mask | None, stage: Stage, context: Context) -> Batch:
        values = unit_range(noisy, mask)
        with seeded(context.seed, context.device):
            drawing = _Drawing(self, values.into(noisy), mask)
            descend(
                drawing.net, drawing.loss, Descent(self.steps, Halving(self.rate, self.steps), stage=stage), context
            )
        return values.back(drawing.mean)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from the images that were denoised."""
        return restore_own_image(tensors, context.device)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Passes over the whole canvas."""
        side_y, side_x = _canvas(len(self.skips), y, x)
        work = pass_work(lambda: self._network(1), self.inputs) * side_y * side_x
        # at the finest scale some eight copies of its channels are kept for the gradient; coarser ones add a third each
        held = (10.0 * self.width + 2 * self.inputs) * side_y * side_x / (y * x) / images
        return Cost(images * self.steps * BACKWARD * work, images * float(y * x), held)

    def _network(self, channels: int) -> SkipNet:
        return SkipNet(self.inputs, channels, self.widths, self.skips, self.edge)


def _canvas(scales: int, y: int, x: int) -> tuple[int, int]:
    """Sides of the random image: multiples that can be halved so often."""
    lowest, divisor = smallest_side(scales), 2**scales
    return max(lowest, y + -y % divisor), max(lowest, x + -x % divisor)


class _Drawing:
    """A network that draws one image in the range of 0 to 1, and the mean of what it has drawn."""

    mean: Tensor
    """``(1, channel, y, x)``."""

    def __init__(self, method: DeepImagePrior, target: Batch, mask: Mask | None) -> None:
        self._method, self._target = method, target
        channels, y, x = target.shape[1:]
        # not with the channels last: two threads that add up eight of them wait for each other's cache lines
        self.net = method._network(channels).to(target.device)
        self._input = torch.rand(1, method.inputs, *_canvas(len(method.skips), y, x), device=target.device) * AMPLITUDE
        self._weight = None if mask is None else mask.float()
        self._count = float(y * x) if mask is None else max(float(mask.sum()), 1.0)
        if method.level:
            self._begin_at_mean()
        self._agreement, self._kept = -math.inf, [parameter.detach().clone() for parameter in self.net.parameters()]

    def _begin_at_mean(self) -> None:
        """Set what the sigmoid adds to, so that it gives each channel's mean where the rest gives nothing."""
        valid = self._target if self._weight is None else self._target * self._weight
        # a mean at the end of the range would leave the sigmoid without a gradient
        mean = (valid.sum((0, 2, 3)) / self._count).clamp(0.01, 0.99)
        self.net.last.get_parameter("bias").data.copy_(torch.logit(mean))

    def loss(self, step: int) -> Tensor:
        """Mean square difference from the noisy image."""
        method = self._method
        given = self._input
        if method.jitter:
            given = given.add(torch.randn_like(given), alpha=method.jitter)
        output, loss = self._compared(given)
        if method.fall is not None and self._fell(loss.detach(), method.fall):
            for parameter, kept in zip(self.net.parameters(), self._kept, strict=True):
                parameter.data.copy_(kept)
            output, loss = self._compared(given)
        output = output.detach()
        self.mean = output if step == 0 else self.mean.lerp(output, 1 - method.memory)
        return loss

    def _compared(self, given: Tensor) -> tuple[Tensor, Tensor]:
        y, x = self._target.shape[-2:]
        output = self.net(given)[..., :y, :x].float()
        square = (output - self._target).square()
        if self._weight is not None:
            square = square * self._weight
        return output, square.sum() / (self._count * self._target.shape[1])

    def _fell(self, loss: Tensor, fall: float) -> bool:
        """True if the agreement has collapsed since the last step; otherwise the present weights are kept."""
        agreement = -10 * math.log10(max(float(loss), 1e-30))
        # a loss that is no number is below everything
        if not agreement >= self._agreement - fall:
            return True
        self._agreement = agreement
        for parameter, kept in zip(self.net.parameters(), self._kept, strict=True):
            kept.copy_(parameter.detach())
        return False
