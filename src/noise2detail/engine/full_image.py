"""The gradient of the pair loss over whole images: the plain way, and the same sum taken block by block.

A whole 512x512 image with 48 hidden channels is 50 MB an activation: far more than a processor's cache holds. An output
pixel depends on five by five input pixels only, so the loss is a sum over blocks that each fit the cache, and so is its
gradient. The block way gives the plain way's gradient to rounding (``test_full_image.py``), in half of the time and in
memory that does not grow with the image.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.engine.network import REACH
from noise2detail.engine.pair_loss import (
    Consistency,
    Predict,
    join_pair,
    pair_errors,
    pair_loss,
    split_pair,
)
from noise2detail.numerics.downsample import pair_downsample
from noise2detail.tiling.geometry import spans
from noise2detail.types import Scalar

BLOCK = 64
"""Side of a block of the half-size views on a processor. 64 and 128 are equally fast to a tenth, smaller ones
slower; 64 takes less memory. ``benchmarks/speed.py`` measures it."""

LARGE_BLOCK = 1024
"""The same on an accelerator, which is fast only with much to do at once."""


@dataclass(frozen=True, eq=False)
class WholeImages:
    """Everything that a step over whole images reads."""

    source: Tensor
    """``(batch, channel, y, x)``."""
    target: Tensor
    """Same shape; may be the same tensor."""
    weight: Tensor | None
    """``(batch, copy, y // 2, x // 2)``, 1 where a cell is data."""
    consistency: Consistency
    agreement: float = 1.0
    """Weight of the consistency loss."""
    copies: int = 1
    """Networks side by side, each with its own channels and its own loss."""

    def shares(self) -> Tensor | None:
        """Weight of every pixel of a view in the mean of its copy, ``(batch, copy * channel, y // 2, x // 2)``."""
        if self.weight is None:
            return None
        channels = self.source.shape[1] // self.copies
        count = (self.weight.sum((0, 2, 3), keepdim=True) * channels).clamp_min(1)
        return (self.weight / count).repeat_interleave(channels, 1)


def plain_gradient(predict: Predict, images: WholeImages) -> Scalar:
    """Loss of one network over whole images, after adding its gradient to the parameters: all in one piece."""
    loss = pair_loss(
        predict,
        images.source,
        images.target,
        consistency=images.consistency,
        agreement=images.agreement,
        weight=images.weight,
    )
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach()


def whole_gradient(predict: Predict, images: WholeImages) -> Tensor:
    """Loss over whole images, ``(copy,)``, after adding its gradient: in blocks that fit the processor.

    Every copy is given the mean of all.
    """
    block = BLOCK if images.source.device.type == "cpu" else LARGE_BLOCK
    with torch.enable_grad():
        total = blockwise_gradient(predict, images, block)
    return (total / images.copies).expand(images.copies)


def blockwise_gradient(predict: Predict, images: WholeImages, block: int = BLOCK) -> Scalar:
    """Loss over whole images, summed over copies, after adding its gradient to the parameters: block by block.

    Parameters
    ----------
    predict
        Pads with zeros at the border of what it is given, and reaches ``REACH`` pixels.
    images
        What the step reads.
    block
        Side of a block of the half-size views, in their pixels.
    """
    source_pair, target_pair = pair_downsample(images.source), pair_downsample(images.target)
    shares = images.shares()
    count = source_pair[0].numel() // images.copies if shares is None else 1
    total = images.source.new_zeros(())
    rows, columns = (spans(n, block, REACH, 1) for n in source_pair[0].shape[-2:])
    for index in range(len(images.source)):
        one = slice(index, index + 1)
        for row in rows:
            for column in columns:
                read = (one, ..., slice(row.read_start, row.read_stop), slice(column.read_start, column.read_stop))
                inner = (one, ..., slice(row.start, row.stop), slice(column.start, column.stop))
                views = predict(join_pair((source_pair[0][read], source_pair[1][read])))
                part = pair_errors(
                    split_pair(views[..., row.keep, column.keep]),
                    (target_pair[0][inner], target_pair[1][inner]),
                    pair_downsample(
                        _whole_part(predict, images.source[one], row.start, row.stop, column.start, column.stop)
                    ),
                    images.consistency,
                    images.agreement,
                    None if shares is None else shares[inner],
                )
                part = part / count
                part.backward()  # type: ignore[no-untyped-call]
                total += part.detach()
    return total


def _whole_part(predict: Predict, source: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    """Prediction for the full-size pixels of a block given in pixels of the half-size views."""
    y, x = source.shape[-2:]
    first_row, first_column = max(0, 2 * top - REACH), max(0, 2 * left - REACH)
    piece = source[..., first_row : min(y, 2 * bottom + REACH), first_column : min(x, 2 * right + REACH)]
    return predict(piece)[
        ..., 2 * top - first_row : 2 * bottom - first_row, 2 * left - first_column : 2 * right - first_column
    ]
