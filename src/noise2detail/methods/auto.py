"""Measure the noise, decide by it, denoise in several ways, and mix them by their estimated risk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from noise2detail.engine.pair_training import Stage
from noise2detail.engine.smoother import PairSmoother, TrainedSmoother
from noise2detail.errors import check_setting
from noise2detail.fusion.denoiser import FusionDenoiser, every_estimate, pieces, remembering
from noise2detail.fusion.estimators import NAMES, Estimators, weigh
from noise2detail.fusion.saving import estimated_saving
from noise2detail.fusion.way import Way, find_way, way_from
from noise2detail.fusion.whole import NAME as WHOLE
from noise2detail.fusion.whole import NARROW, Whole, with_whole
from noise2detail.fusion.window import WindowDenoiser, as_one
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.noise.band import kept_share
from noise2detail.noise.measure import CORRELATED, Measurement, measure_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.patches.cascade import Cascade
from noise2detail.patches.layout import Search
from noise2detail.patches.ridge import Ridge
from noise2detail.patches.two_cascades import TwoCascades
from noise2detail.patches.two_scales import TwoScales
from noise2detail.types import Batch

WORTH = 0.85
"""Share of the frequencies above which leaving the others out gains nothing."""

FREE = 0.15
"""Correlation of noise up to which two pixels make a pair for training."""

FARTHEST = 4
"""Pixels between those of a pair at most."""

LOOKED = 3
"""Images of a series by which the estimates are weighed."""

SEEDS = 1000
"""Between those of networks and of the probe."""

Effort = Literal["quick", "standard", "careful"]

_STEPS: Mapping[str, tuple[int, int, int]] = {"quick": (5, 5, 14), "standard": (3, 4, 17), "careful": (3, 3, 19)}
"""Pixels from reference patch to reference patch in both cascades, and how far they search."""

_SMALL = Ridge(Search(side=6, step=6, reach=14, count=256, cell=3))
_LARGE = Ridge(Search(side=12, step=12, reach=18, count=320, cell=3), positions=2**16)
"""Small patches are better on sharp edges, large ones on what is smooth; each by up to 0.15 dB."""

PIXEL: Mapping[str, float] = {"quick": 6.0, "standard": 9.0, "careful": 20.0}
"""Pixels through a training step that take as long as one pixel through both non-local filters, on a processor."""

CASCADES = 0.6
"""Work of the cascades relative to that of both filters."""

FILTERED = 0.7
"""Share of the work that is done channel by channel."""

RISK: Mapping[str, float] = {"quick": 0.6, "standard": 0.6, "careful": 1.0}
"""Work of comparing risks, relative to that of the filters."""


@dataclass(frozen=True)
class Auto:
    """What is done; ``decided`` fills in what is open.

    The image is taken to values whose noise has variance 1 everywhere and, where the noise has a colour, to the band of
    the signal. There it is estimated several times, by non-local filters and by a network that is trained on it, and
    the mixture with the least estimated risk is taken back by one table. ``docs/explanation/auto.md`` tells what each
    step gains.
    """

    scope: ClassVar[Literal["any", "image"]] = "any"

    target: Literal["latent", "captured"] = "latent"
    """What is estimated: the signal before noise was cut off, or the mean of many such recordings."""
    spectrum: Literal["decide", "white", "measured"] = "decide"
    """Of the noise."""
    band: float = 0.0
    """Share of the frequencies along each axis that is worked on; 0: decide."""
    stride: int = 0
    """Pixels between those of a pair that the network is trained on; 0: decide."""
    effort: Effort = "standard"
    """Of the non-local filters: how densely references lie, and how far they search; ``careful`` has the ridge
    regression with small and with large patches, and compares risks on the whole image."""
    mixed: bool = True
    """Mix all estimates by their risk; otherwise the ridge regression stands alone and no network is trained."""
    members: int = 1
    """Networks that are averaged."""
    network: PairSmoother = field(default_factory=PairSmoother)
    """How each is trained."""

    def __post_init__(self) -> None:
        check_setting("band", self.band, lowest=0)
        check_setting("stride", self.stride, lowest=0)
        check_setting("members", self.members)

    @classmethod
    def recipe(cls, name: str) -> "Auto":
        """Settings of ``standard`` (the default), ``fast`` or ``best``."""
        fast = cls(effort="quick", mixed=False)
        return {"standard": cls(), "fast": fast, "best": cls(effort="careful", members=4)}[name]

    def decided(self, noise: Sequence[Measurement], y: int, x: int) -> tuple["Auto", tuple[str, ...]]:
        """Every choice made, and the reason of each; parameters as for ``Decides``."""
        noisy = [one for one in noise if one.model.gain or one.model.sigma]
        coloured = any(one.is_coloured for one in noisy)
        spectrum = self.spectrum
        if spectrum == "decide":
            spectrum = "measured" if coloured else "white"
        band = self.band or (_band(noisy, y, x) if spectrum == "measured" else 1.0)
        stride = self.stride or (_stride(noisy, band) if spectrum == "measured" else 1)
        chosen = replace(self, spectrum=spectrum, band=min(band, 1.0), stride=stride)
        return chosen, _reasons(chosen, noisy)

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> FusionDenoiser:
        """What was learnt of the images; a ``start`` lends nothing, since most of it is not learnt but measured."""
        del start
        chosen, models = self._settled(noisy, context)
        context.on_step(Step("noise", 1, 1, None, 0.02))
        way = find_way(noisy, models, chosen.band, context.mask, latent=self.target == "latent")
        if way is None:
            context.on_step(Step("noise", 1, 1, None, 1.0))
            return FusionDenoiser(None, None, {})
        # of a series some images say what the estimates are worth; the networks learn from all of them
        components, picked = way.forward(noisy), _spread(len(noisy))
        every, noisy, looked = noisy, noisy[picked], components[picked]
        mask = None if context.mask is None else context.mask[picked]
        white = chosen.spectrum == "white"
        shared = torch.ones(len(way.turn), 1, 1) if white else way.autocovariances(noisy)
        estimators = chosen._estimators(shared)
        narrow = components.shape[-2:] != noisy.shape[-2:]
        whole = Whole(way.whole, estimators.scales, way.whole.autocovariances(noisy)) if narrow else None
        each = pieces(estimators, whole, *looked.shape[-2:], *noisy.shape[-2:])
        counter = _Counter(context, len(looked) * each, RISK[self.effort] if self.mixed else None)
        if self.mixed:
            networks = chosen._trained(components, context, partial(way.back, noisy=every))
            estimators = replace(estimators, networks=networks)
            counter.snapshot = lambda: _shown(way, noisy, {"network": estimators.smoothed(looked)})
        estimates = every_estimate(noisy, looked, estimators, whole, counter.tick)
        own: dict[str, Tensor] = {name: found for name, found in estimates.items() if name != WHOLE}
        weights, counter.snapshot = {list(own)[-1]: 1.0}, partial(_shown, way, noisy, own)
        if self.mixed:
            deviations, seed = _deviations(way, own["cascades"]), context.seed + SEEDS
            weights = dict(zip(own, weigh(estimators, looked, own, deviations, seed, counter.tick), strict=True))
        counter.end()
        mixed = FusionDenoiser(way, estimators, with_whole(weights) if whole else weights, whole)
        return remembering(mixed, noisy, estimates, mask)

    def fit_window(self, noisy: Batch, context: Context) -> WindowDenoiser:
        """What was learnt of neighbouring planes together; they are the channels of one image."""
        mask = None if context.mask is None else context.mask.amin(0, keepdim=True)
        noise = None if context.noise is None else context.noise * len(noisy)
        units = context.units * len(noisy)
        return WindowDenoiser(self.fit(as_one(noisy), replace(context, mask=mask, noise=noise, units=units)))

    def saving(self, noisy: Batch, context: Context) -> float:
        """Share of the error that neighbouring planes save, estimated with quick cascades in a few places."""
        chosen, models = self._settled(noisy, context)
        latent = self.target == "latent"
        single = find_way(noisy, models, chosen.band, context.mask, latent=latent)
        mask = None if context.mask is None else context.mask.amin(0, keepdim=True)
        together = find_way(as_one(noisy), models * len(noisy), chosen.band, mask, latent=latent)
        if single is None or together is None:
            return 0.0
        shared = tuple(
            torch.ones(len(way.turn), 1, 1) if chosen.spectrum == "white" else way.autocovariances(seen)
            for way, seen in ((single, noisy), (together, as_one(noisy)))
        )
        cascades = replace(self, effort="quick")._estimators(shared[0]).scales.cascades
        return estimated_saving(noisy, (single, together), (shared[0], shared[1]), cascades, context.seed + SEEDS).share

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> FusionDenoiser:
        """Denoiser from the noise, the networks and the weights."""
        if not len(tensors["weights"]):
            return FusionDenoiser(None, None, {})
        members = self.members if self.mixed else 0
        plain = self._estimators(tensors["autocovariances"])
        weights = dict(zip(NAMES, tensors["weights"].tolist(), strict=True))
        way = way_from(tensors, latent=self.target == "latent")
        light = tuple(tensors["brightness"].tolist())
        whole = Whole(way.whole, plain.scales, tensors[WHOLE]) if WHOLE in tensors else None
        return FusionDenoiser(way, plain.restored(tensors, members, context), weights, whole, light)

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Filters, networks, and the comparison of risks; the filters again for images beyond those looked at."""
        share = max(min(self.band or 1.0, 1.0), 0.1)
        one = PIXEL[self.effort] * y * x * (share**2 + (CASCADES if share < 1 else 0))
        looked = min(images, LOOKED)
        application = 0.1 * images * y * x
        if not self.mixed:
            return Cost(images * one, application, held=16.0, further=1.0)
        trained = self.members * self.network.training.pixels(images, y, x)
        return Cost((images + RISK[self.effort] * looked) * one + trained, application, held=20.0, further=FILTERED)

    def _settled(self, noisy: Batch, context: Context) -> tuple["Auto", tuple[NoiseModel, ...]]:
        """Every choice made, and the noise of each channel."""
        settled = self.spectrum != "decide" and self.band and self.stride
        if context.noise and settled:
            return self, context.noise
        mask = None if context.mask is None else context.mask[:, 0]
        found = [measure_noise(noisy[:, channel], mask) for channel in range(noisy.shape[1])]
        return self.decided(found, *noisy.shape[-2:])[0], context.noise or tuple(one.model for one in found)

    def _estimators(self, autocovariances: Tensor) -> Estimators:
        one, other, reach = _STEPS[self.effort]
        first = Cascade(Search(step=one, reach=reach), "bior1.5", 2.65, overlap=True)
        second = Cascade(Search(step=other, reach=reach, count=32, limit=0.8))
        scales, careful = TwoScales(TwoCascades(first, second)), self.effort == "careful"
        ridges = {"ridge small": _SMALL, "ridge large": _LARGE} if careful else {"ridge": Ridge()}
        return Estimators(scales, ridges, autocovariances, everywhere=careful)

    def _trained(
        self, components: Tensor, context: Context, shown: Callable[[Tensor], Batch]
    ) -> tuple[TrainedSmoother, ...]:
        """Networks, in the first part of a fit."""
        settings = replace(self.network, stride=self.stride)
        shares = np.linspace(0.02, _Counter.TRAINED, self.members + 1)
        return tuple(
            settings.fit(
                components,
                replace(context, seed=context.seed + number, mask=None),
                Stage("network" if self.members == 1 else f"network {number + 1}/{self.members}", begin, end),
                shown,
            )
            for number, (begin, end) in enumerate(pairwise(shares.tolist()))
        )


