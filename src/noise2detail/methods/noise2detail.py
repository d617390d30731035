"""Noise2Detail: denoise, refine through pixel-shuffled copies, recover detail from the noisy image."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from noise2detail.engine.crops import Crops
from noise2detail.engine.members import fit_members, member_of, tensors_of_members, together
from noise2detail.engine.network import REACH, Border, Form, ThreeLayerNet, new_network, taken_apart
from noise2detail.engine.optimizers import Muon
from noise2detail.engine.pair_loss import Consistency
from noise2detail.engine.pair_training import Pairs, Stage, mask_of_copies, train_on_pairs
from noise2detail.engine.passes import PASS, Pass
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.stored import load_network, named
from noise2detail.engine.training import Training
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.numerics.padding import pad_to_multiple
from noise2detail.numerics.shuffle import shuffle_apart, shuffle_together
from noise2detail.tiling.geometry import TILE
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.tiling.windows import Windows, apply_in_windows, random_windows
from noise2detail.types import Batch, Precision

WINDOWS, WINDOW = 40, 72
"""Number and side of the windows that stage 3 learns from where random crops cannot read a large image whole: as many
pixels as an image of 455x455 has, from all of it. So the time of a training does not grow with the image."""

CROPS = 10
"""Crops that stage 3 reads for each window: a training that goes on from another is short, and needs few windows."""


@dataclass(frozen=True)
class Noise2Detail:
    """Hyper-parameters; the defaults are the paper's as its program has them.

    Source
    ------
    Chobola, Schnabel & Peng, "Lightweight Data-Free Denoising for Detail-Preserving Biomedical Image Restoration",
    MICCAI 2025. Where the paper's text and the authors' program differ the default is the program, which made the
    paper's tables; ``docs/explanation/noise2detail.md`` lists every such place and the setting that follows the text.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    strides: tuple[int, ...] = (2, 4)
    """Strides of the pixel-shuffled refinements; empty: none."""
    stage1: Training = field(default_factory=Training)
    """Training on the noisy image."""
    stage3: Training = field(default_factory=Training)
    """Training that recovers detail."""
    width: int = 48
    """Hidden channels."""
    clip: bool = True
    """Clip every intermediate image and the result to [0, 1], as the authors do; never inside a loss."""
    stage3_input: Literal["stage2", "stage1"] = "stage2"
    """What stage 3 sharpens: the mean of stage 2, or (Eq. 8) the result of stage 1."""
    consistency: Consistency = "same"
    """Which views must agree: those of the same index, or (Eq. 4, 9) crossed."""
    result: Literal["stage3", "blend"] = "stage3"
    """What comes out: stage 3, or the mean of it and of stage 1 applied twice, whose errors differ."""
    members: int = 1
    """Independent pairs of networks whose results are averaged."""
    stage3_weights: Literal["fresh", "reused"] = "fresh"
    """New weights that predict the image, or (Sec. 2.3) those of stage 1, which go on predicting the noise."""

    def __post_init__(self) -> None:
        check_setting("width", self.width)
        check_setting("members", self.members)
        for stride in self.strides:
            check_setting("a stride", stride)

    @classmethod
    def recipe(cls, name: str) -> "Noise2Detail":
        """Settings of ``paper`` (as published), ``fast`` (the default), or ``best`` (several of ``fast``, averaged).

        How ``fast`` was found, step by step, is told in ``docs/explanation/speed.md``.
        """
        fast = cls(
            stage1=Training(350, OneCycle(1e-2), Crops(), agreement=0.25, optimizer=Muon()),
            stage3=Training(150, OneCycle(5e-3), Crops(), optimizer=Muon()),
            result="blend",
            clip=False,
        )
        return {"paper": cls(), "fast": fast, "best": replace(fast, members=4)}[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Both networks, trained on all images of the batch together; a ``start`` of this method lends its weights."""

        def fit_one(own: Context, number: int) -> Denoiser:
            begin = member_of(start, number)
            warm = begin if isinstance(begin, Noise2DetailDenoiser) else None
            first = self.fit_stage1(noisy, own, warm.first if warm else None)
            return self.fit_stage3(first, noisy, own, warm.second if warm else None)

        return together(fit_members(fit_one, self.members, context))

    def briefly(self, share: float) -> "Noise2Detail":
        """The same with that share of the steps of both trainings."""
        return replace(self, stage1=self.stage1.briefly(share), stage3=self.stage3.briefly(share))

    def reading(self, factor: float) -> "Noise2Detail":
        """The same with so many times the crops in each step."""
        return replace(self, stage1=self.stage1.reading(factor), stage3=self.stage3.reading(factor))

    def fit_each(self, noisy: Batch, context: Context) -> tuple[Denoiser, ...]:
        """What ``fit`` would give for each image alone, trained side by side as one network of many copies."""

        def fit_one(own: Context, number: int) -> list[Denoiser]:
            del number
            beside, copies = noisy.flatten(0, 1)[None], len(noisy)
            all_of_them = self.fit_stage3(self.fit_stage1(beside, own, copies=copies), beside, own, copies=copies)
            nets = zip(taken_apart(all_of_them.first), taken_apart(all_of_them.second), strict=True)
            return [Noise2DetailDenoiser(one, other, self, own.precision) for one, other in nets]

        members = fit_members(fit_one, self.members, context)
        return tuple(together(own) for own in zip(*members, strict=True))

    def fit_stage1(
        self, noisy: Batch, context: Context, start: ThreeLayerNet | None = None, copies: int = 1
    ) -> ThreeLayerNet:
        """First network, trained on the noisy images alone; ``copies`` learn from their own channels each."""
        first = new_network(noisy.shape[1] // copies, self.width, context.seed, context.device, copies)
        if start:
            first.load_state_dict(start.state_dict())
        pairs = Pairs(noisy, noisy, "residual", self.consistency, mask_of_copies(context.mask, copies))
        # nothing of the second network is asked for
        now = Noise2DetailDenoiser(first, first, self, context.precision)
        snapshot = None if copies > 1 else lambda: now.once(noisy)
        train_on_pairs(first, pairs, self.stage1, Stage("stage 1", 0.0, self._shares(noisy)[0], snapshot), context)
        return first

    def fit_stage3(
        self, first: ThreeLayerNet, noisy: Batch, context: Context, start: ThreeLayerNet | None = None, copies: int = 1
    ) -> "Noise2DetailDenoiser":
        """Second network, trained on what the first one and the refinements have left; and both together."""
        second = new_network(noisy.shape[1] // copies, self.width, context.seed + 1, context.device, copies)
        weights = first if self.stage3_weights == "reused" else start
        if weights:
            second.load_state_dict(weights.state_dict())
        denoiser = Noise2DetailDenoiser(first, second, self, context.precision)
        context = replace(context, seed=context.seed + 1)
        snapshot = None if copies > 1 else lambda: denoiser(noisy)
        stage = Stage("stage 3", self._shares(noisy)[1], 1.0, snapshot)
        mask = mask_of_copies(context.mask, copies)
        pairs = self._sharpening_pairs(denoiser, noisy, mask, context)
        train_on_pairs(second, pairs, self.stage3, stage, context)
        return denoiser

    def _sharpening_pairs(
        self, denoiser: "Noise2DetailDenoiser", noisy: Batch, mask: Tensor | None, context: Context
    ) -> Pairs:
        """Refined and noisy image for stage 3: whole, or in windows where crops cannot read a large image whole."""
        begin, end = self._shares(noisy)

        def listen(index: int, count: int) -> None:
            context.on_step(Step("stage 2", index, count, None, begin + (end - begin) * index / count))

        if self._reads_all(noisy[:, 0].numel()):
            refined = denoiser.smooth(noisy, context.tile, listen)
            return Pairs(refined, noisy, self.stage3_form, self.consistency, mask)
        windows = random_windows(noisy, self._windows, WINDOW, denoiser.alignment, context.seed)
        valid = None if mask is None else windows.cut(mask)
        refined = denoiser.smooth_windows(noisy, windows, listen)
        return Pairs(refined, windows.cut(noisy), self.stage3_form, self.consistency, valid, margin=0)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from stored weights."""
        members = []
        for own in tensors_of_members(tensors, self.members):
            first, second = (load_network(name, own, context.device) for name in ("first", "second"))
            members.append(Noise2DetailDenoiser(first, second, self, context.precision))
        return together(members)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Both trainings with the passes between them, and every pass of the result."""
        passes, pixels = 1 + 2 * len(self.strides), images * y * x
        read = pixels if self._reads_all(pixels) else self._windows * WINDOW**2 * 2
        trainings = self.stage1.pixels(images, y, x) + self.stage3.pixels(images, y, x)
        applied = passes + (2 if self.result == "blend" else 1)
        refined = 1.0 if read == pixels else 0.0
        views = 1.0 if self.stage1.crops is None or self.stage3.crops is None else 0.0
        return Cost(
            self.members * (trainings + passes * PASS * read),
            self.members * applied * PASS * pixels,
            held=refined + views,
        )

    def _reads_all(self, pixels: int) -> bool:
        """Whether stage 3 learns from whole images of so many pixels, and not from windows."""
        return self.stage3.crops is None or pixels <= self._windows * WINDOW**2 * 2

    @property
    def _windows(self) -> int:
        """As many as ``WINDOWS`` that stage 3 learns from; fewer where it reads less than these hold."""
        crops = self.stage3.crops
        return WINDOWS if crops is None else min(WINDOWS, max(1, self.stage3.steps * crops.count // CROPS))

    @property
    def stage3_form(self) -> Form:
        """How the second network's output is read: weights that predict noise can only go on predicting noise."""
        return "residual" if self.stage3_weights == "reused" else "direct"

    def _shares(self, noisy: Batch) -> tuple[float, float]:
        """How much of a fit is done after stage 1, and after stage 2."""
        batch, _, y, x = noisy.shape
        done = self.stage1.pixels(batch, y, x)
        total = replace(self, members=1).cost(batch, y, x).training
        return done / total, 1 - self.stage3.pixels(batch, y, x) / total


@dataclass(frozen=True, eq=False)
class Noise2DetailDenoiser:
    """Both trained networks."""

    first: ThreeLayerNet
    second: ThreeLayerNet
    method: Noise2Detail
    precision: Precision

    @property
    def halo(self) -> int:
        """Two passes of the first network, one of them on pixels ``max(strides)`` apart, and one of the second."""
        return self._smooth_halo + REACH

    @property
    def alignment(self) -> int:
        """Tiles must shuffle the same pixels together as the whole image does."""
        return math.lcm(1, *self.method.strides)

    def __call__(self, noisy: Batch) -> Batch:
        """Result of the last stage."""
        return self.stages(noisy)[self.method.result]

    def stages(self, noisy: Batch) -> dict[str, Batch]:
        """``stage1``, ``refined_stride2`` and so on, ``stage2`` (their mean), ``stage3``; ``blend`` if that is it."""
        y, x = noisy.shape[-2:]
        found = self._smooth_stages(pad_to_multiple(noisy, self.alignment))
        found = {name: image[..., :y, :x] for name, image in found.items()}
        sharpen = Pass(
            self.second, self.method.stage3_form, self._border(self.method.stage3), self.precision, self.method.clip
        )
        found["stage3"] = sharpen(found[self.method.stage3_input])
        if self.method.result == "blend":
            found["blend"] = _mean((self.once(found["stage1"]), found["stage3"]))
        return found

    def smooth(self, noisy: Batch, tile: int = TILE, on_tile: Callable[[int, int], None] | None = None) -> Batch:
        """Input of stage 3, computed in tiles."""
        return apply_in_tiles(
            self._smooth_whole, noisy, tile=tile, halo=self._smooth_halo, alignment=self.alignment, on_tile=on_tile
        )

    def smooth_windows(self, noisy: Batch, windows: Windows, on_window: Callable[[int, int], None]) -> Tensor:
        """The same in windows only."""
        return apply_in_windows(
            self._smooth_whole, noisy, windows, halo=self._smooth_halo, alignment=self.alignment, on_window=on_window
        )

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights of both networks."""
        return named("first", self.first) | named("second", self.second)

    @property
    def _smooth_halo(self) -> int:
        return REACH + REACH * max(self.method.strides, default=0)

    def _smooth_whole(self, noisy: Batch) -> Batch:
        y, x = noisy.shape[-2:]
        return self._smooth_stages(pad_to_multiple(noisy, self.alignment))[self.method.stage3_input][..., :y, :x]

    def _smooth_stages(self, noisy: Batch) -> dict[str, Batch]:
        found = {"stage1": self.once(noisy)}
        for stride in self.method.strides:
            parts = self.once(shuffle_apart(noisy, stride))
            found[f"refined_stride{stride}"] = self.once(shuffle_together(parts, stride))
        return found | {"stage2": _mean(found.values())}

    def once(self, images: Batch) -> Batch:
        """Images through the first network."""
        border = self._border(self.method.stage1)
        return Pass(self.first, "residual", border, self.precision, self.method.clip)(images)

    def _border(self, training: Training) -> Border:
        return "zeros" if training.crops is None else "reflect"


def _mean(images: Iterable[Batch]) -> Batch:
    together = list(images)
    return torch.stack(together).sum(0) / len(together)
