"""Structure told from noise in a power spectrum.

Fine structure that fills an image is in its flattest blocks too, and no choice of blocks gets rid of it. But structure
is strong in the low frequencies and dies out in the high ones, where the noise alone is left. Noise that is strong
there changes slowly from frequency to frequency: what the high ones say of the low ones is the most that noise may hold
in them. Noise that is itself weak in the high frequencies, as that behind oversampling optics, says nothing of the
kind; its spectrum is taken as it was measured.
"""

import math

import torch
from torch import Tensor

CLEAN = 0.28
"""Distance from frequency 0, in cycles per pixel, beyond which structure is hardly found."""

LINES = 1 / 16
"""Frequencies along each axis up to which stripes are found, which say nothing of the others."""

WEAK = 0.25
"""Power of the weakest high frequencies, relative to those just beyond ``CLEAN``: below it noise is band-limited."""

ODD = 0.25
"""Deviation of the logarithm of the high frequencies from the curve: above it noise is of another kind."""

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

    The logarithm of the power in the high frequencies is fitted by a constant and one cosine along each axis, which is
    what noise that next neighbours share looks like. Noise that does not look so is left as it is.
    """
    side = power.shape[-1]
    along = torch.fft.fftfreq(side, dtype=power.dtype, device=power.device)
    distance = torch.hypot(along[:, None], along)
    high = distance > CLEAN
    fitted = high & (along[:, None].abs() > LINES) & (along.abs() > LINES)
    cosine = torch.cos(2 * math.pi * along).expand(side, side)
    terms = torch.stack([torch.ones_like(cosine), cosine, cosine.mT], -1)  # (y, x, 3)
    logarithm = power.clamp_min(torch.finfo(power.dtype).tiny).log()
    seen = logarithm[..., fitted]
    curve = (terms @ (seen @ torch.linalg.pinv(terms[fitted]).mT)[..., None, :, None])[..., 0]
    weakest = seen.quantile(0.02, -1) - logarithm[..., fitted & (distance < CLEAN + 0.1)].mean(-1)
    odd = (seen - curve[..., fitted]).square().mean(-1).sqrt()
    error = 1 / math.sqrt(max(count, 1))
    said = (weakest > math.log(WEAK)) & (odd < max(ODD, 2 * error))
    most = curve.exp()
    return torch.where(~high & (power > most * (1 + max(TOLERANCE, 3 * error))) & said[..., None, None], most, power)