class _Counter:
    """Pieces of the filters to the share of a fit that is done."""

    TRAINED = 0.3
    """Share of a fit after which the networks are trained."""

    def __init__(self, context: Context, pieces: int, risk: float | None) -> None:
        """``pieces`` of all images; work of comparing risks relative to them, None: nothing is trained or compared."""
        self._context, self._done = context, 0
        self.snapshot: Callable[[], Batch] | None = None
        self._begin = 0.02 if risk is None else self.TRAINED
        self._first = pieces
        self._total = pieces * (1 + (risk or 0))

    def tick(self) -> None:
        self._done += 1
        # the windows are counted by what they usually are
        share = min(self._done / self._total, 1 - 0.5 / (self._done + 1))
        stage = "filters" if self._done <= self._first else "risk"
        fraction = self._begin + (0.99 - self._begin) * share
        count = max(round(self._total), self._done)
        self._context.on_step(Step(stage, self._done, count, None, fraction, self.snapshot))

    def end(self) -> None:
        self._context.on_step(Step("mixing", 1, 1, None, 1.0))


def _shown(way: Way, noisy: Batch, estimates: Mapping[str, Tensor]) -> Batch:
    """Images by the plain mean of estimates: what can be shown before their worth is known."""
    return way.back(torch.stack(list(estimates.values())).mean(0), noisy)


