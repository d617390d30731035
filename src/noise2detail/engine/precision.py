"""Arithmetic of the convolutions."""

from contextlib import AbstractContextManager

import torch

from noise2detail.types import Precision


def convolutions_in(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Context in which convolutions run in ``precision``; weights, losses and everything else stay float32.

    On NVIDIA GPUs from Ampere on, PyTorch multiplies float32 convolutions in TF32 unless told otherwise.
    """
    # a cache of converted weights would outlive the recording of a CUDA graph
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=device.type != "cuda"
    )
