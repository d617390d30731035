"""What all methods share that are one filter with its parameters given or calibrated."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal, TypeVar

from torch import Tensor

from noise2detail.calibration.filtering import CalibratedFilter, Family, cost_of, fit_filter, restore_filter
from noise2detail.method import Context, Cost, Denoiser
from noise2detail.types import Batch

Own = TypeVar("Own", bound="FilterMethod")


class FilterMethod(ABC):
    """A method whose hyper-parameters say which filter it is, and which of the filter's parameters are given."""

    scope: ClassVar[Literal["any", "image"]] = "any"

    @property
    @abstractmethod
    def family(self) -> Family:
        """The filter, and the values that are tried."""

    @classmethod
    def recipe(cls: type[Own], name: str) -> Own:
        """Settings of ``standard``: calibrated."""
        return {"standard": cls()}[name]

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
        """The filter with its parameters as given or calibrated; near those of a ``start``."""
        return fit_filter(self.family, noisy, context, start)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> CalibratedFilter:
        """Denoiser from its parameters."""
        del context
        return restore_filter(self.family, tensors)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """The calibration, and one pass."""
        return cost_of(self.family, images, y, x)
