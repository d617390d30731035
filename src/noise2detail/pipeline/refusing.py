"""Where denoising would do harm, and where its result needs a word of warning."""

from collections.abc import Sequence

from noise2detail.pipeline.noise import ChannelNoise

COMPRESSED = 0.6
"""Correlation of the next pixel's noise, along y and x, above which a JPEG holds nothing else: compression takes the
high frequencies of noise first. Images without noise have 0.6 to 0.95 at qualities from 30 to 90, noise that outlived
the compression less than 0.6."""

NO_NOISE = "no noise was found, or none that could be seen"

_NO_IMAGE = {
    "binary": "there are two values only: a mask, not an image",
    "labels": "areas of one value each: labels, not an image",
}

_WARNINGS = {
    "few levels": "there are few grey levels, so the noise is known badly",
    "jpeg": "the image was compressed as JPEG, whose blocks will stay: denoise the original",
    "interpolated": "the image was enlarged or its colours were interpolated, so noise differs from pixel to pixel: "
    "denoise the original",
}


def refusals(found: Sequence[ChannelNoise]) -> tuple[str, ...]:
    """Reasons why denoising an image would do harm; none where at least one of its channels should be denoised.

    Parameters
    ----------
    found
        What was measured of each channel.
    """
    own = [harm(channel) for channel in found if not channel.processing.found("constant")]
    return tuple(dict.fromkeys(own)) if all(own) else ()


def harm(channel: ChannelNoise) -> str:
    """Why denoising a channel would do harm; empty where it would not."""
    for kind, said in _NO_IMAGE.items():
        if channel.processing.found(kind):  # type: ignore[arg-type]  # the keys are such words
            return said
    measured = channel.measurement
    none = measured.is_noiseless or not (measured.model.gain or measured.model.sigma)
    if channel.processing.found("jpeg") and (none or min(measured.correlation) > COMPRESSED):
        return "nothing but what JPEG compression left was found, and no noise"
    return NO_NOISE if none else ""


def warnings(found: Sequence[ChannelNoise]) -> tuple[str, ...]:
    """What people should know of an image that is denoised all the same, one sentence each."""
    several = len(found) > 1
    said = [
        f"channel {number}: {one}" if several else one
        for number, channel in enumerate(found, 1)
        for one in _warnings_of(channel)
    ]
    return tuple(said)


def _warnings_of(channel: ChannelNoise) -> list[str]:
    if channel.processing.found("constant"):
        return []
    reason = harm(channel)
    if reason:
        return [f"denoising does harm here: {reason}"]
    model = channel.measurement.model
    said = [text for kind, text in _WARNINGS.items() if channel.processing.found(kind)]  # type: ignore[arg-type]
    if channel.measurement.is_noise_only:
        said.append("the image shows nothing that noise alone would not: what remains may be chance")
    if model.low > -float("inf"):
        said.append(f"noise was cut off below {model.low:.4g}, so dark parts are too bright in the mean")
    if model.high < float("inf"):
        said.append(f"values were cut off above {model.high:.4g}: what was brighter there is lost")
    return said
