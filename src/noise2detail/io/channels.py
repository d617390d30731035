"""What a microscope's file says of each channel, on its way into OME-XML."""

from dataclasses import dataclass
from typing import Any

from noise2detail.image import Image

CHANNELS_KEY = "channels"
"""Key, in the metadata of an image, of one :class:`Channel` for each channel."""


@dataclass(frozen=True)
class Channel:
    """One channel of a light microscope."""

    name: str = ""
    """As the microscope's program shows it; empty where it has none."""
    colour: int | None = None
    """In which it is shown: 24 bits, red first."""
    emission_nm: float | None = None
    """Peak of the emission in nanometres."""


def ome_attributes(image: Image) -> dict[str, list[Any]]:
    """Attributes of the Channel elements of OME-XML, one value for each channel; empty where nothing is known.

    >>> import numpy as np
    >>> green = Channel("GFP", 0x00FF00, 509.0)
    >>> ome_attributes(Image(np.zeros((4, 4)), "YX", metadata={CHANNELS_KEY: (green,)}))
    {'Name': ['GFP'], 'Color': [16711935], 'EmissionWavelength': [509.0], 'EmissionWavelengthUnit': ['nm']}
    """
    count = dict(zip(image.axes, image.array.shape, strict=True)).get("C", 1)
    channels = image.metadata.get(CHANNELS_KEY, ())
    attributes: dict[str, list[Any]] = {"Name": list(image.channel_names)} if image.channel_names else {}
    if len(channels) != count or "S" in image.axes:
        return attributes
    names = [channel.name for channel in channels]
    if all(names):
        attributes.setdefault("Name", names)
    colours = [channel.colour for channel in channels if channel.colour is not None]
    if len(colours) == count:
        attributes["Color"] = [_signed((colour << 8) | 0xFF) for colour in colours]  # opaque
    emissions = [channel.emission_nm for channel in channels if channel.emission_nm is not None]
    if len(emissions) == count:
        attributes |= {"EmissionWavelength": emissions, "EmissionWavelengthUnit": ["nm"] * count}
    return attributes


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number
