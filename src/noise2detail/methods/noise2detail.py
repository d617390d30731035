"""Noise2Detail: denoise, refine through pixel-shuffled copies, recover detail from the noisy image."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from noise2detail.engine.crops import Crops
from noise2detail.engine.network import REACH, Border, Form, ThreeLayerNet, new_network
from noise2detail.engine.pair_loss import Consistency
from noise2detail.engine.pair_training import Stage, train_on_pairs
from noise2detail.engine.passes import PASS, Pass
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.stored import load_network, named
from noise2detail.engine.training import Training
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.numerics.padding import pad_to_multiple
from noise2detail.numerics.shuffle import shuffle_apart, shuffle_together
from noise2detail.tiling.geometry import TILE
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch, Precision


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
    stage3_weights: Literal["fresh", "reused"] = "fresh"
    """New weights that predict the image, or (Sec. 2.3) those of stage 1, which go on predicting the noise."""

    def __post_init__(self) -> None:
        check_setting("width", self.width)
        for stride in self.strides:
            check_setting("a stride", stride)

    @classmethod
    def recipe(cls, name: str) -> "Noise2Detail":
        """Settings of ``paper`` (whole images, 2,000 steps a training) or ``fast`` (random crops, one cycle)."""
        return {
            "paper": cls(),
            "fast": cls(
                stage1=Training(700, OneCycle(1e-2), Crops()),
                stage3=Training(300, OneCycle(5e-3), Crops()),
                clip=False,
            ),
        }[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> "Noise2DetailDenoiser":
        """Both networks, trained on all images of the batch together; a ``start`` of this method lends its weights."""
        warm = start if isinstance(start, Noise2DetailDenoiser) else None
        first = self.fit_stage1(noisy, context, warm.first if warm else None)
        return self.fit_stage3(first, noisy, context, warm.second if warm else None)

    def fit_stage1(self, noisy: Batch, context: Context, start: ThreeLayerNet | None = None) -> ThreeLayerNet:
        """First network, trained on the noisy images alone."""
        first = new_network(noisy.shape[1], self.width, context.seed, context.device)
        if start:
            first.load_state_dict(start.state_dict())
        train_on_pairs(
            first,
            noisy,
            noisy,
            form="residual",
            consistency=self.consistency,
            training=self.stage1,
            stage=Stage("stage 1", 0.0, self._share),
            context=context,
        )
        return first

    def fit_stage3(
        self, first: ThreeLayerNet, noisy: Batch, context: Context, start: ThreeLayerNet | None = None
    ) -> "Noise2DetailDenoiser":
        """Second network, trained on what the first one and the refinements have left; and both together."""
        second = new_network(noisy.shape[1], self.width, context.seed + 1, context.device)
        weights = first if self.stage3_weights == "reused" else start
        if weights:
            second.load_state_dict(weights.state_dict())
        denoiser = Noise2DetailDenoiser(first, second, self, context.precision)
        train_on_pairs(
            second,
            denoiser.smooth(noisy),
            noisy,
            form=self.stage3_form,
            consistency=self.consistency,
            training=self.stage3,
            stage=Stage("stage 3", self._share, 1.0),
            context=replace(context, seed=context.seed + 1),
        )
        return denoiser

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> "Noise2DetailDenoiser":
        """Denoiser from stored weights."""
        first, second = (load_network(name, tensors, context.device) for name in ("first", "second"))
        return Noise2DetailDenoiser(first, second, self, context.precision)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Both trainings with the passes between them, and every pass of the result."""
        before = (1 + 2 * len(self.strides)) * PASS * images * y * x
        trainings = self.stage1.pixels(images, y, x) + self.stage3.pixels(images, y, x)
        return Cost(trainings + before, before + PASS * images * y * x)

    @property
    def stage3_form(self) -> Form:
        """How the second network's output is read: weights that predict noise can only go on predicting noise."""
        return "residual" if self.stage3_weights == "reused" else "direct"

    @property
    def _share(self) -> float:
        """Of stage 1 in all steps."""
        return self.stage1.steps / max(1, self.stage1.steps + self.stage3.steps)


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
        """Result of stage 3."""
        return self.stages(noisy)["stage3"]

    def stages(self, noisy: Batch) -> dict[str, Batch]:
        """``stage1``, ``refined_stride2`` and so on, ``stage2`` (their mean) and ``stage3`` (the result)."""
        y, x = noisy.shape[-2:]
        found = self._smooth_stages(pad_to_multiple(noisy, self.alignment))
        found = {name: image[..., :y, :x] for name, image in found.items()}
        sharpen = Pass(
            self.second, self.method.stage3_form, self._border(self.method.stage3), self.precision, self.method.clip
        )
        return found | {"stage3": sharpen(found[self.method.stage3_input])}

    def smooth(self, noisy: Batch) -> Batch:
        """Input of stage 3, computed in tiles."""

        def whole(images: Batch) -> Batch:
            y, x = images.shape[-2:]
            found = self._smooth_stages(pad_to_multiple(images, self.alignment))
            return found[self.method.stage3_input][..., :y, :x]

        return apply_in_tiles(whole, noisy, tile=TILE, halo=self._smooth_halo, alignment=self.alignment)

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights of both networks."""
        return named("first", self.first) | named("second", self.second)

    @property
    def _smooth_halo(self) -> int:
        return REACH + REACH * max(self.method.strides, default=0)

    def _smooth_stages(self, noisy: Batch) -> dict[str, Batch]:
        once = Pass(self.first, "residual", self._border(self.method.stage1), self.precision, self.method.clip)
        found = {"stage1": once(noisy)}
        for stride in self.method.strides:
            parts = once(shuffle_apart(noisy, stride))
            found[f"refined_stride{stride}"] = once(shuffle_together(parts, stride))
        return found | {"stage2": _mean(found.values())}

    def _border(self, training: Training) -> Border:
        return "zeros" if training.crops is None else "reflect"


def _mean(images: Iterable[Batch]) -> Batch:
    together = list(images)
    return torch.stack(together).sum(0) / len(together)
