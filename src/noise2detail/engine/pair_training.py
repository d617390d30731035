"""Train a network on the two half-size views of images: the training of Zero-Shot Noise2Noise and of Noise2Detail."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.engine.crop_loss import SMALLEST_CROP, CropLoss
from noise2detail.engine.crops import Crops, CropSampler, Material
from noise2detail.engine.full_image import WholeImages, whole_gradient
from noise2detail.engine.held_out import Watch, block_windows, held_out_blocks, without_blocks
from noise2detail.engine.network import REACH, Form, ThreeLayerNet, predict
from noise2detail.engine.pair_loss import Consistency
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.training import Gradient, Training, train
from noise2detail.errors import DivergedError, check_setting
from noise2detail.method import Context, Step
from noise2detail.numerics.downsample import whole_cells
from noise2detail.types import Batch, Mask, Scalar

log = logging.getLogger(__name__)

CROP_MARGIN = 2 * REACH
"""Full-size pixels at a crop's border that its half-size views cannot be compared on."""

SECOND_TRY = 0.25
"""Learning rate of the second attempt, after one that diverged, as a share of the first."""


@dataclass(frozen=True)
class Stage:
    """One training within a fit: what it is called and which share of the fit it is."""

    name: str
    start: float
    """Share of the fit that is done before it."""
    stop: float
    """Share of the fit that is done after it."""
    snapshot: Callable[[], Batch | None] | None = None
    """Of its steps: what the images would be with the network as it is."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """What a network learns from: each view of the source predicts the other view of the target."""

    source: Tensor
    """``(batch, copy * channel, y, x)`` in the working range."""
    target: Tensor
    """Same shape; the same tensor for a training on the noisy image alone."""
    form: Form
    """How the network's output is read."""
    consistency: Consistency
    """Which views must agree."""
    mask: Tensor | None = None
    """``(batch, copy, y, x)``, true where a pixel is data; None: everywhere."""
    margin: int = CROP_MARGIN
    """Pixels by which crops may reach beyond the border."""


def mask_of_copies(mask: Mask | None, copies: int) -> Tensor | None:
    """Mask of images that ``copies`` networks learn from, one each: side by side as their channels are."""
    return mask if mask is None or copies == 1 else mask.transpose(0, 1)


def train_on_pairs(net: ThreeLayerNet, pairs: Pairs, training: Training, stage: Stage, context: Context) -> None:
    """Train ``net`` in place; once more at a lower rate if the training diverges.

    Parameters
    ----------
    net
        What is trained, on ``context.device``: one network, or copies that learn from their own channels each.
    pairs
        What it learns from.
    training
        Whole images in float32 or bfloat16 with zeros at the border, as published; or random crops of which only those
        pixels count that no border has touched.
    stage
        For progress.
    context
        Seed, precision, listener. Its mask is not read: that of the pairs is.

    Raises
    ------
    DivergedError
        The second attempt diverged as well.
    """

    def report(step: int, loss: Scalar) -> None:
        fraction = stage.start + (stage.stop - stage.start) * step / training.steps
        context.on_step(Step(stage.name, step, training.steps, loss, fraction, stage.snapshot))

    begin = {name: value.clone() for name, value in net.state_dict().items()}
    try:
        _train_once(net, pairs, training, report, context)
    except DivergedError as error:
        log.warning(
            "%s diverged at step %d, at a learning rate of %g; trying once more at a quarter of it",
            stage.name,
            error.step,
            error.rate,
        )
        net.load_state_dict(begin)
        try:
            _train_once(net, pairs, training.slower(SECOND_TRY), report, context)
        except DivergedError as again:
            raise DivergedError(again.step, again.steps, again.rate, again.loss, stage.name) from error


def _train_once(
    net: ThreeLayerNet, pairs: Pairs, training: Training, report: Callable[[int, Scalar], None], context: Context
) -> None:
    if training.crops is None:
        train(net, _whole_gradient(net, pairs, training, context), training, report)
        return
    check_setting("crops.size", training.crops.size, lowest=SMALLEST_CROP)
    y, x = pairs.source.shape[-2:]
    blocks = None
    if training.stopping is not None and net.copies == 1:
        blocks = held_out_blocks((y, x), len(pairs.source), context.seed)
    if training.stopping is None or blocks is None or not len(blocks):
        train(net, _crop_gradient(net, pairs, training, training.crops, context), training, report)
        return
    whole = pairs.source.new_ones((len(pairs.source), 1, y, x), dtype=torch.bool)
    mask = whole if pairs.mask is None else pairs.mask
    seen = Pairs(pairs.source, pairs.target, pairs.form, pairs.consistency, without_blocks(mask, blocks), pairs.margin)
    watch = Watch(training.stopping, _held_out_loss(net, pairs, mask, blocks, context))
    train(net, _crop_gradient(net, seen, training, training.crops, context), training, report, watch)


def _whole_gradient(net: ThreeLayerNet, pairs: Pairs, training: Training, context: Context) -> Gradient:
    weight = None if pairs.mask is None else whole_cells(pairs.mask).float()
    images = WholeImages(pairs.source, pairs.target, weight, pairs.consistency, training.agreement, net.copies)

    def gradient(index: Tensor) -> Tensor:
        del index  # every step reads everything
        with convolutions_in(context.precision, context.device):
            return whole_gradient(lambda image: predict(net, image, pairs.form, "zeros"), images)

    return gradient


def _crop_gradient(net: ThreeLayerNet, pairs: Pairs, training: Training, crops: Crops, context: Context) -> Gradient:
    alone = pairs.source is pairs.target
    images = [pairs.source] if alone else [pairs.source, pairs.target]
    images += [] if pairs.mask is None else [pairs.mask]
    sampler = CropSampler(tuple(Material(image) for image in images), crops, pairs.margin, training.steps, context.seed)
    loss = CropLoss(pairs.consistency, crops.quarters, training.agreement, net.copies)

    def gradient(index: Tensor) -> Tensor:
        drawn = sampler.at(index)
        weight = None if pairs.mask is None else whole_cells(drawn[-1]).float()
        target = drawn[0] if alone else drawn[1]
        with convolutions_in(context.precision, context.device):
            return loss.gradient(lambda image: predict(net, image, pairs.form, "valid"), drawn[0], target, weight)

    return gradient


def _held_out_loss(
    net: ThreeLayerNet, pairs: Pairs, mask: Tensor, blocks: Tensor, context: Context
) -> Callable[[], float]:
    """Loss on the held-out blocks, each read with the surroundings that its views need."""
    source, target, valid = (block_windows(image, blocks, CROP_MARGIN) for image in (pairs.source, pairs.target, mask))
    weight = whole_cells(valid).float()
    loss = CropLoss(pairs.consistency)  # by which networks are compared, whatever they are trained for

    def held_out() -> float:
        with torch.no_grad(), convolutions_in(context.precision, context.device):
            return float(loss(lambda image: predict(net, image, pairs.form, "valid"), source, target, weight))

    return held_out