def _spread(images: int) -> list[int]:
    """Numbers of a few images, spread over all."""
    return sorted({round(n * (images - 1) / max(LOOKED - 1, 1)) for n in range(LOOKED)})


def _deviations(way: Way, estimate: Tensor) -> Callable[[Tensor], Tensor]:
    """Noise of variance 1 to noise as strong as it is in each pixel of each channel."""
    strengths = way.strengths(estimate)
    if strengths is None:
        return lambda noise: noise
    turn = way.turn.to(estimate)

    def scaled(noise: Tensor) -> Tensor:
        channels = torch.einsum("kc,bkyx->bcyx", turn, noise) * strengths
        return torch.einsum("kc,bcyx->bkyx", turn, channels)

    return scaled


def _band(noise: Sequence[Measurement], y: int, x: int) -> float:
    """Share of the frequencies that holds structure; 1 where leaving the others out would gain nothing."""
    share = kept_share(max((one.band for one in noise), default=0.5), y, x)
    return share if share < WORTH else 1.0


def _stride(noise: Sequence[Measurement], band: float) -> int:
    """Pixels between those of a pair whose noise has next to nothing in common."""
    for stride in range(1, FARTHEST):
        # in a smaller image the same distance is fewer pixels
        if all(_correlation(one, max(round(stride / band), 1)) <= FREE for one in noise):
            return stride
    return FARTHEST


