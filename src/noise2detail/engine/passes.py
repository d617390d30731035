"""One application of a trained network to images."""

from dataclasses import dataclass

import torch

from noise2detail.engine.network import Border, Form, ThreeLayerNet, predict
from noise2detail.engine.precision import convolutions_in
from noise2detail.types import Batch, Precision

PASS = 2 / 9
"""Work of a pass over a pixel, where that of a training step is 1: no gradient and no half-size views."""


@dataclass(frozen=True, eq=False)
class Pass:
    """A trained network together with how it is to be applied."""

    net: ThreeLayerNet
    form: Form
    border: Border
    precision: Precision
    clip: bool
    """Clip what comes out to [0, 1]."""

    def __call__(self, images: Batch) -> Batch:
        """Denoised images; no gradient is recorded."""
        with torch.no_grad(), convolutions_in(self.precision, images.device):
            result = predict(self.net, images, self.form, self.border)
        return result.clamp(0, 1) if self.clip else result
