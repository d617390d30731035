"""What was measured of the noise, for people and for programs."""

import math
from typing import Any

from noise2detail.pipeline.noise import LEVELS, ChannelNoise

NAMES = ("dark", "usual", "bright")

VISIBLE = 0.05
"""Amplitude of a wave, in deviations of the noise, below which people are not told."""


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
        "correlation_between_planes": {axis: round(one.correlation, 4) for axis, one in found.along},
        "noiseless": measurement.is_noiseless,
        "noise_only": measurement.is_noise_only,
        "uncertainty": _uncertainty(found),
        "processing": {one.kind.replace(" ", "_"): round(one.strength, 3) for one in found.processing.findings},
        "stripes": _stripes(found),
        "levels": dict(zip(map(str, LEVELS), found.levels, strict=True)),
        "deviations": {str(q): math.sqrt(model.variance(v)) for q, v in zip(LEVELS, found.levels, strict=True)},
    }


def _uncertainty(found: ChannelNoise) -> dict[str, Any]:
    """Standard errors; null where there is too little to say."""
    own = found.measurement.uncertainty
    figures = {"gain": own.gain, "pedestal": own.pedestal, "sigma": own.sigma}
    figures |= {"correlation_y": own.correlation[0], "correlation_x": own.correlation[1]}
    figures |= {f"correlation_between_planes_{axis}": one.error for axis, one in found.along}
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _stripes(found: ChannelNoise) -> dict[str, Any]:
    """Deviations of row and column offsets in those of the noise, 0 where none are certain, and waves."""
    own = found.stripes
    return {
        "rows": round(own.rows.deviation, 4) if own.rows.found else 0.0,
        "columns": round(own.columns.deviation, 4) if own.columns.found else 0.0,
        "waves": [
            {"y": round(wave.frequency[0], 4), "x": round(wave.frequency[1], 4), "amplitude": round(wave.amplitude, 4)}
            for wave in own.waves
        ],
    }


def noise_words(found: ChannelNoise) -> list[tuple[str, str]]:
    """Label and text of each line about one channel."""
    model = found.measurement.model
    if not (model.gain or model.sigma):
        return [("noise", "none was found: there is nothing to remove"), *_processing(found)]
    if found.measurement.is_noiseless:
        said = "no more than rounding makes, or too weak to be seen: there is nothing to remove"
        return [("noise", said), *_processing(found)]
    deviations = [math.sqrt(model.variance(level)) for level in found.levels]
    parts = zip(NAMES, deviations, found.levels, strict=True)
    return [
        ("deviation", ", ".join(f"{own:.3g} where it is {name} ({level:.4g})" for name, own, level in parts)),
        *_strength(found),
        *_clipping(found),
        *_sharing(found),
        *_presence(found),
        *_patterns(found),
        *_processing(found),
    ]


def _with_error(value: float, error: float, digits: int) -> str:
    """A figure with its standard error, where that is known and not 0."""
    said = f"{value:.{digits}g}"
    return f"{said} ± {error:.2g}" if 0 < error < math.inf else said


def _presence(found: ChannelNoise) -> list[tuple[str, str]]:
    if found.measurement.is_noise_only:
        return [("signal", "none was found: the image shows nothing that noise alone would not")]
    return []


def _patterns(found: ChannelNoise) -> list[tuple[str, str]]:
    own, said = found.stripes, []
    for name, lines in (("rows", own.rows), ("columns", own.columns)):
        if lines.found:
            said.append(f"offsets of {name}, {lines.deviation:.2g} times the noise of a pixel")
    for wave in [one for one in own.waves if one.amplitude > VISIBLE][:3]:
        y, x = wave.frequency
        said.append(
            f"a wave of {abs(x):.3g} cycles per pixel along x and {abs(y):.3g} along y, {wave.amplitude:.2g} times"
        )
    return [("patterns", "; ".join(said) + "; most methods keep them")] if said else []


PROCESSED = {
    "binary": "there are two values only: a mask, not an image",
    "labels": "areas of one value each: labels, not an image",
    "few levels": "there are few grey levels",
    "jpeg": "compressed as JPEG: some of the noise is gone, and blocks are there instead; denoise the original",
    "interpolated": "interpolated: neighbours share noise, differently from pixel to pixel; denoise the original",
}


def _processing(found: ChannelNoise) -> list[tuple[str, str]]:
    return [("processing", PROCESSED[one.kind]) for one in found.processing.findings if one.kind in PROCESSED]


def _strength(found: ChannelNoise) -> list[tuple[str, str]]:
    model, own = found.measurement.model, found.measurement.uncertainty
    if not model.gain:
        return [("growth", "none: as strong in bright as in dark parts")]
    photon, dark = _with_error(model.gain, own.gain, 3), _with_error(model.pedestal, own.pedestal, 4)
    sigma = _with_error(model.sigma, own.sigma, 3)
    counted = f"with the signal, as that of counted photons, each worth {photon}"
    return [
        ("growth", f"{counted}; auto respects it, others with --stabilize"),
        ("no light", f"reads {dark}, with a deviation of {sigma}"),
    ]


def _clipping(found: ChannelNoise) -> list[tuple[str, str]]:
    model = found.measurement.model
    ends = [f"below {model.low:.4g}"] * math.isfinite(model.low) + [f"above {model.high:.4g}"] * math.isfinite(
        model.high
    )
    if not ends:
        return [("cut off", "nowhere")]
    said = f"{' and '.join(ends)}: what is left there is off in the mean"
    return [("cut off", f"{said}; auto undoes it, others with --unclip")]


def _sharing(found: ChannelNoise) -> list[tuple[str, str]]:
    (down, across), own = found.measurement.correlation, found.measurement.uncertainty.correlation
    said = f"correlation with the next pixel {_rounded(across, own[1])} along x, {_rounded(down, own[0])} along y"
    if not found.measurement.is_correlated:
        much = "a little, and auto removes it" if found.measurement.is_coloured else "next to none"
        lines = [("sharing", f"{much}: {said}")]
    else:
        advice = (
            "auto removes such noise, most other methods keep it"
            if found.measurement.is_coloured
            else "so much may be structure: auto takes only the rest for noise"
        )
        lines = [("sharing", f"neighbouring pixels share it: {said}; {advice}")]
    for axis, one in found.along:
        said = f"correlation with the next plane along {axis} {_rounded(one.correlation, one.error)}"
        lines.append((f"along {axis}", said))
    return lines


def _rounded(value: float, error: float) -> str:
    return f"{value:.2f} ± {error:.2f}" if error < math.inf else f"{value:.2f}"
