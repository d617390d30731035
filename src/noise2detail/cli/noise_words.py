"""What was measured of the noise, for people and for programs."""

import math
from typing import Any

from noise2detail.pipeline.noise import LEVELS, ChannelNoise

NAMES = ("dark", "usual", "bright")


def noise_record(found: ChannelNoise) -> dict[str, Any]:
    """The figures of one channel; an end at which nothing was cut off is null."""
    model, measurement = found.measurement.model, found.measurement
    down, across = measurement.correlation
    return {
        "gain": model.gain,
        "pedestal": model.pedestal,
        "sigma": model.sigma,
        "clipped_below": model.low if math.isfinite(model.low) else None,
        "clipped_above": model.high if math.isfinite(model.high) else None,
        "correlation_y": round(down, 4),
        "correlation_x": round(across, 4),
        "correlated": measurement.is_correlated,
        "levels": dict(zip(map(str, LEVELS), found.levels, strict=True)),
        "deviations": {str(q): math.sqrt(model.variance(v)) for q, v in zip(LEVELS, found.levels, strict=True)},
    }


def noise_words(found: ChannelNoise) -> list[tuple[str, str]]:
    """Label and text of each line about one channel."""
    model = found.measurement.model
    if not (model.gain or model.sigma):
        return [("noise", "none was found: there is nothing to remove")]
    deviations = [math.sqrt(model.variance(level)) for level in found.levels]
    parts = zip(NAMES, deviations, found.levels, strict=True)
    return [
        ("deviation", ", ".join(f"{own:.3g} where it is {name} ({level:.4g})" for name, own, level in parts)),
        *_strength(found),
        *_clipping(found),
        *_sharing(found),
    ]


def _strength(found: ChannelNoise) -> list[tuple[str, str]]:
    model = found.measurement.model
    if not model.gain:
        return [("growth", "none: as strong in bright as in dark parts")]
    return [
        (
            "growth",
            f"with the signal, as that of counted photons, each worth {model.gain:.3g}; --stabilize respects it",
        ),
        ("no light", f"reads {model.pedestal:.4g}, with a deviation of {model.sigma:.3g}"),
    ]


def _clipping(found: ChannelNoise) -> list[tuple[str, str]]:
    model = found.measurement.model
    ends = [f"below {model.low:.4g}"] * math.isfinite(model.low) + [f"above {model.high:.4g}"] * math.isfinite(
        model.high
    )
    if not ends:
        return [("cut off", "nowhere")]
    return [("cut off", f"{' and '.join(ends)}: what is left there is off in the mean; --unclip undoes it")]


def _sharing(found: ChannelNoise) -> list[tuple[str, str]]:
    down, across = found.measurement.correlation
    said = f"correlation with the next pixel {across:.2f} along x, {down:.2f} along y"
    if not found.measurement.is_correlated:
        return [("sharing", f"next to none: {said}")]
    advice = "most methods would keep such noise; --method bm3d --set correlated=yes measures and removes it"
    return [("sharing", f"neighbouring pixels share it: {said}; {advice}")]
