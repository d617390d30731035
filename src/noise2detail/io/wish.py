"""The pixel type that a user asked for by name: it goes before that in which the original file stored its values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from noise2detail.image import Image

WISH_KEY = "pixel type asked for"
"""Key of the wish in the metadata of an image."""


def wishing(image: Image, pixel_type: np.dtype[Any] | None) -> Image:
    """The image with the wish that its result be stored in this type; None: in that of the original."""
    return image if pixel_type is None else replace(image, metadata={**image.metadata, WISH_KEY: pixel_type})


def is_wished(metadata: Mapping[str, Any]) -> bool:
    """Whether somebody asked for a type."""
    return WISH_KEY in metadata
