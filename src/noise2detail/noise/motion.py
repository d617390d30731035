"""How far the content of one plane lies from that of the next one."""

import torch
from torch import Tensor

LOWEST, HIGHEST = 1 / 64, 1 / 4
"""Cycles per pixel between which content is compared: shading says nothing of where it lies, and above is noise."""

FARTHEST = 1 / 8
"""Of the shorter side, the longest step from plane to plane that is looked for."""

CLEARER = 1.1
"""How much more alike planes are where they are moved, at least; less may be chance."""

CHANCE = 8.0
"""Standard deviations of what unrelated content gives, from which a likeness is none."""


def shift_between(first: Tensor, second: Tensor) -> tuple[int, int]:
    """Whole pixels by which content lies further down and right in the second plane; (0, 0) if that is not clear.

    Parameters
    ----------
    first, second
        ``(channel, y, x)``, with noise that is their own, of the same strength in every channel.
    """
    y, x = first.shape[-2:]
    window = torch.hann_window(y, periodic=False)[:, None] * torch.hann_window(x, periodic=False)
    spectra = [
        torch.fft.rfft2((plane.detach().cpu() - plane.detach().cpu().mean((-2, -1), keepdim=True)) * window)
        for plane in (first, second)
    ]
    frequency = torch.hypot(torch.fft.fftfreq(y)[:, None], torch.fft.rfftfreq(x))
    kept = (frequency >= LOWEST) & (frequency <= HIGHEST)
    alike = torch.fft.irfft2((spectra[0].conj() * spectra[1] * kept).sum(0), (y, x))
    reach = max(int(FARTHEST * min(y, x)), 1)
    near = alike.roll((reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, column = divmod(int(near.argmax()), near.shape[1])
    best, still = float(near[row, column]), float(alike[0, 0])
    at_rim = {row, column} & {0, 2 * reach}  # the likeness grows on beyond
    if at_rim or best < CLEARER * still or best < CHANCE * float(alike.std()):
        return 0, 0
    return row - reach, column - reach
