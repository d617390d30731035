"""How much of the error neighbouring planes save, told from noisy planes before any of them is denoised."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import EllipsisType

import torch
import torch.nn.functional as F
from torch import Tensor

from noise2detail.fusion.estimators import RIM, SPREAD
from noise2detail.fusion.way import Way
from noise2detail.fusion.window import as_one
from noise2detail.noise.colour import coloured
from noise2detail.patches.two_cascades import TwoCascades

SIDE, PIXELS = 144, 350_000
"""Side of a place that is looked at, and about how many pixels all places of all planes have."""

PART = 0.5
"""Of the noise's variance, added to what is denoised."""

BLUR = 5
"""Side of the squares of pixels whose mean says how strong the noise is."""


@dataclass(frozen=True, eq=False)
class Saving:
    """Estimated square errors of the same planes, worked on one by one and together."""

    single: float
    """Sum over the places; noise is the unit."""
    together: float
    """The same, of planes that help each other."""

    @property
    def share(self) -> float:
        """Of the error of planes one by one that is saved; negative: it grows."""
        return 1 - self.together / self.single if self.single > 0 else 0.0


def estimated_saving(
    planes: Tensor, ways: tuple[Way, Way], autocovariances: tuple[Tensor, Tensor], cascades: TwoCascades, seed: int
) -> Saving:
    """Error of two cascades in some places of planes, one by one and together.

    Parameters
    ----------
    planes
        ``(plane, channel, y, x)``, whose noise is independent.
    ways
        To components of single planes, and of all planes as one image.
    autocovariances
        Of the noise of the components of each.
    cascades
        Of which both errors are.
    seed
        Of what is added. It is the same for both, so that its chance is in both errors.

    Source
    ------
    Oliveira, Lei & Tibshirani, "Unbiased risk estimation in the normal means problem via coupled bootstrap techniques",
    2022: what is estimated from planes with a part of fresh noise is held against the planes less the rest, whose noise
    is independent of it. The errors are those at ``1 + PART`` times the noise's variance. Stein's estimate with one
    probe, which serves to mix estimates, errs by a tenth of the error here, since the first cascade jumps wherever it
    leaves a coefficient out.
    """
    single, together = ways
    one_by_one, at_once = single.forward(planes), together.forward(as_one(planes))
    white = torch.randn(one_by_one.shape, generator=torch.Generator().manual_seed(seed)).to(planes)
    # all channels of all planes have noise of variance 1 with their component's spectrum: turned back, that of channels
    noise = torch.einsum("kc,bkyx->bcyx", single.turn.to(white), coloured(white, autocovariances[0].to(white)))
    errors = [0.0, 0.0]
    for place in _places(*one_by_one.shape):
        strengths = single.strengths(_smooth(one_by_one[place]))
        added = noise[place] if strengths is None else noise[place] * strengths
        variance = added.new_tensor(1.0) if strengths is None else strengths.square()
        for number, (way, components) in enumerate(((single, one_by_one), (together, at_once))):
            own = added if number == 0 else as_one(added)
            fresh = torch.einsum("kc,bcyx->bkyx", way.turn.to(own), own)
            errors[number] += _error(components[place], fresh, autocovariances[number], cascades)
            errors[number] -= float(variance.expand(added.shape)[_inner(added)].double().sum())
    return Saving(errors[0], errors[1])


def _error(part: Tensor, fresh: Tensor, autocovariances: Tensor, cascades: TwoCascades) -> float:
    """Sum of square errors, and of the variance of the noise of ``part``."""
    noisier = part + PART**0.5 * fresh
    found = torch.stack([cascades.run(image, (1 + PART) * autocovariances)[1] for image in noisier])
    other = part - fresh / PART**0.5
    inner = _inner(part)
    return float((found - other)[inner].square().double().sum() - fresh[inner].square().double().sum() / PART)


def _inner(part: Tensor) -> tuple[EllipsisType, slice, slice]:
    """Without a rim, which is seen differently from within the image."""
    rims = [RIM if side > 6 * RIM else 0 for side in part.shape[-2:]]
    return ..., slice(rims[0], part.shape[-2] - rims[0]), slice(rims[1], part.shape[-1] - rims[1])


def _smooth(components: Tensor) -> Tensor:
    """Means over some pixels: enough to say how strong the noise is."""
    padded = F.pad(components, (BLUR // 2,) * 4, mode="replicate")
    return F.avg_pool2d(padded, BLUR, stride=1)


def _places(planes: int, components: int, y: int, x: int) -> Iterator[tuple[slice, slice, slice, slice]]:
    """Windows spread over a plane, of all planes and components; the more of these, the fewer."""
    high, wide = min(SIDE, y), min(SIDE, x)
    count = max(min(PIXELS // (planes * components), y * x) // (high * wide), 1)
    for number in range(count):
        top, left = (
            int((0.5 + number * step) % 1 * (side - own))
            for step, side, own in zip(SPREAD, (y, x), (high, wide), strict=True)
        )
        yield slice(None), slice(None), slice(top, top + high), slice(left, left + wide)
