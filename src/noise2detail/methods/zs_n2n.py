"""Zero-Shot Noise2Noise: a small network trained on two half-size views of the one noisy image."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from torch import Tensor

from noise2detail.engine.crops import Crops
from noise2detail.engine.members import fit_members, member_of, tensors_of_members, together
from noise2detail.engine.network import REACH, Border, ThreeLayerNet, new_network, taken_apart
from noise2detail.engine.optimizers import Muon
from noise2detail.engine.pair_loss import Consistency
from noise2detail.engine.pair_training import Pairs, Stage, mask_of_copies, train_on_pairs
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
    passes: int = 1
    """Times that the network is applied, one after the other."""
    members: int = 1
    """Independent networks whose results are averaged."""

    def __post_init__(self) -> None:
        for name in ("width", "passes", "members"):
            check_setting(name, getattr(self, name))

    @classmethod
    def recipe(cls, name: str) -> "ZeroShotNoise2Noise":
        """Settings of ``paper`` (2,000 steps), ``demo`` (the earlier release: 3,000 steps), ``fast`` or ``best``.

        ``fast`` trains on random crops; ``best`` averages four networks, each applied twice.
        """
        fast = cls(Training(350, OneCycle(1e-2), Crops(), agreement=0.25, optimizer=Muon()), clip=False)
        return {
            "paper": cls(training=Training(2000, Halving(1e-3, 1500))),
            "demo": cls(training=Training(3000, Halving(1e-3, 1000))),
            "fast": fast,
            "best": replace(fast, passes=2, members=4),
        }[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Network trained on all images of the batch together; a ``start`` of this method lends its weights."""

        def fit_one(own: Context, number: int) -> Denoiser:
            begin = member_of(start, number)
            warm = begin.net if isinstance(begin, ZeroShotNoise2NoiseDenoiser) else None
            return ZeroShotNoise2NoiseDenoiser(self._fit_net(noisy, own, warm), self, own.precision)

        return together(fit_members(fit_one, self.members, context))

    def briefly(self, share: float) -> "ZeroShotNoise2Noise":
        """The same with that share of the steps."""
        return replace(self, training=self.training.briefly(share))

    def reading(self, factor: float) -> "ZeroShotNoise2Noise":
        """The same with so many times the crops in each step."""
        return replace(self, training=self.training.reading(factor))

    def fit_each(self, noisy: Batch, context: Context) -> tuple[Denoiser, ...]:
        """What ``fit`` would give for each image alone, trained side by side as one network of many copies."""

        def fit_one(own: Context, number: int) -> list[Denoiser]:
            del number
            net = self._fit_net(noisy.flatten(0, 1)[None], own, copies=len(noisy))
            return [ZeroShotNoise2NoiseDenoiser(one, self, own.precision) for one in taken_apart(net)]

        members = fit_members(fit_one, self.members, context)
        return tuple(together(own) for own in zip(*members, strict=True))

    def _fit_net(
        self, noisy: Batch, context: Context, start: ThreeLayerNet | None = None, copies: int = 1
    ) -> ThreeLayerNet:
        net = new_network(noisy.shape[1] // copies, self.width, context.seed, context.device, copies)
        if start:
            net.load_state_dict(start.state_dict())
        pairs = Pairs(noisy, noisy, "residual", self.consistency, mask_of_copies(context.mask, copies))
        now = ZeroShotNoise2NoiseDenoiser(net, self, context.precision)
        snapshot = None if copies > 1 else lambda: now(noisy)
        train_on_pairs(net, pairs, self.training, Stage("training", 0.0, 1.0, snapshot), context)
        return net

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The training, and the passes."""
        passes = self.passes * PASS * images * y * x
        views = 1.0 if self.training.crops is None else 0.0
        return Cost(self.members * self.training.pixels(images, y, x), self.members * passes, held=views)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from stored weights."""
        return together(
            [
                ZeroShotNoise2NoiseDenoiser(load_network("net", own, context.device), self, context.precision)
                for own in tensors_of_members(tensors, self.members)
            ]
        )


@dataclass(frozen=True, eq=False)
class ZeroShotNoise2NoiseDenoiser:
    """The trained network."""

    net: ThreeLayerNet
    method: ZeroShotNoise2Noise
    precision: Precision
    alignment: ClassVar[int] = 1

    @property
    def halo(self) -> int:
        """Every pass reaches as far again."""
        return REACH * self.method.passes

    def __call__(self, noisy: Batch) -> Batch:
        """The image less the predicted noise, as often as set."""
        border: Border = "zeros" if self.method.training.crops is None else "reflect"
        once = Pass(self.net, "residual", border, self.precision, self.method.clip)
        for _ in range(self.method.passes):
            noisy = once(noisy)
        return noisy

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """The weights."""
        return named("net", self.net)
