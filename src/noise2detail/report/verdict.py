"""The verdict on a denoised image, in words: one of three levels, with every reason and its figure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from noise2detail.metrics.levels import CHANCE as BEYOND_CHANCE
from noise2detail.metrics.levels import Brightness
from noise2detail.metrics.places import Place
from noise2detail.report.evidence import Evidence

Level = Literal["trust", "look closer", "do not trust"]
"""From best to worst."""

Severity = Literal["good", "doubt", "fault"]
"""Of one reason."""

LEVELS: Mapping[Severity, Level] = {"good": "trust", "doubt": "look closer", "fault": "do not trust"}
"""What the worst reason makes of the whole."""

Kind = Literal["comparison", "noise", "structure", "texture", "sharpness", "brightness", "whiteness"]
"""What a reason is about."""


@dataclass(frozen=True)
class Limits:
    """From where a figure is a doubt, and from where a fault: by simulation with known damage."""

    spot: tuple[float, float] = (6.0, 8.0)
    """Score of a lost spot."""
    texture: tuple[float, float] = (4.5, 7.0)
    """Score of added details."""
    band: tuple[float, float] = (1.1, 1.3)
    """Power of the residual in the finest frequencies of the image over that of the noise."""
    gain: tuple[float, float] = (0.01, 0.05)
    """Share by which a level, or the image as a whole, is too bright or too dark: half of what is to be found."""
    left: tuple[float, float] = (0.8, 0.3)
    """Share of the noise removed below which it counts."""
    variance: float = 1.2
    """Variance of the residual at a level over that of the noise; never more than a doubt."""
    variance_score: float = 4.0
    """Standard errors that it must be away from 1."""
    correlation: tuple[float, float] = (0.1, 0.25)
    """Of residuals, more than the noise's own."""


LIMITS = Limits()

SAME_SCALE = (0.7, 1.4)
"""Contrast of the denoised image over that of the noisy one, both of blocks: between them it can be denoising."""

MUCH_MORE = 1.5
"""Times the gain of the whole image from which that of some levels is worth a sentence of its own."""

MOVED = 1.03
"""Agreement of details at a shift over that without, from which the images are not in the same place."""

REGION = 3
"""Lost details in the same part of the image from which that part is named, not they."""

CHANCE = 8.0
"""Deviations of what other shifts give, above which an agreement of details is no chance."""


@dataclass(frozen=True)
class Reason:
    """One thing that was looked at, and what was seen."""

    kind: Kind
    severity: Severity
    sentence: str
    """Without full stop, with its figure."""
    figure: float | None = None
    """The figure in it; None: there is none."""
    places: tuple[Place, ...] = ()
    """Where on the plane, the worst first."""


@dataclass(frozen=True)
class Verdict:
    """A level and what led to it, never one number."""

    level: Level
    reasons: tuple[Reason, ...]
    """The worst first."""
    untested: tuple[str, ...] = field(default=())
    """What could not be tested, and why: sentences without full stop."""

    @property
    def sentence(self) -> str:
        """One line: the level and the reasons."""
        said = [reason.sentence for reason in self.reasons]
        return f"{self.level}: {'; '.join(said)}" if said else self.level


def verdict(evidence: Evidence, limits: Limits = LIMITS) -> Verdict:
    """What the evidence of one plane amounts to.

    Parameters
    ----------
    evidence
        From ``gather_evidence``.
    limits
        From where a figure counts.
    """
    if evidence.faults:
        return Verdict("do not trust", tuple(Reason("comparison", "fault", one) for one in evidence.faults))
    reasons = [*_comparison(evidence), *_noise(evidence, limits), *_structure(evidence, limits)]
    more = list(_variance(evidence, limits))
    if more:  # what holds more than noise, or is not as random, holds structure, though no place of it stands out
        reasons = [one for one in reasons if not (one.kind == "structure" and one.severity == "good")]
    reasons += [*_brightness(evidence.kept, limits), *more]
    return _of(reasons, evidence.untested)


def _of(reasons: Iterable[Reason], untested: tuple[str, ...]) -> Verdict:
    severities: list[Severity] = ["fault", "doubt", "good"]
    ordered = sorted(reasons, key=lambda one: severities.index(one.severity))
    if not any(one.kind in {"structure", "sharpness", "noise"} for one in ordered):
        # nothing speaks against it only because nothing could be tested
        worst: Severity = "fault" if any(one.severity == "fault" for one in ordered) else "doubt"
    else:
        worst = ordered[0].severity
    return Verdict(LEVELS[worst], tuple(ordered), untested)


