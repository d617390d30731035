"""Noise measured on one image against what is known of it: simulated, and from the reference of real captures.

    python benchmarks/noise.py --data ../shared/data [--out FILE.md]

Simulated: smooth structures with sharp edges on 512x512 pixels, over a grid of gains, reading noise and correlation;
the known figures against the mean and the worst of four seeds. Real: FMD captures, where the difference from the mean
of 50 captures shows the noise itself, up to the brightness in which captures differ. Then false alarms: white noise
over structure, clipping, and how often the standard errors hold. Results go to ``benchmarks/results/noise.md`` and
``noise.json``.
"""

import argparse
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data

from noise2detail.bench.datasets import load_pairs
from noise2detail.noise.measure import Measurement, measure_noise
from noise_rates import clipping, coverage
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"
SIDE = 512
SEEDS = range(4)
Values = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=RESULTS / "noise.md")
    args = parser.parse_args()
    parts = {
        "Simulated": simulations(),
        "FMD, one capture": captures(args.data),
        "White noise over structure": structures(),
        "Clipping: just the ends that were clipped are seen": clipping(structures_of("camera", "brick")),
        "The truth lies within two standard errors, share of images": coverage(
            scene()[:256, :256], spread, known_correlation
        ),
    }
    lines = [line for title, rows in parts.items() for line in (f"## {title}", "", *table(rows), "")]
    write_result(args.out, "Noise, measured on one image", lines[:-1], parts)


def structures_of(*names: str) -> dict[str, Values]:
    """Photographs, and a scene of no photograph."""
    photographs = {name: np.asarray(getattr(data, name)(), np.float64)[:SIDE, :SIDE] for name in names}
    return {"discs and threads": 255 * scene(), **photographs}


def structures() -> list[dict[str, Any]]:
    """White noise must not pass for correlated, however fine the structure."""
    found = []
    for name, clean in structures_of("camera", "coins", "brick", "grass").items():
        for sigma in (5, 10, 25):
            own = measure_noise(
                torch.from_numpy(clean + np.random.default_rng(0).normal(0, sigma, clean.shape)).float()
            )
            level = own.model.variance(float(np.median(clean))) ** 0.5
            down, across = own.correlation
            row = {"case": f"{name}, sigma {sigma}", "sigma / known": level / sigma}
            found.append({**row, "correlation y": down, "correlation x": across})
            print(found[-1], flush=True)
    return found


def simulations() -> list[dict[str, Any]]:
    found = []
    for photons in (2, 10, 50, 250):
        for reading in (0.0, 1.0, 4.0):
            for blur in (0.0, 0.6, 1.0):
                found.append(simulated(photons, reading, blur))
                print(found[-1], flush=True)
    return found


def simulated(photons: float, reading: float, blur: float) -> dict[str, Any]:
    """Photons at white, reading noise in photons, and the width of the filter that spreads noise."""
    clean = photons * scene()
    gains, middles, correlations, clipped = [], [], [], 0
    for seed in SEEDS:
        noise = spread(np.random.default_rng([7, seed]), clean, reading, blur)
        found = measure_noise(torch.from_numpy(3.0 * (clean + noise) + 20).float())
        gains.append(found.model.gain / 3.0)
        middles.append(found.model.variance(3.0 * photons / 2 + 20) / (9.0 * (photons / 2 + reading**2)))
        correlations.append(found.correlation[1])
        clipped += found.model.is_clipped
    return {
        "case": f"{photons} photons, reading noise {reading:g}, blur {blur:g}",
        "gain / known": float(np.mean(gains)),
        "worst": max(gains, key=lambda gain: abs(math.log(max(gain, 1e-3)))),
        "variance / known": float(np.mean(middles)),
        "correlation x": float(np.mean(correlations)),
        "known": known_correlation(blur),
        "clipping seen": clipped,
    }


def spread(rng: np.random.Generator, clean: Values, reading: float, blur: float) -> Values:
    """Poisson noise where it is white; else normal noise of that variance, spread over neighbours."""
    if not blur:
        return rng.poisson(clean) - clean + rng.normal(0, reading, clean.shape)
    shared = gaussian_filter(rng.normal(size=clean.shape), blur, mode="wrap")
    result: Values = shared / kernel_norm(blur) * np.sqrt(clean + reading**2)
    return result


def kernel(blur: float) -> Values:
    point = np.zeros((33, 33))
    point[16, 16] = 1
    found: Values = gaussian_filter(point, blur)
    return found


def kernel_norm(blur: float) -> float:
    return float(np.linalg.norm(kernel(blur)))


def known_correlation(blur: float) -> float:
    if not blur:
        return 0.0
    own = kernel(blur)
    return float((own[:, 1:] * own[:, :-1]).sum() / (own**2).sum())


def scene() -> Values:
    """Discs and threads on a gradient, 0.02 to 1."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:SIDE, :SIDE]
    image = 0.05 + 0.25 * x / SIDE
    for top, left, size, level in zip(
        *rng.uniform(0, SIDE, (2, 60)), rng.uniform(3, 40, 60), rng.uniform(0, 0.7, 60), strict=True
    ):
        image[(y - top) ** 2 + (x - left) ** 2 < size**2] = level + 0.05
    image += 0.25 * np.exp(-(((y - x + 40 * np.sin(x / 30)) / 3) ** 2))
    result: Values = np.clip(gaussian_filter(image, 0.7), 0.02, 1)
    return result


def captures(folder: Path) -> list[dict[str, Any]]:
    found = []
    for pair in load_pairs({"layout": "fmd-sample", "path": "fmd"}, folder):
        noisy, clean = pair.noisy.astype(float), pair.reference.astype(float)
        slope, offset = np.polyfit(clean.ravel(), noisy.ravel(), 1)
        known = known_of(noisy - slope * clean - offset, slope * clean + offset)
        own = measure_noise(torch.from_numpy(pair.noisy).float())
        found.append({"case": pair.name, **against(own, known, slope * clean + offset)})
        print(found[-1], flush=True)
    return found


def known_of(noise: Values, clean: Values) -> tuple[float, float, float]:
    """Gain, height of the line and correlation in x, by the pixels that are far from both ends."""
    inside = (clean > 3) & (clean < 200)
    levels = np.quantile(clean[inside], np.linspace(0, 1, 41))
    means, variances = [], []
    for low, high in itertools.pairwise(levels):
        own = inside & (clean >= low) & (clean < high)
        if own.sum() > 200:
            means.append(clean[own].mean())
            variances.append(noise[own].var())
    weights = 1 / np.maximum(variances, 1e-6)
    gain, height = np.polyfit(means, variances, 1, w=weights)
    alike = noise / np.sqrt(np.maximum(gain * clean + height, 1))
    alike -= gaussian_filter(alike, 8)
    return gain, height, float((alike[:, 1:] * alike[:, :-1]).mean() / (alike**2).mean())


def against(own: Measurement, known: tuple[float, float, float], clean: Values) -> dict[str, Any]:
    gain, height, correlation = known
    middle = float(np.quantile(clean, 0.8))
    return {
        "gain": own.model.gain,
        "gain / known": own.model.gain / gain,
        "variance / known": own.model.variance(middle) / (gain * middle + height),
        "correlation x": own.correlation[1],
        "known": correlation,
        "clipping seen": own.model.is_clipped,
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---|" + "---:|" * (len(names) - 1)]
    for row in rows:
        cells = [f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
