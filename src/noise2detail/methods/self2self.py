"""Self2Self: a network with dropout learns to fill in pixels that were taken out; its guesses are averaged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.own_image import OwnImage, restore_own_image
from noise2detail.engine.pair_training import Stage
from noise2detail.engine.partial_unet import MULTIPLE, PartialUNet
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving, OneCycle, Schedule
from noise2detail.engine.seeding import seeded
from noise2detail.engine.unit_range import standard_range, unit_range
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import SettingError, check_setting
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.types import Batch, Mask

LEARNING = 0.95
"""Share of the progress that the training is; the rest are the passes."""


@dataclass(frozen=True)
class Self2Self:
    """Hyper-parameters; the defaults are those of the authors' program.

    Source
    ------
    Quan, Chen, Pang & Ji, "Self2Self With Dropout: Learning Self-Supervised Denoising From Single Image", CVPR 2020.
    The paper says 450,000 steps, the program takes 150,000. As in the program, the pixels that are taken out are drawn
    for every channel by itself and the passes are mirrored at random too. Deviations: an image whose sides are no
    multiples of 32 is enlarged by holes; of a batch every step reads one image, in turn. Those of the network are
    listed there.
    """

    scope: ClassVar[Literal["any", "image"]] = "image"

    steps: int = 150_000
    """Of the training."""
    rate: float = 1e-4
    """Learning rate; with crops the peak that it rises to and falls from."""
    width: int = 48
    """Channels of the network on its way down."""
    dropout: float = 0.3
    """Probability with which a value in the network is set to 0."""
    keep: float = 0.7
    """Probability with which a pixel is left in the image; the loss is on the others."""
    passes: int = 100
    """Results that are averaged."""
    crop: int | None = None
    """Side of the random crops that a step reads, a multiple of 32; None: it reads a whole image."""
    crops: int = 1
    """Number of crops that a step reads."""

    bounded: bool = True
    """End in a sigmoid, as published, on values from 0 to 1; else in nothing, on values of mean 0 and deviation 1."""

    def __post_init__(self) -> None:
        for name in ("steps", "width", "passes", "crops"):
            check_setting(name, getattr(self, name))
        check_setting("rate", self.rate, lowest=0)
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout is {self.dropout}; expected a share from 0 to below 1")
        if not 0 < self.keep < 1:
            raise SettingError(f"keep is {self.keep}; expected a share between 0 and 1")
        if self.crop is not None and (self.crop < MULTIPLE or self.crop % MULTIPLE):
            raise SettingError(f"crop is {self.crop}; expected a multiple of {MULTIPLE} pixels, or None")

    @classmethod
    def recipe(cls, name: str) -> "Self2Self":
        """Settings of ``standard`` or ``paper``.

        ``standard`` is reduced: a narrower network, few steps on random crops at a higher rate, no sigmoid (which
        learns dark images slowly), fewer passes.
        """
        return {"standard": cls(640, 3e-3, width=24, passes=16, crop=64, crops=2, bounded=False), "paper": cls()}[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Mean of what one network, trained on all images of the batch, guesses; nothing is taken from ``start``."""
        del start
        values = (unit_range if self.bounded else standard_range)(noisy, context.mask)
        with seeded(context.seed, context.device):
            training = _Training(self, values.into(noisy), context.mask)
            schedule: Schedule = Halving(self.rate, self.steps) if self.crop is None else OneCycle(self.rate)
            stage = Stage("training", 0.0, LEARNING)
            descend(training.net, training.loss, Descent(self.steps, schedule, stage=stage), context)
            result = self._mean(training, context)
        return OwnImage(noisy.clone(), values.back(result))

    def _mean(self, training: "_Training", context: Context) -> Batch:
        total = torch.zeros_like(training.images)
        count = self.passes * len(total)
        for index in range(count):
            number = index % len(total)
            total[number] += training.guess(number, context)[0]
            share = LEARNING + (1 - LEARNING) * (index + 1) / count
            context.on_step(Step("averaging", index + 1, count, None, share if index + 1 < count else 1.0))
        return total / self.passes

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from the images that were denoised."""
        return restore_own_image(tensors, context.device)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Steps on crops or whole images, then the passes."""
        whole = (y + -y % MULTIPLE) * (x + -x % MULTIPLE)
        read = float(whole) if self.crop is None else float(self.crops * self.crop**2)
        work = pass_work(lambda: PartialUNet(1, self.width), 1)
        # a training keeps some fourteen copies of the finest scale's channels, a pass five
        held = max(14.0 * self.width * read, 5.0 * self.width * whole) / (images * y * x)
        training = self.steps * read * BACKWARD * work + images * self.passes * whole * work
        return Cost(training, images * float(y * x), held)


class _Training:
    """The network, and the images in the range of 0 to 1 that it learns to fill in."""

    def __init__(self, method: Self2Self, images: Batch, mask: Mask | None) -> None:
        self._method, self.images = method, images
        device = images.device
        self.net: PartialUNet = PartialUNet(images.shape[1], method.width, method.dropout, bounded=method.bounded).to(  # type: ignore[call-overload]
            device=device, memory_format=torch.channels_last
        )
        valid = images.new_ones(len(images), 1, *images.shape[2:]) if mask is None else mask.float()
        self._images, self._valid = (_enlarged(part) for part in (images, valid))

    def loss(self, step: int) -> Tensor:
        """Mean square difference at the pixels that were taken out."""
        if self._method.crop is None:
            number = step % len(self._images)
            image, valid = self._images[number][None], self._valid[number][None]
        else:
            image, valid = self._crops(self._method.crop)
        flips = _flips()
        image, valid = image.flip(flips), valid.flip(flips)
        output, kept = self._filled(image, valid)
        out = valid * (1 - kept)
        return (out * (output - image).square()).sum() / out.sum().clamp_min(1.0)

    def guess(self, number: int, context: Context) -> Batch:
        """What the network makes of an image of which some pixels were taken out, ``(1, channel, y, x)``."""
        flips = _flips()
        y, x = self.images.shape[-2:]
        with torch.no_grad(), convolutions_in(context.precision, context.device):
            own = slice(number, number + 1)
            output, _ = self._filled(self._images[own].flip(flips), self._valid[own].flip(flips))
        return output.flip(flips)[..., :y, :x]

    def _filled(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Output, and what the network was shown."""
        kept = (torch.rand_like(image) < self._method.keep).to(image.dtype) * valid
        shown = image.contiguous(memory_format=torch.channels_last)
        return self.net(shown, kept).float(), kept

    def _crops(self, side: int) -> tuple[Tensor, Tensor]:
        count, _, y, x = self._images.shape
        drawn = torch.rand(self._method.crops, 3, dtype=torch.float64).tolist()
        sides = min(side, y), min(side, x)
        places = [(int(n * count), int(t * (y - sides[0] + 1)), int(s * (x - sides[1] + 1))) for n, t, s in drawn]
        image, valid = (
            torch.stack([part[n, :, top : top + sides[0], left : left + sides[1]] for n, top, left in places])
            for part in (self._images, self._valid)
        )
        return image, valid


def _enlarged(images: Tensor) -> Tensor:
    """Images with zeros at the bottom and right until both sides are multiples of what the network needs."""
    return F.pad(images, (0, -images.shape[-1] % MULTIPLE, 0, -images.shape[-2] % MULTIPLE))


def _flips() -> list[int]:
    """Axes that are mirrored, each with a probability of one half."""
    return [axis for axis, drawn in zip((-2, -1), torch.rand(2).tolist(), strict=True) if drawn < 0.5]
