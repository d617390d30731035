"""Channels that share structure, turned so that each holds its own."""

import torch
from torch import Tensor

from noise2detail.types import Batch


def rotation(noisy: Batch, autocovariances: Tensor, mask: Tensor | None) -> Tensor:
    """Matrix to channels of uncorrelated structure and noise of variance 1, ``(component, channel)``, strongest first.

    Rotated, what channels have in common is in one of them, above its noise, and the noise stays as it is. Channels
    without noise are left out.
    """
    middle = [size // 2 for size in autocovariances.shape[1:]]
    sigmas = autocovariances[:, middle[0], middle[1]].clamp_min(0).sqrt()
    active = sigmas > 0
    whitening = torch.diag(sigmas.reciprocal())[active]
    if len(whitening) < 2:
        return whitening
    values = noisy.transpose(0, 1).flatten(1)
    if mask is not None and mask.any():
        values = values[:, mask.flatten()]
    covariance = whitening.double() @ values.double().cpu().cov() @ whitening.mT.double()
    vectors: Tensor = torch.linalg.eigh(covariance).eigenvectors.flip(1)
    return vectors.mT.float() @ whitening
