"""The figures of one result: against a reference where there is one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from noise2detail.errors import InputError
from noise2detail.metrics.brightness import bright_slope
from noise2detail.metrics.fidelity import body_psnr, drift_psnr, psnr, ssim
from noise2detail.metrics.resolution import frc_cutoff, high_band_snr
from noise2detail.types import Pixels


@dataclass(frozen=True, eq=False)
class Shown:
    """What a metric is given."""

    denoised: Pixels
    """``(y, x)``."""
    noisy: Pixels
    reference: Pixels
    span: float
    """Range of values that PSNR and SSIM refer to."""


@dataclass(frozen=True)
class Metric:
    """A figure as people see it."""

    measure: Callable[[Shown], float]
    title: str
    """Head of its column."""
    digits: int
    """After the point."""
    best: str = "highest"
    """``highest``, or the value that a perfect result has."""


METRICS: dict[str, Metric] = {
    "psnr": Metric(lambda s: psnr(s.denoised, s.reference, s.span), "PSNR (dB)", 2),
    "ssim": Metric(lambda s: ssim(s.denoised, s.reference, s.span), "SSIM", 3),
    "drift": Metric(lambda s: drift_psnr(s.denoised, s.reference, s.noisy, s.span), "drift PSNR (dB)", 2),
    "body": Metric(lambda s: body_psnr(s.denoised, s.reference, s.span), "body PSNR (dB)", 2),
    "frc": Metric(lambda s: frc_cutoff(s.denoised, s.reference), "FRC cutoff (1/px)", 3),
    "high_band": Metric(lambda s: high_band_snr(s.denoised, s.reference), "high-band SNR (dB)", 2),
    "slope": Metric(lambda s: bright_slope(s.denoised, s.reference), "bright slope", 3, "1"),
}
"""Every metric that needs a reference, by the name that cases use."""


def scores(shown: Shown, names: Sequence[str]) -> dict[str, float]:
    """Figures by name; one that is not defined for an image, such as one too small, is left out."""
    found = {}
    for name in names:
        try:
            found[name] = float(METRICS[name].measure(shown))
        except InputError:
            continue
    return found
