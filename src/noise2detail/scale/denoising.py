"""The pixels of one unit, denoised as they would be in the whole image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.method import Denoiser
from noise2detail.pipeline.fitting import channel_groups
from noise2detail.pipeline.gaps import FAR_ENOUGH
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.values import from_working_range, to_working_range
from noise2detail.plans import Plan
from noise2detail.scale.arrays import StoredArray
from noise2detail.scale.geometry import Box, Reach, Region, region
from noise2detail.scale.unchanging import unchanging
from noise2detail.tiling.walk import TileSide, walk
from noise2detail.types import Batch, Pixels


@dataclass(frozen=True, eq=False)
class Applied:
    """A denoiser with all that its application needs."""

    denoisers: Sequence[Denoiser]
    """One for each group of channels of the whole image."""
    plan: Plan
    """By which they were fitted."""
    reach: Reach
    """What a pixel of the result depends on."""

    def unit(self, array: StoredArray, axes: str, write: Box) -> Pixels:
        """Denoised pixels of a part of an image.

        Values that are no data, and planes of a channel that hold one value everywhere, come back as they are.

        Raises
        ------
        UnreadableFileError
            A chunk that is read for it is damaged.
        """
        shape = array.layout.shape
        found = region(axes, shape, write, self.reach)
        result = self._denoised(array, axes, found, array.read(found.read), last=False)
        if result is None:
            # gaps are filled from what lies around them, which must be at hand where it would be in the whole image
            found = region(axes, shape, write, self.reach, FAR_ENOUGH)
            result = self._denoised(array, axes, found, array.read(found.read), last=True)
        assert result is not None  # noqa: S101 - only a first try gives up
        return result

    def _denoised(self, array: StoredArray, axes: str, part: Region, block: Pixels, *, last: bool) -> Pixels | None:
        """The pixels of a region; None where there are gaps, and a wider one is needed unless this is the last."""
        result = block[part.keep].copy()
        layout, goal = Layout(axes, block.shape), Layout(axes, result.shape)
        source, target = layout.view(block), goal.view(result)
        own, read = _channels(axes, part.write), _channels(axes, part.read)
        maps = self.plan.value_maps[read.start : read.stop]
        whole = all(
            part.read[axes.index(letter)] == slice(0, array.layout.shape[axes.index(letter)]) for letter in "YX"
        )
        flags = layout.view(unchanging(array, part.read, block)[..., None, None])
        for index in layout.planes:
            constant = [bool(one[0, 0]) for one in layout.channels_of(flags, index)]
            if all(constant[own.start - read.start : own.stop - read.start]):
                continue
            pixels, mask = to_working_range(layout.channels_of(source, index), maps)
            if mask is not None and not (last or whole):
                return None
            channels = goal.channels_of(target, index)
            for channel, place, values in self._pieces(pixels, part, own, read):
                if constant[channel - read.start]:
                    continue
                kept, where = _overlap(part, place)
                piece = from_working_range(values[where], self.plan.value_maps[channel], result.dtype)
                valid = True if mask is None else mask[channel - read.start][place][where]
                np.copyto(channels[channel - own.start][kept], piece, where=valid)
        return result

    def _pieces(
        self, pixels: NDArray[np.float32], part: Region, own: range, read: range
    ) -> Iterator[tuple[int, tuple[slice, slice], NDArray[np.float32]]]:
        """Tile by tile, the number of a channel, rows and columns among those that were read, and their pixels."""
        groups = channel_groups(self.plan.channels, self.plan.channel_mode)
        for denoiser, group in zip(self.denoisers, groups, strict=True):
            if not (group.start < own.stop and own.start < group.stop):
                continue
            noisy = torch.from_numpy(pixels[None, group.start - read.start : group.stop - read.start])
            compute = _on_device(denoiser, self.plan.device)
            side = TileSide(self.plan.tile)
            for done in walk(
                compute, noisy, side, halo=self.reach.halo, alignment=self.reach.alignment, part=part.tile
            ):
                for channel in range(max(own.start, group.start), min(own.stop, group.stop)):
                    yield channel, done.tile.place, done.result[channel - group.start][done.tile.own]


def _on_device(denoiser: Denoiser, device: str) -> Callable[[Batch], NDArray[np.float32]]:
    return lambda noisy: denoiser(noisy.to(device))[0].cpu().numpy()


def _channels(axes: str, box: Box) -> range:
    """Numbers of the channels of a part."""
    if "C" not in axes:
        return range(1)
    return range(box[axes.index("C")].start, box[axes.index("C")].stop)


def _overlap(part: Region, place: tuple[slice, slice]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a tile belongs in what is written, and which of its pixels those are: alignment may have added some."""
    kept, where = [], []
    for own, keep in zip(place, (part.keep[-2], part.keep[-1]), strict=True):
        start, stop = max(own.start, keep.start), min(own.stop, keep.stop)
        kept.append(slice(start - keep.start, stop - keep.start))
        where.append(slice(start - own.start, stop - own.start))
    return (kept[0], kept[1]), (where[0], where[1])
