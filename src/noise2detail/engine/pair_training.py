"""Train a network on the two half-size views of images: the training of Zero-Shot Noise2Noise and of Noise2Detail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from noise2detail.engine.crops import Crops, CropSampler
from noise2detail.engine.full_image import WholeImages, blockwise_gradient
from noise2detail.engine.network import REACH, Form, ThreeLayerNet, predict
from noise2detail.engine.pair_loss import Consistency, pair_loss
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.training import Training, train
from noise2detail.errors import check_setting
from noise2detail.method import Context, Step
from noise2detail.numerics.downsample import whole_cells
from noise2detail.types import Batch, Scalar

SMALLEST_CROP = 4 * REACH + 2
"""Side of a crop whose half-size views hold a pixel that sees its whole neighbourhood."""

CROP_MARGIN = 2 * REACH
"""Full-size pixels at a crop's border that its half-size views cannot be compared on."""


@dataclass(frozen=True)
class Stage:
    """One training within a fit: what it is called and which share of the fit it is."""

    name: str
    start: float
    """Share of the fit that is done before it."""
    stop: float
    """Share of the fit that is done after it."""


def train_on_pairs(
    net: ThreeLayerNet,
    source: Batch,
    target: Batch,
    *,
    form: Form,
    consistency: Consistency,
    training: Training,
    stage: Stage,
    context: Context,
) -> None:
    """Train ``net`` in place so that each view of the source predicts the other view of the target.

    Parameters
    ----------
    net
        What is trained, on ``context.device``.
    source, target
        The same tensor for a training on the noisy image alone.
    form, consistency
        How the network's output is read, and which views must agree.
    training
        Whole images in float32 or bfloat16 with zeros at the border, as published; or random crops of which only those
        pixels count that no border has touched.
    stage
        For progress.
    context
        Seed, precision, mask, listener.
    """
    weight = None if context.mask is None else whole_cells(context.mask).float()
    if training.crops is None:
        images = WholeImages(source, target, weight, consistency)

        def gradient() -> Scalar:
            with convolutions_in(context.precision, context.device):
                return blockwise_gradient(lambda image: predict(net, image, form, "zeros"), images)

    else:
        gradient = _crop_gradient(net, source, target, form, consistency, training, training.crops, context)

    def report(step: int, loss: Scalar) -> None:
        fraction = stage.start + (stage.stop - stage.start) * step / training.steps
        context.on_step(Step(stage.name, step, training.steps, loss, fraction))

    train(net, gradient, training.steps, training.schedule, report)


def _crop_gradient(
    net: ThreeLayerNet,
    source: Batch,
    target: Batch,
    form: Form,
    consistency: Consistency,
    training: Training,
    crops: Crops,
    context: Context,
) -> Callable[[], Scalar]:
    check_setting("crops.size", crops.size, lowest=SMALLEST_CROP)
    material = (source,) if source is target else (source, target)
    if context.mask is not None:
        material = (*material, context.mask)
    drawn: Iterator[tuple[Tensor, ...]] = CropSampler(material, crops, CROP_MARGIN).draw(training.steps, context.seed)

    def gradient() -> Scalar:
        parts = next(drawn)
        weight = None if context.mask is None else whole_cells(parts[-1]).float()
        with convolutions_in(context.precision, context.device):
            loss = pair_loss(
                lambda image: predict(net, image, form, "valid"),
                parts[0],
                parts[0] if source is target else parts[1],
                consistency=consistency,
                weight=weight,
            )
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return gradient
