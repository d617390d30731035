"""Undoing what clipped noise does to the mean of a result, for figures with and without."""

import numpy as np
import torch

from noise2detail.noise.clipping import unclipping
from noise2detail.noise.measure import measure_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Pixels


def clipped_model(noisy: Pixels) -> NoiseModel | None:
    """Noise of a plane in which it was clipped; None where it was not."""
    model = measure_noise(torch.from_numpy(noisy.astype(np.float32))).model
    return model if model.is_clipped else None


def undone(denoised: Pixels, model: NoiseModel) -> Pixels:
    """The signal whose clipped noise has the mean that a result shows; of the same type, within the range of values."""
    values = torch.from_numpy(denoised.astype(np.float32))
    signal = unclipping(model, float(values.min()), float(values.max()))(values).numpy()
    if denoised.dtype.kind not in "ui":
        same_type: Pixels = signal.astype(denoised.dtype)
        return same_type
    limits = np.iinfo(denoised.dtype)
    whole: Pixels = np.clip(np.rint(signal), limits.min, limits.max).astype(denoised.dtype)
    return whole
