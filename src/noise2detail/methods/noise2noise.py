"""Noise2Noise: a network learns to turn one noisy frame of a scene into another, and so into their common mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from noise2detail.engine.descent import Descent, descend
from noise2detail.engine.optimizers import Adam
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.schedule import Halving, OneCycle
from noise2detail.engine.seeding import seeded
from noise2detail.engine.unets import NoiseUNet, noise_unet_reach
from noise2detail.engine.unit_range import ValueRange, restore_range, standard_range
from noise2detail.engine.void_unet import CELL, VoidUNet
from noise2detail.engine.work import BACKWARD, pass_work
from noise2detail.errors import InputError, check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.numerics.padding import pad_to_multiple
from noise2detail.types import Batch, Precision

Network = Literal["small", "published"]
"""``small``: U-Net of depth 2 with normalisation; ``published``: of depth 5, twice as wide on the way up."""

DEPTH = 5
"""Halvings in the published network."""

DEEP_CELL: int = 2**DEPTH
"""Side of what becomes one pixel at its bottom."""


@dataclass(frozen=True)
class Noise2Noise:
    """Hyper-parameters; ``recipe`` names the published and the reduced training.

    The images of a batch are registered frames of one scene. The noise of two frames is independent, so the best
    prediction of one from another is the scene. Once trained, the network denoises every frame on its own.

    Source
    ------
    Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data", ICML 2018, Sec. 3.1 and appendix A.1.
    Deviations: trained on the frames of the one scene in place of a data set; frames standardised in place of shifted
    by a half; the rate falls along a cosine, not its square; upsampling in the published network is learnt.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"
    frames: ClassVar[bool] = True
    """The batch is one scene: all its frames go into one fit."""

    steps: int = 800
    """Optimiser steps."""
    width: int = 16
    """Channels of the network's first level."""
    network: Network = "small"
    """What is trained."""
    crops: int = 4
    """Crops per step, each from its own two frames."""
    size: int = 64
    """Side of a crop in pixels; less in images that are smaller."""
    schedule: Halving | OneCycle = field(default_factory=lambda: OneCycle(2e-3))
    """Learning rate by step."""
    optimizer: Adam = field(default_factory=Adam)
    """What turns gradients into steps."""

    def __post_init__(self) -> None:
        for name in ("width", "crops"):
            check_setting(name, getattr(self, name))
        check_setting("size", self.size, lowest=2 * CELL)
        check_setting("steps", self.steps, lowest=0)

    @classmethod
    def recipe(cls, name: str) -> "Noise2Noise":
        """Settings of ``standard`` or ``paper``.

        ``standard`` is reduced: a network of a fifteenth of the size and 800 steps of 4 crops of 64x64, where ``paper``
        takes 300,000 of 256x256 at a rate that falls over the last 30 %.
        """
        published = OneCycle(3e-4, warmup=0.7, start=1.0)
        return {
            "standard": cls(),
            "paper": cls(300_000, 48, "published", size=256, schedule=published, optimizer=Adam(0.9, 0.99)),
        }[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Network trained on pairs of frames; a ``start`` of the same form lends its weights.

        Raises
        ------
        InputError
            A single frame.
        """
        if len(noisy) < 2:
            raise InputError(
                f"noise2noise needs two or more noisy frames of the same scene; found {('none', 'one')[len(noisy)]}; "
                "give a time series (axes T...) or a second file with --frames"
            )
        values = standard_range(noisy, context.mask)
        with seeded(context.seed, context.device):
            net = self._network(noisy.shape[1], context.device)
        if isinstance(start, Noise2NoiseDenoiser) and _form(start.net) == _form(net):
            net.load_state_dict(start.net.state_dict())
        pairs = FramePairs(values.into(noisy), context, self.crops, self._side(*noisy.shape[-2:]))

        def loss(_: int) -> Tensor:
            if pairs.empty:  # not even the means of the normalisation may move
                return 0.0 * torch.cat([parameter.flatten() for parameter in net.parameters()]).sum()
            given, wanted, weight = pairs.draw()
            return pair_error(_predict(net, given, self._cell), wanted, weight)

        descend(net.train(), loss, Descent(self.steps, self.schedule, self.optimizer), context)
        return Noise2NoiseDenoiser(net.eval(), values, context.precision)

    def _network(self, channels: int, device: torch.device) -> nn.Module:
        moved: nn.Module = self._build(channels).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return moved

    def _build(self, channels: int) -> nn.Module:
        if self.network == "published":
            return NoiseUNet(channels, self.width, DEPTH, gain=1.0)
        return VoidUNet(channels, self.width)

    @property
    def _cell(self) -> int:
        return CELL if self.network == "small" else DEEP_CELL

    def _side(self, y: int, x: int) -> int:
        return min(self.size, y, x)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Passes with gradients over all crops, and one pass over each frame."""
        work = pass_work(lambda: self._build(1), 1)
        return Cost(self.steps * self.crops * self._side(y, x) ** 2 * BACKWARD * work, work * images * y * x)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from stored weights."""
        values = restore_range(dict(tensors), context.device)
        net = self._network(values.offset.shape[1], context.device)
        net.load_state_dict({name.removeprefix("net."): v for name, v in tensors.items() if name.startswith("net.")})
        return Noise2NoiseDenoiser(net.eval(), values, context.precision)


@dataclass(frozen=True, eq=False)
class Noise2NoiseDenoiser:
    """The trained network, for each frame on its own."""

    net: nn.Module
    values: ValueRange
    """In which the network works."""
    precision: Precision

    @property
    def alignment(self) -> int:
        """Pixels that become one at the bottom of the network."""
        return CELL if isinstance(self.net, VoidUNet) else DEEP_CELL

    @property
    def halo(self) -> int:
        """As far as the network sees."""
        return self.net.reach if isinstance(self.net, VoidUNet) else noise_unet_reach(DEPTH)

    def __call__(self, noisy: Batch) -> Batch:
        """What the network predicts."""
        with torch.no_grad(), convolutions_in(self.precision, noisy.device):
            found = _predict(self.net, self.values.into(noisy), self.alignment)
        return self.values.back(found).contiguous()

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights, the normalisation's means, and the range."""
        own = {f"net.{name}": value.detach().cpu().contiguous() for name, value in self.net.state_dict().items()}
        return own | self.values.tensors()


class FramePairs:
    """Draws crops, each from two different frames at the same place; one generator on the host, for every device.

    Parameters
    ----------
    frames
        Of one scene, two or more.
    context
        Its seed, and its mask with one image for each frame.
    count, side
        Of the crops.
    """

    def __init__(self, frames: Batch, context: Context, count: int, side: int) -> None:
        valid = torch.ones_like(frames[:, :1]) if context.mask is None else context.mask.to(frames.dtype)
        # a pixel counts where two frames at least hold it
        self.empty = not bool((valid.sum(0) > 1).any())
        self._material = torch.cat([frames, valid], 1)
        self._generator = torch.Generator().manual_seed(context.seed)
        self._count, self._side = count, side

    def draw(self) -> tuple[Batch, Batch, Tensor]:
        """Crops of one frame, the same of another, and ``(crop, 1, side, side)``: 1 where both are data, else 0."""
        frames, _, y, x = self._material.shape
        side = self._side
        places = torch.tensor([frames, frames - 1, y - side + 1, x - side + 1])
        drawn = torch.rand(self._count, 4, generator=self._generator, dtype=torch.float64)
        first, lag, top, left = (drawn * places).long().unbind(1)
        # counted on from the first, every other frame is equally likely
        second = (first + 1 + lag) % frames
        turns = torch.randint(8, (self._count,), generator=self._generator)
        chosen = torch.stack([first, second, top, left, turns], 1).tolist()
        pairs = torch.stack(
            [turned(self._material[[i, j], :, a : a + side, b : b + side], turn) for i, j, a, b, turn in chosen]
        )
        given, wanted = pairs.unbind(1)
        return given[:, :-1], wanted[:, :-1], given[:, -1:] * wanted[:, -1:]


def turned(crops: Tensor, turn: int) -> Tensor:
    """Crops in one of the eight ways to turn and mirror them."""
    found = crops.rot90(turn % 4, (-2, -1))
    return found.flip(-1) if turn >= 4 else found


def pair_error(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean of the squared differences where ``weight`` is 1; 0 if it is nowhere."""
    return ((found - wanted).square() * weight).sum() / (weight.sum() * found.shape[1]).clamp_min(1)


def _predict(net: nn.Module, images: Batch, cell: int) -> Batch:
    """The network's output, float32, for images of any size."""
    y, x = images.shape[-2:]
    given = pad_to_multiple(images, cell).contiguous(memory_format=torch.channels_last)
    found: Batch = net(given).float()[..., :y, :x]
    return found


def _form(net: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in net.state_dict().items()}