def _correlation(one: Measurement, lag: int) -> float:
    y, x = (size // 2 for size in one.autocorrelation.shape)
    if lag > min(y, x):
        return 0.0
    return float(max(one.autocorrelation[y + lag, x], one.autocorrelation[y, x + lag]))


def _reasons(chosen: Auto, noise: Sequence[Measurement]) -> tuple[str, ...]:
    """One plain sentence for each choice."""
    if not noise:
        return ("no noise was found: the image comes back as it is",)
    said = []
    if any(one.model.gain for one in noise):
        said.append("noise grows with the signal: it is made alike everywhere first, and one exact table undoes that")
    else:
        said.append("noise is as strong in bright as in dark parts: values need no transform")
    if any(one.model.is_clipped for one in noise):
        said.append(
            "noise was cut off: the signal before is estimated (target captured: the mean of such recordings)"
            if chosen.target == "latent"
            else "noise was cut off: the mean of such recordings is estimated (target latent: the signal before)"
        )
    shared = max(max(one.correlation) for one in noise)
    if chosen.spectrum == "white" and shared > CORRELATED:
        said.append(
            f"what neighbouring pixels share (correlation {shared:.2f}) may be structure: only what they do not share "
            "is taken for noise"
        )
    elif chosen.spectrum == "white":
        said.append(
            f"neighbouring pixels share next to no noise (correlation {max(shared, 0):.2f}): it counts as white"
        )
    else:
        said.append(f"neighbouring pixels share noise (correlation {shared:.2f}): every filter gets its spectrum")
    if chosen.band < 1:
        said.append(
            f"no structure is seen above {chosen.band:.0%} of the frequencies: {NARROW:.0%} of the result come from "
            "these alone, the rest from a filter that sees every frequency"
        )
    if chosen.mixed:
        pairs = "" if chosen.stride == 1 else f", trained on pixels {chosen.stride} apart, whose noise differs"
        filters = "three" if chosen.effort == "careful" else "two"
        said.append(
            f"{filters} non-local filters and a network{pairs}: their mixture with the least estimated risk is taken"
        )
    else:
        said.append("two non-local filters in a row and no network: the fastest way")
    return tuple(said)