def _comparison(evidence: Evidence) -> Iterator[Reason]:
    """Another scale, another place, another image."""
    lying = evidence.alignment
    if lying is None:
        return
    contrast = evidence.contrast or 0.0
    if lying.correlation > 0.5 and not SAME_SCALE[0] < lying.slope < SAME_SCALE[1]:
        sentence = (
            f"the denoised image is on another scale: its values are {lying.slope:.3g} times those of the noisy one"
        )
        yield Reason("comparison", "fault", sentence, lying.slope)
    elif contrast > 1 and lying.correlation < 0.3:
        sentence = f"the two images do not show the same: their brightness correlates by {lying.correlation:.2f} only"
        yield Reason("comparison", "fault", sentence, lying.correlation)
    elif evidence.deviation and abs(lying.difference) > evidence.deviation * max(contrast, 1.0):
        what = "brighter" if lying.difference > 0 else "darker"
        sentence = f"the denoised image is {what} than the noisy one by {abs(lying.difference):.4g} throughout"
        yield Reason("comparison", "fault", sentence, lying.difference)
    if any(lying.shift) and lying.gain > MOVED and lying.shift_score > CHANCE:
        down, right = lying.shift
        parts = [f"{_pixels(down)} {'down' if down > 0 else 'up'}"] * bool(down)
        parts += [f"{_pixels(right)} to the {'right' if right > 0 else 'left'}"] * bool(right)
        yield Reason("comparison", "fault", f"the denoised image lies {' and '.join(parts)} of the noisy one")


def _pixels(count: int) -> str:
    return f"{abs(count)} pixel{'s' if abs(count) > 1 else ''}"


def _noise(evidence: Evidence, limits: Limits) -> Iterator[Reason]:
    if evidence.removed is None:
        return
    share = evidence.removed
    sentence = f"noise removed: {share:.0%}"
    severity: Severity = "good"
    if share < limits.left[0]:
        severity = "fault" if share < limits.left[1] else "doubt"
        sentence = f"noise was left in: only {share:.0%} of it was removed"
    yield Reason("noise", severity, sentence, share)


def _structure(evidence: Evidence, limits: Limits) -> Iterator[Reason]:
    found = evidence.structure
    if found is None:
        return
    lost = tuple(one for one in found.lost_places if abs(one.score) > limits.spot[0])
    if lost:
        most = abs(lost[0].score)
        yield Reason("structure", _severity(most, limits.spot), _missing(evidence, lost), most, lost)
    added = tuple(one for one in found.added_places if one.score > limits.texture[0])
    if added:
        yield Reason(
            "texture",
            _severity(added[0].score, limits.texture),
            f"{_region(evidence, added[0])} shows details that the data deny ({added[0].score:.1f} standard errors)",
            added[0].score,
            added,
        )
    band = found.band
    blurred = band.ratio > limits.band[0] and band.score > limits.variance_score
    if blurred:
        yield Reason(
            "sharpness",
            _severity(band.ratio, limits.band),
            f"fine structure was blurred away: the residual has {band.ratio:.2f} times the power of noise in "
            "the finest frequencies of the image",
            band.ratio,
        )
    if not lost and not added and not blurred:
        yield Reason("structure", "good", "no structure found in the residual", found.most_lost)


def _brightness(kept: Brightness | None, limits: Limits) -> Iterator[Reason]:
    if kept is None or not math.isfinite(kept.whole.gain):
        return
    whole, worst = kept.whole, kept.worst
    shifted = abs(whole.gain) > limits.gain[0] and abs(whole.score) > BEYOND_CHANCE
    if shifted:
        what = "bright" if whole.gain > 0 else "dark"
        sentence = f"the image as a whole is too {what} by {abs(whole.gain):.1%}"
        yield Reason("brightness", _severity(abs(whole.gain), limits.gain), sentence, whole.gain)
    least = MUCH_MORE * abs(whole.gain) if shifted else limits.gain[0]
    if worst is not None and abs(worst.gain) > least:
        what = "bright" if worst.gain > 0 else "dark"
        sentence = f"values around {worst.level:.4g} are too {what} by {abs(worst.gain):.1%}"
        yield Reason("brightness", _severity(abs(worst.gain), limits.gain), sentence, worst.gain)
    elif not shifted:
        most = max(abs(whole.gain) + 2 * whole.error, abs(worst.gain) if worst else 0.0)
        yield Reason("brightness", "good", f"intensities kept within {most:.1%}", most)


