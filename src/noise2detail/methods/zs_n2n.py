"""Zero-Shot Noise2Noise: a small network trained on two half-size views of the one noisy image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from noise2detail.engine.crops import Crops
from noise2detail.engine.network import REACH, Border, ThreeLayerNet, new_network
from noise2detail.engine.pair_loss import Consistency
from noise2detail.engine.pair_training import Stage, train_on_pairs
from noise2detail.engine.passes import PASS, Pass
from noise2detail.engine.schedule import Halving, OneCycle
from noise2detail.engine.stored import load_network, named
from noise2detail.engine.training import Training
from noise2detail.errors import check_setting
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch, Precision


@dataclass(frozen=True)
class ZeroShotNoise2Noise:
    """Hyper-parameters; ``recipe`` names the published schedules.

    Source
    ------
    Mansour & Heckel, "Zero-Shot Noise2Noise: Efficient Image Denoising without any Data", CVPR 2023.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    training: Training = field(default_factory=Training)
    """Of the one network."""
    width: int = 48
    """Hidden channels."""
    consistency: Consistency = "same"
    """Which views must agree."""
    clip: bool = True
    """Clip the result to [0, 1], as the authors do."""

    def __post_init__(self) -> None:
        check_setting("width", self.width)

    @classmethod
    def recipe(cls, name: str) -> "ZeroShotNoise2Noise":
        """Settings of ``paper`` (2,000 steps), ``demo`` (the earlier release: 3,000 steps) or ``fast`` (crops)."""
        return {
            "paper": cls(training=Training(2000, Halving(1e-3, 1500))),
            "demo": cls(training=Training(3000, Halving(1e-3, 1000))),
            "fast": cls(training=Training(700, OneCycle(1e-2), Crops()), clip=False),
        }[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> "ZeroShotNoise2NoiseDenoiser":
        """Network trained on all images of the batch together; a ``start`` of this method lends its weights."""
        net = new_network(noisy.shape[1], self.width, context.seed, context.device)
        if isinstance(start, ZeroShotNoise2NoiseDenoiser):
            net.load_state_dict(start.net.state_dict())
        train_on_pairs(
            net,
            noisy,
            noisy,
            form="residual",
            consistency=self.consistency,
            training=self.training,
            stage=Stage("training", 0.0, 1.0),
            context=context,
        )
        return ZeroShotNoise2NoiseDenoiser(net, self, context.precision)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The training, and one pass."""
        return Cost(self.training.pixels(images, y, x), PASS * images * y * x)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> "ZeroShotNoise2NoiseDenoiser":
        """Denoiser from stored weights."""
        return ZeroShotNoise2NoiseDenoiser(load_network("net", tensors, context.device), self, context.precision)


@dataclass(frozen=True, eq=False)
class ZeroShotNoise2NoiseDenoiser:
    """The trained network."""

    net: ThreeLayerNet
    method: ZeroShotNoise2Noise
    precision: Precision
    halo: ClassVar[int] = REACH
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """The image less the predicted noise."""
        border: Border = "zeros" if self.method.training.crops is None else "reflect"
        return Pass(self.net, "residual", border, self.precision, self.method.clip)(noisy)

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """The weights."""
        return named("net", self.net)
