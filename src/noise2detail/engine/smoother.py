"""One network trained on the two half-size views of an image, applied twice: Noise2Detail without its last stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from noise2detail.engine.crops import Crops
from noise2detail.engine.network import ThreeLayerNet, new_network
from noise2detail.engine.optimizers import Muon
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.engine.passes import Pass
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.stored import load_network, named
from noise2detail.engine.training import Training
from noise2detail.method import Context
from noise2detail.numerics.padding import pad_to_multiple
from noise2detail.numerics.shuffle import shuffle_apart, shuffle_together
from noise2detail.types import Batch, Precision


@dataclass(frozen=True)
class PairSmoother:
    """What is trained, and how."""

    stride: int = 1
    """Pixels between neighbours as the network sees them: beyond the reach of noise that is shared."""
    training: Training = field(
        default_factory=lambda: Training(350, OneCycle(1e-2), Crops(), agreement=0.25, optimizer=Muon())
    )
    """On pairs of half-size views."""
    width: int = 48
    """Hidden channels."""

    def fit(
        self, images: Batch, context: Context, stage: Stage, shown: Callable[[Tensor], Batch] | None = None
    ) -> "TrainedSmoother":
        """Network trained on all images together, and the range that it works in.

        Parameters
        ----------
        images
            Noise of the same strength everywhere, in any units.
        context, stage
            What surrounds the training, and which part of a fit it is.
        shown
            Smoothed images to what people look at, for snapshots; None: there are none.
        """
        low, scale = _range(images)
        apart = shuffle_apart(pad_to_multiple((images - low) / scale, self.stride), self.stride)
        net = new_network(images.shape[1], self.width, context.seed, context.device)
        pairs = Pairs(apart, apart, "residual", "same")
        trained = TrainedSmoother(net, low, scale, self.stride, context.precision)
        if shown is not None:
            stage = replace(stage, snapshot=lambda: shown(trained(images)))
        train_on_pairs(net, pairs, self.training, stage, context)
        return trained


@dataclass(frozen=True, eq=False)
class TrainedSmoother:
    """The network, applied twice: the second pass removes what the first has left."""

    net: ThreeLayerNet
    low: float
    """Value that it sees as 0."""
    scale: float
    """Difference of the values that it sees as 1 and 0."""
    stride: int
    precision: Precision

    def __call__(self, images: Batch) -> Batch:
        """Smoothed images, in their own units."""
        y, x = images.shape[-2:]
        once = Pass(self.net, "residual", "reflect", self.precision, clip=False)
        apart = shuffle_apart(pad_to_multiple((images - self.low) / self.scale, self.stride), self.stride)
        found = shuffle_together(once(once(apart)), self.stride)[..., :y, :x]
        return found * self.scale + self.low

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights, range and stride."""
        return named("net", self.net) | {
            "range": torch.tensor([self.low, self.scale, self.stride], dtype=torch.float64)
        }


def restore_smoother(tensors: Mapping[str, Tensor], context: Context) -> TrainedSmoother:
    """What ``TrainedSmoother.tensors`` gave."""
    low, scale, stride = tensors["range"].tolist()
    return TrainedSmoother(load_network("net", tensors, context.device), low, scale, int(stride), context.precision)


def _range(images: Tensor) -> tuple[float, float]:
    """0.1 percentile, and the distance of the 99.9 percentile from it."""
    values = images.flatten().sort().values
    ends = [float(values[round(share * (len(values) - 1))]) for share in (0.001, 0.999)]
    return ends[0], ends[1] - ends[0] or 1.0
