"""Named shapes, so that a signature says what goes in and what comes out."""

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32
    from torch import Tensor

    Batch = Float32[Tensor, "batch channel y x"]
    """Images in the working range; every method takes and returns this."""

    Mask = Bool[Tensor, "batch 1 y x"]
    """True where a pixel is data in every channel; False where it is NaN, infinite or padding."""

    Scalar = Float32[Tensor, ""]
else:

    def __getattr__(name: str) -> Any:
        # Files are read and written without PyTorch, which takes 3 s and 200 MB to load.
        shapes = {"Batch": "batch channel y x", "Mask": "batch 1 y x", "Scalar": ""}
        if name not in shapes:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from jaxtyping import Bool, Float32
        from torch import Tensor

        return (Bool if name == "Mask" else Float32)[Tensor, shapes[name]]


Pixels = NDArray[Any]
"""An array of pixels in the user's own type and axes."""


class PixelSource(Protocol):
    """An array of pixels, or something that gives one when it is asked: ``np.asarray`` reads all of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of an array."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """As of an array, by whole numbers and slices."""
        ...

    def __array__(self) -> Pixels:
        """All pixels, in memory."""
        ...


Precision = Literal["float32", "bfloat16"]
"""Arithmetic of the convolutions; weights and losses are float32 in either case."""