def _variance(evidence: Evidence, limits: Limits) -> Iterator[Reason]:
    residual, white = evidence.residual, evidence.whiteness
    if residual is not None and residual.testable:
        off = [
            one
            for one in residual.bins
            if one.variance_ratio > limits.variance and one.variance_score > limits.variance_score
        ]
        if off:
            worst = max(off, key=lambda one: one.variance_ratio)
            yield Reason(
                "structure",
                "doubt",  # the noise, which is measured on the same image, may be off at a level: no fault by itself
                f"more than noise was taken away where values are around {worst.level:.4g}: the residual has "
                f"{worst.variance_ratio:.2f} times the variance of the noise",
                worst.variance_ratio,
            )
    if white is not None and white.score > limits.variance_score and white.most > limits.correlation[0]:
        yield Reason(
            "whiteness",
            _severity(white.most, limits.correlation),
            f"the residual is not as random as the noise: pixels {white.lag[0]} down and {white.lag[1]} across "
            f"correlate by {white.most:.2f} more",
            white.most,
        )


def _severity(value: float, limits: tuple[float, float]) -> Severity:
    """Beyond the first limit a doubt, beyond the second a fault."""
    if value > limits[1]:
        return "fault"
    return "doubt" if value > limits[0] else "good"


def _missing(evidence: Evidence, lost: tuple[Place, ...]) -> str:
    """That details are missing, and where: one by one, or a whole region of them."""
    score = f"{abs(lost[0].score):.1f} times the noise"
    if len({one.words(evidence.shape) for one in lost}) == 1 and len(lost) >= REGION:
        return f"{_region(evidence, lost[0])} is smoother than the data support ({score})"
    if len(lost) == 1:
        return f"a detail of the noisy image is missing {_place(evidence, lost[0])}, {score}"
    return f"details of the noisy image are missing, the clearest {_place(evidence, lost[0])}, {score}"


def _region(evidence: Evidence, place: Place) -> str:
    """``the dark region at the lower left``."""
    return f"the {_shade(evidence, place)}region {place.words(evidence.shape)}"


def _place(evidence: Evidence, place: Place) -> str:
    return f"{place.words(evidence.shape)} (row {place.y}, column {place.x})"


def _shade(evidence: Evidence, place: Place) -> str:
    if evidence.smooth is None or evidence.brightness is None:
        return ""
    rows, columns = evidence.smooth.shape
    value = evidence.smooth[min(place.y // 16, rows - 1), min(place.x // 16, columns - 1)]
    return ("dark ", "", "bright ")[int(np.searchsorted(evidence.brightness, value))]


def verdict_of_all(parts: Mapping[str, Verdict]) -> Verdict:
    """The verdict on a stack or on many channels: that of the worst, which are named.

    Parameters
    ----------
    parts
        Verdict of each plane by what it is called, such as ``plane 3, channel DAPI``; at least one.
    """
    order = list(LEVELS.values())
    worst = max((one.level for one in parts.values()), key=order.index)
    reasons: list[Reason] = []
    if worst == "trust":
        kinds = {reason.kind for one in parts.values() for reason in one.reasons}
        reasons += [_least_good(kind, parts) for kind in sorted(kinds)]
    else:
        named = [name for name, one in parts.items() if one.level == worst]
        of = f"{len(named)} of {len(parts)}"
        reasons.append(Reason("comparison", _severity_of(worst), f"{of} say {worst!r}: {_listed(named)}", len(named)))
        seen: set[Kind] = set()
        for name in named:
            for reason in parts[name].reasons:
                if reason.severity == _severity_of(worst) and reason.kind not in seen:
                    seen.add(reason.kind)
                    reasons.append(Reason(reason.kind, reason.severity, f"{name}: {reason.sentence}", reason.figure))
    untested = tuple(dict.fromkeys(one for part in parts.values() for one in part.untested))
    return Verdict(worst, tuple(reasons), untested)


def _least_good(kind: Kind, parts: Mapping[str, Verdict]) -> Reason:
    """The reason of a kind that is closest to a doubt."""
    reasons = [reason for one in parts.values() for reason in one.reasons if reason.kind == kind]
    sign = -1.0 if kind == "noise" else 1.0  # little noise removed is worse, of all else much
    return max(reasons, key=lambda one: sign * abs(one.figure or 0.0))


def _severity_of(level: Level) -> Severity:
    return next(severity for severity, own in LEVELS.items() if own == level)


def _listed(names: list[str]) -> str:
    most = 5
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
