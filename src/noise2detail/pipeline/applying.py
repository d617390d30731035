"""Applying denoisers to a plane tile by tile: the loop around the second of the two calls of a method."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.method import Denoiser, Step, TellsProgress
from noise2detail.pipeline.fitting import channel_groups
from noise2detail.pipeline.progress import Listener, Part
from noise2detail.plans import Plan
from noise2detail.tiling.walk import TileSide, walk
from noise2detail.types import Batch

Images = Mapping[str, Batch]
"""By name."""


@dataclass(frozen=True)
class Piece:
    """A tile of one channel of a denoised plane, or of an image on the way to it."""

    name: str
    """Of the image."""
    channel: int
    """Of the plane."""
    place: tuple[slice, slice]
    """Rows and columns."""
    pixels: NDArray[np.float32]
    """``(y, x)`` in the working range."""


def result_of(denoiser: Denoiser) -> Callable[[Batch], Images]:
    """The denoised image alone."""
    return lambda noisy: {"denoised": denoiser(noisy)}


def stages_of(denoiser: Denoiser) -> Callable[[Batch], Images]:
    """Every image on the way."""
    return denoiser.stages


def apply_to_plane(
    denoisers: Sequence[Denoiser],
    plane: NDArray[np.float32],
    plan: Plan,
    side: TileSide,
    images_of: Callable[[Denoiser], Callable[[Batch], Images]],
    on_step: Listener,
) -> Iterator[Piece]:
    """The denoised plane in pieces, each computed when it is asked for.

    Parameters
    ----------
    denoisers
        One for each group of channels.
    plane
        ``(channel, y, x)`` in the working range.
    plan
        Says what is one group of channels, and where a denoiser runs.
    side
        Of the tiles.
    images_of
        What is wanted of a denoiser.
    on_step
        Hears of every tile, after its pieces.
    """
    groups = channel_groups(len(plane), plan.channel_mode)
    for number, (denoiser, group) in enumerate(zip(denoisers, groups, strict=True)):
        listen = Part(number, len(groups), "channel").listen(on_step)
        compute = _of_one(on_device(images_of(telling(denoiser, listen)), plan.device))
        noisy = torch.from_numpy(plane[None, group])
        for done in walk(compute, noisy, side, halo=denoiser.halo, alignment=denoiser.alignment):
            for name, image in done.result.items():
                for channel, pixels in enumerate(image, group.start):
                    yield Piece(name, channel, done.tile.place, pixels[done.tile.own])
            listen(Step("applying", done.index, done.count, None, done.fraction))


def telling(denoiser: Denoiser, listen: Listener) -> Denoiser:
    """A denoiser that needs the image whole and says how far it is, where it can."""
    if denoiser.halo is not None or not isinstance(denoiser, TellsProgress):
        return denoiser
    # the end is told with the result
    return denoiser.telling(lambda share: listen(Step("filtering", round(100 * share), 100, None, 0.99 * share)))


def on_device(function: Callable[[Batch], Images], device: str) -> Callable[[Batch], dict[str, NDArray[np.float32]]]:
    """The function for a tile that travels to a device and back: there it needs the memory of a tile only."""
    return lambda noisy: {name: images.cpu().numpy() for name, images in function(noisy.to(device)).items()}


def _of_one(function: Callable[[Batch], dict[str, NDArray[np.float32]]]) -> Callable[[Batch], dict[str, Any]]:
    """The function for a batch of one image."""
    return lambda noisy: {name: images[0] for name, images in function(noisy).items()}
