"""The loss of two half-size views of one image: each view predicts the other, the whole must agree with both.

Stage 1 of Noise2Detail (which is Zero-Shot Noise2Noise) reads source and target from the noisy image; stage 3 reads the
source from the refined image and the target from the noisy one. Everything else is the same.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from noise2detail.numerics.downsample import pair_downsample
from noise2detail.numerics.padding import cut_centre
from noise2detail.types import Scalar

Consistency = Literal["same", "crossed"]
"""Which view of the denoised whole a prediction is compared with: that of its own index, or the other."""

Predict = Callable[[Tensor], Tensor]
"""Denoised batch of images; smaller by the same margin on every side if it computes valid pixels only."""


def pair_loss(
    predict: Predict,
    source: Tensor,
    target: Tensor,
    *,
    consistency: Consistency,
    agreement: float = 1.0,
    weight: Tensor | None = None,
) -> Scalar:
    """Residual loss plus consistency loss, each the mean over all pixels of both views.

    Parameters
    ----------
    predict
        Called once for both views of the source and once for the whole source.
    source, target
        ``(batch, channel, y, x)`` in the working range.
    consistency
        ``same`` as in Zero-Shot Noise2Noise and in the authors' program; ``crossed`` as printed in Eq. 4 and 9.
    agreement
        Weight of the consistency loss; 1 as published.
    weight
        ``(batch, 1, y // 2, x // 2)``, 1 where a 2x2 cell is data and 0 elsewhere; None: data everywhere.

    Source
    ------
    Chobola et al., MICCAI 2025, Eq. 3, 4, 8 and 9, with means for the squared norms.
    """
    source_pair, target_pair = pair_downsample(source), pair_downsample(target)
    predicted = split_pair(predict(join_pair(source_pair)))
    whole = pair_downsample(predict(source))
    y, x = predicted[0].shape[-2:]
    total = pair_errors(
        predicted,
        (cut_centre(target_pair[0], y, x), cut_centre(target_pair[1], y, x)),
        (cut_centre(whole[0], y, x), cut_centre(whole[1], y, x)),
        consistency,
        agreement,
        None if weight is None else cut_centre(weight, y, x),
    )
    return total / pair_count(predicted[0], None if weight is None else cut_centre(weight, y, x))


def pair_errors(
    predicted: tuple[Tensor, Tensor],
    target: tuple[Tensor, Tensor],
    whole: tuple[Tensor, Tensor],
    consistency: Consistency,
    agreement: float,
    weight: Tensor | None,
) -> Scalar:
    """Sum over pixels of the squared errors of both terms; ``pair_count`` pixels make it a mean."""
    agree = whole if consistency == "same" else whole[::-1]
    residual = (predicted[1] - target[0], predicted[0] - target[1])
    apart = (predicted[0] - agree[0], predicted[1] - agree[1])
    return (_squares(residual, weight) + agreement * _squares(apart, weight)) / 2


def _squares(errors: tuple[Tensor, Tensor], weight: Tensor | None) -> Scalar:
    if weight is None:
        return torch.stack([error.square().sum() for error in errors]).sum()
    return torch.stack([(error.square() * weight).sum() for error in errors]).sum()


def pair_count(view: Tensor, weight: Tensor | None) -> Tensor | int:
    """Number of pixels in one view that are data, at least 1."""
    return view.numel() if weight is None else (weight.sum() * view.shape[1]).clamp_min(1)


def join_pair(pair: tuple[Tensor, Tensor]) -> Tensor:
    """Both views as one batch."""
    return torch.cat(pair)


def split_pair(both: Tensor) -> tuple[Tensor, Tensor]:
    """Views of a batch made by ``join_pair``."""
    first, second = both.chunk(2)
    return first, second
