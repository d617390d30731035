"""The autocovariance of noise that neighbouring pixels share, measured on the image itself."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from noise2detail.noise.structure import without_structure

SIDE = 16
"""Of the blocks in which an autocovariance is measured, in pixels."""

LAGS = 7
"""Farthest pixels whose noise is compared, along each axis."""

SHARE = 0.1
"""Of all blocks, the flattest: these are looked at."""

FEWEST = 256
"""Blocks that are looked at where there are so many."""

MOST = 16384
"""Blocks whose surroundings are looked at."""

USUAL = 512
"""Blocks, spread over the image, that say how strong the noise is in a usual one."""

GROUPS = 16
"""Parts of the image whose noise is measured by itself, to see how far they agree."""

_MEDIAN = math.log(2)
"""Of the power of normal noise, whose mean is 1."""


@dataclass(frozen=True, eq=False)
class Autocovariance:
    """What was measured, on all of the flat blocks and on groups of them."""

    whole: Tensor
    """``(y, x)``, sides odd; lag 0 is in the middle."""
    groups: Tensor
    """``(group, y, x)``, the same of groups of neighbouring blocks; none if there are too few blocks."""
    structure: float = 1.0
    """Power of the low frequencies before structure was taken out of them, over that after."""


def measured_autocovariance(images: Tensor, mask: Tensor | None = None, *, flat: bool = False) -> Tensor:
    """Autocovariance of the noise on the flattest blocks of images ``(image, y, x)``; lag 0 is in the middle.

    As ``autocovariance`` finds it on the whole.

    Parameters
    ----------
    images, mask, flat
        As there.
    """
    return autocovariance(images, mask, flat=flat).whole


def autocovariance(images: Tensor, mask: Tensor | None = None, *, flat: bool = False) -> Autocovariance:
    """Autocovariance of the noise on the flattest blocks of images ``(image, y, x)``.

    The median over blocks of the power at each frequency, so that a few blocks with structure do no harm. Flat is what
    has calm surroundings: a choice by the block's own variance would take those with the least noise. Structure that is
    in all blocks is told by its spectrum. Multiplied by a window, a block's autocovariance is that of the noise times
    that of the window, which is divided out.

    Parameters
    ----------
    images
        All with the same noise.
    mask
        True where a pixel is data, of the same shape; blocks with a gap are left out. None: everywhere.
    flat
        The flattest blocks are known to hold noise alone: whatever is in them is taken for it.
    """
    side = min(SIDE, *images.shape[1:])
    blocks, unrest = _blocks(images.double() - float(images.mean()), mask, side)
    lags = min(LAGS, side // 2 - 1)
    if not len(blocks):
        nothing = images.new_zeros(2 * lags + 1, 2 * lags + 1)
        return Autocovariance(nothing, nothing[None, :0].reshape(0, *nothing.shape))
    number = min(max(math.ceil(SHARE * len(blocks)), FEWEST), math.ceil(0.5 * len(blocks)))
    calmest = unrest.argsort()[:number].sort().values
    power = _power(blocks[calmest])
    raw = _raw(power)
    # blocks overlap: about one of four counts
    middle = raw if flat else without_structure(raw, number // 4)
    factor = _strength(_power(blocks[:: max(1, len(blocks) // USUAL)]), middle)
    parts = (
        [without_structure(_raw(part), len(part) // 4) for part in power.tensor_split(GROUPS)]
        if number >= 2 * GROUPS
        else []
    )
    found = [_lagged(values * factor, side, lags).float() for values in (middle, *parts)]
    structure = float(raw[: side // 2, : side // 2].mean() / middle[: side // 2, : side // 2].mean())
    return Autocovariance(
        found[0], torch.stack(found[1:]) if parts else found[0].new_zeros(0, *found[0].shape), structure
    )


def _window(side: int, like: Tensor) -> Tensor:
    line = torch.hann_window(side + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
    return line[:, None] * line


def _power(blocks: Tensor) -> Tensor:
    """Power of windowed blocks ``(n, side, side)`` at twice as many frequencies, without the mirrored half."""
    side = blocks.shape[-1]
    blocks = (blocks - blocks.mean((1, 2), keepdim=True)) * _window(side, blocks)
    power: Tensor = torch.fft.rfft2(blocks, s=(2 * side, 2 * side)).abs().square()
    return power


def _raw(power: Tensor) -> Tensor:
    """Power at each frequency, ``(2 side, 2 side)``, of the middle one of some blocks."""
    half = power.median(0).values / (_MEDIAN if len(power) > 1 else 1.0)
    rows = (-torch.arange(len(half), device=half.device)) % len(half)
    middle = torch.cat([half, half[rows, 1:-1].flip(1)], 1)
    # the block's mean was taken away: the lowest frequency is read off its neighbours
    middle[0, 0] = (middle[0, 2] + middle[2, 0]) / 2
    middle[0, 1] = middle[0, -1] = middle[1, 0] = middle[-1, 0] = middle[0, 0]
    return middle


def _lagged(power: Tensor, side: int, lags: int) -> Tensor:
    """The autocovariance that goes with a power, up to so many lags."""
    own = torch.fft.fft2(_window(side, power), s=power.shape).abs().square()
    shared, plain = (torch.fft.ifft2(values).real.roll((lags, lags), (0, 1)) for values in (power, own))
    found: Tensor = (shared / plain)[: 2 * lags + 1, : 2 * lags + 1]
    return found


def _strength(power: Tensor, flat: Tensor) -> float:
    """How much stronger the noise of a usual block is than that of the flattest, ``power`` and ``flat`` by frequency.

    Noise that is not the same everywhere is weakest on what looks flattest. The middle frequency of a block holds noise
    also where there is structure, and the middle block stands for the image.
    """
    half = flat[:, : power.shape[-1]].clamp_min(torch.finfo(flat.dtype).tiny)
    relative = (power / half).flatten(1).median(1).values / _MEDIAN
    return float(relative.median())


def _blocks(images: Tensor, mask: Tensor | None, side: int) -> tuple[Tensor, Tensor]:
    """Blocks without gaps that are not constant, and the variance of the frame around each.

    Very small images leave no room for a frame: of the block itself.
    """
    frame = side // 2 if min(images.shape[1:]) >= 3 * side else 0
    step = max(side // 4, 1, math.ceil(math.sqrt(images.numel() / MOST)))
    size = side + 2 * frame
    windows = images.unfold(1, size, step).unfold(2, size, step)  # (image, rows, columns, size, size)
    blocks = windows[..., frame : frame + side, frame : frame + side]
    moments = [values.sum((3, 4)) for power in (1, 2) for values in (windows**power, blocks**power)]
    area = size**2 - (side**2 if frame else 0)
    first, second = ((moments[n] - (moments[n + 1] if frame else 0)) / area for n in (0, 2))
    unrest = second - first.square()
    chosen = blocks.amax((3, 4)) > blocks.amin((3, 4))
    if mask is not None:
        chosen &= mask.unfold(1, size, step).unfold(2, size, step).all((3, 4))
    return blocks[chosen], unrest[chosen]
