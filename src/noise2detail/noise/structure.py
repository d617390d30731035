"""Structure told from noise in a power spectrum.

Fine structure that fills an image is in its flattest blocks too, and no choice of blocks gets rid of it. But structure is
strong in the low frequencies and dies out in the high ones, where the noise alone is left. Noise whose high frequencies
are strong changes slowly from frequency to frequency: what they say of the low ones is the most that noise may hold there.
Noise that is itself weak in the high frequencies, as that behind oversampling optics, says nothing of the kind; its
spectrum is taken as it was measured.
"""

import math

import torch
from torch import Tensor

CLEAN = 0.28
"""Distance from frequency 0, in cycles per pixel, beyond which structure is hardly found."""

STEEP = 0.25
"""Power of the highest frequencies, relative to that just beyond ``CLEAN``, below which noise is itself band-limited."""

TOLERANCE = 0.1
"""Share by which a low frequency may exceed what the high ones say, before it counts as structure."""


def without_structure(power: Tensor, count: int) -> Tensor:
    """Power of the noise alone.

    Parameters
    ----------
    power
        ``(..., y, x)``, of noise and structure, frequency 0 first; square.
    count
        Independent blocks that it was measured on: the tolerance is at least three times the error that they leave.

    The logarithm of the power is fitted by a constant and one cosine along each axis, which is what noise that next
    neighbours share looks like.
    """
    side = power.shape[-1]
    along = torch.fft.fftfreq(side, dtype=power.dtype, device=power.device)
    distance = torch.hypot(along[:, None], along)
    high = distance > CLEAN
    cosine = torch.cos(2 * math.pi * along).expand(side, side)
    terms = torch.stack([torch.ones_like(cosine), cosine, cosine.mT], -1)  # (y, x, 3)
    logarithm = power.clamp_min(torch.finfo(power.dtype).tiny).log()
    weights = torch.linalg.pinv(terms[high])
    most = (terms @ (logarithm[..., high] @ weights.mT)[..., None, :, None])[..., 0].exp()
    edge, top = high & (distance < CLEAN + 0.1), distance > 0.55
    fall = logarithm[..., top].mean(-1) - logarithm[..., edge].mean(-1)
    limit = most * (1 + max(TOLERANCE, 3 / math.sqrt(max(count, 1))))
    exceeds = ~high & (power > limit) & (fall > math.log(STEEP))[..., None, None]
    return torch.where(exceeds, most, power)
