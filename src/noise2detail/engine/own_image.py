"""The denoiser of methods that learn one image and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from noise2detail.errors import SettingError
from noise2detail.types import Batch


@dataclass(frozen=True, eq=False)
class OwnImage:
    """The result for the images that a method was fitted to; of others it knows nothing."""

    noisy: Batch
    """What was fitted to."""
    result: Batch
    """The same, denoised."""
    halo: ClassVar[None] = None
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """Denoised images.

        Raises
        ------
        SettingError
            Other images than those of the fit.
        """
        for start in range(len(self.noisy) - len(noisy) + 1):
            part = slice(start, start + len(noisy))
            if torch.equal(self.noisy[part], noisy.to(self.noisy.device)):
                return self.result[part].to(noisy.device)
        raise SettingError(
            "this method can denoise only the very image that it was fitted to; fit it to each image, or choose a "
            "method that learns a filter, such as noise2detail"
        )

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """Both."""
        return {"noisy": self.noisy.cpu().contiguous(), "result": self.result.cpu().contiguous()}


def restore_own_image(tensors: Mapping[str, Tensor], device: torch.device) -> OwnImage:
    """Denoiser from its tensors."""
    return OwnImage(tensors["noisy"].to(device), tensors["result"].to(device))
