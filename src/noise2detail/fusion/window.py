"""Neighbouring planes worked on as one image: what they share is one component, and each deviation another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from noise2detail.fusion.denoiser import FusionDenoiser
from noise2detail.types import Batch


@dataclass(frozen=True, eq=False)
class WindowDenoiser:
    """Planes of a window ``(plane, channel, y, x)`` in, as many out."""

    inner: FusionDenoiser
    """Of all channels of all planes."""
    halo: ClassVar[None] = None
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """Every plane, denoised with the help of the others."""
        return self.inner(as_one(noisy)).view_as(noisy)

    def telling(self, on_progress: Callable[[float], None]) -> "WindowDenoiser":
        """The same, with somebody who hears how far it is."""
        return replace(self, inner=self.inner.telling(on_progress))

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """Every estimate by its name, and the mixture, ``denoised``."""
        return {name: found.view_as(noisy) for name, found in self.inner.stages(as_one(noisy)).items()}

    def tensors(self) -> Mapping[str, Tensor]:
        """Everything that was learnt of the window."""
        return self.inner.tensors()


def as_one(planes: Tensor) -> Tensor:
    """Planes ``(plane, channel, y, x)`` as the channels of one image ``(1, plane * channel, y, x)``."""
    return planes.reshape(1, -1, *planes.shape[-2:])
