"""Everything that estimates components, and where their risk is compared."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import EllipsisType

import torch
from torch import Tensor

from noise2detail.engine.smoother import TrainedSmoother, restore_smoother
from noise2detail.method import Context
from noise2detail.metrics.risk import STEP, divergence, mixture
from noise2detail.noise.colour import coloured
from noise2detail.patches.ridge import Ridge
from noise2detail.patches.two_scales import TwoScales

WINDOWS, WINDOW = 4, 144
"""Places where risks are compared, and their side in pixels: the larger part of what the whole image would say."""

RIM = 8
"""Pixels along the borders of such a place that are left out: a border is seen differently from within the image."""

SPREAD = (0.7549, 0.5698)
"""Fractions of golden-ratio kind, by multiples of which places are spread evenly over an image."""

SHARED = 0.35
"""Correlation of the noise of neighbouring pixels above which the ridge regression takes no part: it supposes that the
patches of a group, most of which overlap, have noise of their own."""

NAMES = ("cascades", "ridge", "network", "whole", "ridge small", "ridge large")
"""Of the estimates, in the order of their weights."""

Tick = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Estimators:
    """Non-local filters, the first of which guides the others, and networks."""

    scales: TwoScales
    ridges: Mapping[str, Ridge]
    """By name."""
    autocovariances: Tensor
    """Of the noise, ``(component, lag_y, lag_x)``."""
    everywhere: bool = False
    """Compare risks on whole images and not in a few places: for thrice the time, without the luck of the places."""
    networks: tuple[TrainedSmoother, ...] = ()
    """Whose mean is taken; none: no network takes part."""

    def filtered(self, component: Tensor, tick: Tick) -> dict[str, Tensor]:
        """Results of the filters for one image ``(component, y, x)``, by name; of one where noise is shared widely."""
        guide = self.scales.run(component, self.autocovariances, tick)
        ridges = {} if self.is_shared else self.ridges
        found = {name: one.run(component, guide, self.autocovariances, tick) for name, one in ridges.items()}
        return {"cascades": guide, **found}

    @property
    def is_shared(self) -> bool:
        """True if neighbouring pixels share too much noise for the ridge regression."""
        y, x = (size // 2 for size in self.autocovariances.shape[1:])
        if not (y and x):
            return False
        own = self.autocovariances[:, y, x].clamp_min(torch.finfo(torch.float32).tiny)
        down, across = self.autocovariances[:, y + 1, x], self.autocovariances[:, y, x + 1]
        return bool((torch.maximum(down, across) / own).max() > SHARED)

    def pieces(self, y: int, x: int) -> int:
        """How often ``tick`` is called for an image of this size."""
        ridges = () if self.is_shared else self.ridges.values()
        return self.scales.pieces(y, x) + sum(one.pieces(y, x) for one in ridges)

    def smoothed(self, components: Tensor) -> Tensor:
        """Mean of what the networks give."""
        return torch.stack([network(components) for network in self.networks]).mean(0)

    def all(self, components: Tensor, tick: Tick) -> dict[str, Tensor]:
        """Every estimate, by name."""
        images = [self.filtered(component, tick) for component in components]
        found = {name: torch.stack([image[name] for image in images]) for name in images[0]}
        return found | {"network": self.smoothed(components)} if self.networks else found

    def tensors(self) -> Mapping[str, Tensor]:
        """The spectrum and every network."""
        found = {"autocovariances": self.autocovariances}
        for number, network in enumerate(self.networks):
            found |= {f"network{number}.{name}": tensor for name, tensor in network.tensors().items()}
        return found

    def restored(self, tensors: Mapping[str, Tensor], members: int, context: Context) -> "Estimators":
        """The same filters with what ``tensors`` gave."""
        networks = []
        for number in range(members):
            start = f"network{number}."
            own = {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
            networks.append(restore_smoother(own, context))
        return replace(self, autocovariances=tensors["autocovariances"], networks=tuple(networks))


def weigh(
    estimators: Estimators,
    components: Tensor,
    estimates: Mapping[str, Tensor],
    deviations: Callable[[Tensor], Tensor],
    seed: int,
    tick: Tick,
) -> list[float]:
    """Weights of the estimates with the least estimated risk; none is negative, their sum is 1.

    Parameters
    ----------
    estimators
        What the estimates come from.
    components
        The images, ``(image, component, y, x)``.
    estimates
        By name, of whole images.
    deviations
        White noise of variance 1 to noise as strong as that of the images, pixel by pixel.
    seed
        Of the probe.
    tick
        Called often; may raise.
    """
    generator = torch.Generator().manual_seed(seed)
    white = torch.randn(components.shape, generator=generator).to(components)
    probe = deviations(coloured(white, estimators.autocovariances.to(components)))
    total = dict.fromkeys(estimates, 0.0)
    seen: list[Tensor] = []
    found: dict[str, list[Tensor]] = {name: [] for name in estimates}
    whole = estimators.everywhere or components[0, 0].numel() <= WINDOWS * WINDOW**2 * 2
    for place in _places(components, whole=whole):
        part, own = components[place], probe[place]
        before = {name: estimate[place] for name, estimate in estimates.items()}
        if not whole:
            before = estimators.all(part, tick)
        after = estimators.all(part + STEP * own, tick)
        inner = _inner(*part.shape[-2:], rim=0 if whole else RIM)
        for name, estimate in estimates.items():
            total[name] += divergence(before[name][inner], after[name][inner], own[inner])
            found[name].append(estimate[place][inner].flatten())
        seen.append(part[inner].flatten())
    return mixture(torch.cat(seen), [torch.cat(parts) for parts in found.values()], list(total.values()))


def _places(components: Tensor, *, whole: bool) -> Iterator[tuple[slice, slice, slice, slice]]:
    """Images and windows in which risks are compared."""
    images, _, y, x = components.shape
    every = slice(None)
    if whole:
        for number in range(min(images, WINDOWS)):
            yield slice(number, number + 1), every, every, every
        return
    high, wide = min(WINDOW, y), min(WINDOW, x)
    wide, high = min(x, WINDOW**2 // high), min(y, WINDOW**2 // wide)
    for number in range(WINDOWS):
        top, left = (
            int((0.5 + number * step) % 1 * (side - own))
            for step, side, own in zip(SPREAD, (y, x), (high, wide), strict=True)
        )
        image = number % images
        yield slice(image, image + 1), every, slice(top, top + high), slice(left, left + wide)


def _inner(y: int, x: int, *, rim: int) -> tuple[EllipsisType, slice, slice]:
    cuts = [rim if side > 6 * rim else 0 for side in (y, x)]
    return ..., slice(cuts[0], y - cuts[0]), slice(cuts[1], x - cuts[1])
