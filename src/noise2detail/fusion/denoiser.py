"""What was learnt of an image: its noise, networks, and how much each estimate is worth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from noise2detail.fusion.estimators import NAMES, Estimators
from noise2detail.fusion.way import Way
from noise2detail.fusion.whole import NAME, Whole
from noise2detail.numerics.cosines import filled_up
from noise2detail.types import Batch, Mask


@dataclass(frozen=True, eq=False)
class Seen:
    """Images that were fitted to, and what came out: the same images need not be worked through again."""

    noisy: Batch
    estimates: Mapping[str, Tensor]
    """Of components."""


@dataclass(frozen=True, eq=False)
class FusionDenoiser:
    """Every estimate, mixed."""

    way: Way | None
    """None: there was no noise, and images come back as they are."""
    estimators: Estimators | None
    weights: Mapping[str, float]
    """Of each estimate, by name."""
    whole: Whole | None = None
    """Beside estimators that work on the band of the signal; None: they see every frequency themselves."""
    brightness: tuple[float, ...] = ()
    """Factor of the light of each channel, from ``Way.brightness``; none: 1."""
    seen: Seen | None = None
    on_progress: Callable[[float], None] | None = None
    """Called with the share of an application that is done; what it raises ends it."""
    halo: ClassVar[None] = None
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        """The mixture."""
        if self.way is None or self.estimators is None:
            return noisy.clone()
        return self._finished(self._estimates(noisy, self.way, self.estimators), noisy, self.way)

    def telling(self, on_progress: Callable[[float], None]) -> "FusionDenoiser":
        """The same, with somebody who hears how far it is."""
        return replace(self, on_progress=on_progress)

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """Every estimate by its name, and the mixture, ``denoised``."""
        if self.way is None or self.estimators is None:
            return {"denoised": noisy.clone()}
        found = self._estimates(noisy, self.way, self.estimators)
        stages = {name: self.way.back(components, noisy) for name, components in found.items()}
        return stages | {"denoised": self._finished(found, noisy, self.way)}

    def tensors(self) -> Mapping[str, Tensor]:
        """The way, the estimators and the weights."""
        if self.way is None or self.estimators is None:
            return {"weights": torch.zeros(0, dtype=torch.float64)}
        weights = torch.tensor([self.weights.get(name, 0.0) for name in NAMES], dtype=torch.float64)
        light = torch.tensor(self.brightness, dtype=torch.float64)
        found = {**self.way.tensors(), **self.estimators.tensors(), "weights": weights, "brightness": light}
        return found if self.whole is None else found | {NAME: self.whole.autocovariances}

    def _finished(self, found: Mapping[str, Tensor], noisy: Batch, way: Way) -> Batch:
        denoised = way.back(self._mixed(found), noisy)
        return way.brightened(denoised, self.brightness) if self.brightness else denoised

    def _mixed(self, found: Mapping[str, Tensor]) -> Tensor:
        weighted = {name: weight * found[name] for name, weight in self.weights.items() if weight}
        whole = weighted.pop(NAME, None)
        mixed = torch.stack(list(weighted.values())).sum(0)
        return mixed if whole is None else whole + filled_up(mixed, *whole.shape[-2:])

    def _estimates(self, noisy: Batch, way: Way, estimators: Estimators) -> Mapping[str, Tensor]:
        if self.seen is not None and torch.equal(self.seen.noisy, noisy):
            return self.seen.estimates
        components = way.forward(noisy)
        total = len(noisy) * pieces(estimators, self.whole, *components.shape[-2:], *noisy.shape[-2:])
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            if self.on_progress:
                self.on_progress(done / total)

        return every_estimate(noisy, components, estimators, self.whole, tick)


def pieces(estimators: Estimators, whole: Whole | None, y: int, x: int, all_y: int, all_x: int) -> int:
    """How often every estimate of an image calls back; its size in the band, and with every frequency."""
    return estimators.pieces(y, x) + (whole.pieces(all_y, all_x) if whole else 0)


def every_estimate(
    noisy: Batch, components: Tensor, estimators: Estimators, whole: Whole | None, tick: Callable[[], None]
) -> dict[str, Tensor]:
    """Every estimate by name, in the band except that of ``whole``."""
    found = estimators.all(components, tick)
    return found | {NAME: whole.run(noisy, tick)} if whole else found


def remembering(
    denoiser: FusionDenoiser, noisy: Batch, estimates: Mapping[str, Tensor], mask: Mask | None
) -> FusionDenoiser:
    """The denoiser, which knows the estimates of these images and gives them the light that they have."""
    seen = replace(denoiser, seen=Seen(noisy.clone(), estimates))
    if denoiser.way is None:
        return seen
    return replace(seen, brightness=denoiser.way.brightness(seen(noisy), noisy, mask))
