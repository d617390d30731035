"""Intensity linearity and resolution on images whose truth is known.

    python benchmarks/trust_figures.py --score ../shared/tools/score.py --cache FOLDER

Linearity: crops of 256x256 pixels of ``white25``, ``ct-poisson30`` and ``ct-camera``, as
``uncertainty.py`` denoised and kept them in the folder; the
truth in place of a denoised image shows what the test says of a perfect one, over ten draws of the noise. ``kept`` is
the slope of the very same regions of the denoised image over those of the truth, which the test does not see.
Resolution: spots smaller than a pixel behind a round lens of known cutoff, with counted photons; what is found over
what is true, mean of two draws.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import noise2detail as n2d
from noise2detail.metrics.decorrelation import decorrelation
from noise2detail.metrics.halves import half_resolution
from noise2detail.metrics.linearity import SIDE, Linearity, intensity_linearity
from noise2detail.noise.blocks import WHITE
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.noise import channel_noise
from noise2detail.types import Pixels
from record import write_result
from uncertainty import RESULTS, WAYS, cases

DRAWS = 10
CUTOFFS, PHOTONS = (0.1, 0.15, 0.2), (5, 200)


def row_of(image: str, what: str, found: Linearity, kept: float) -> dict[str, Any]:
    """Figures of one result."""
    return {
        "image": image,
        "result": what,
        "slope": found.slope,
        "slope error": found.slope_error,
        "selection": found.selection,
        "within": found.within,
        "flux": found.flux,
        "flux error": found.flux_error,
        "kept": kept,
    }


def slope(after: Pixels, truth: Pixels) -> float:
    """Of region means over those of the truth."""
    y, x = (size // SIDE * SIDE for size in truth.shape)
    first, second = (
        one[:y, :x].astype(np.float64).reshape(y // SIDE, SIDE, x // SIDE, SIDE).mean((1, 3)).ravel()
        for one in (truth, after)
    )
    return float(np.polyfit(first, second, 1)[0])


def linearity(program: Path, cache: Path) -> list[dict[str, Any]]:
    """What the test says of denoised images and of the truth."""
    rows = []
    for name, (noisy, truth) in cases(program).items():
        model = channel_noise(noisy)[0].measurement.model
        for way in WAYS:
            kept = cache / f"{name}-{way.method}.npz"
            if not kept.exists():
                continue
            denoised, target = np.load(kept)["denoised"], "latent" if way.method == "auto" else "captured"
            found = intensity_linearity(noisy, denoised, model, target=target)  # type: ignore[arg-type]
            rows.append(row_of(name, way.method, found, slope(denoised, truth)))
            print(rows[-1], flush=True)
        perfect = [intensity_linearity(again, truth, drawn) for again, drawn in draws_of(name, truth)]
        rows.append(row_of(name, "truth", perfect[0], 1.0))
        rows[-1]["scores"] = [(one.slope - 1) / one.slope_error for one in perfect]
    return rows


def draws_of(name: str, truth: Pixels) -> list[tuple[Pixels, NoiseModel]]:
    """The truth with the noise of its set, drawn anew."""
    clean = truth.astype(np.float64)
    found = []
    for seed in range(DRAWS):
        rng = np.random.default_rng([77, seed])
        if name == "ct-poisson30":
            found.append((rng.poisson(30 * clean) / 30, NoiseModel(gain=1 / 30)))
        elif name == "ct-camera":
            photons = rng.poisson((clean - 100) / 40)
            found.append((100 + 40.0 * photons + rng.normal(0, 8, clean.shape), NoiseModel(40, 100, 8)))
        else:
            sigma = 25 / 255
            found.append((clean + rng.normal(0, sigma, clean.shape), NoiseModel(sigma=sigma)))
    return found


def behind_a_lens(cutoff: float, photons: int, seed: int) -> tuple[Pixels, Pixels]:
    """Counted photons, and their mean."""
    side, rng = 256, np.random.default_rng([round(100 * cutoff), photons, seed])
    image = np.zeros((side, side))
    places = rng.integers(0, side, (side * side // 60, 2))
    image[places[:, 0], places[:, 1]] = rng.gamma(1, 1, len(places))
    radius = np.minimum(np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) / cutoff, 1)
    transfer = 2 / np.pi * (np.arccos(radius) - radius * np.sqrt(1 - radius**2))
    seen = np.maximum(np.fft.ifft2(np.fft.fft2(image) * transfer).real, 0)
    seen *= photons / seen.mean()
    return rng.poisson(seen).astype(np.float32), seen


def resolution() -> list[dict[str, Any]]:
    """What is found over the cutoff of the optics."""
    rows = []
    run = n2d.Run(device="cpu", precision="float32", threads=torch.get_num_threads(), stabilize=True)
    counts = Measurement(NoiseModel(gain=1.0), WHITE)
    for cutoff in CUTOFFS:
        for photons in PHOTONS:
            found = []
            for seed in range(2):
                noisy, truth = behind_a_lens(cutoff, photons, seed)
                filtered = half_resolution(noisy, lambda half: n2d.denoise(half, method="bm3d", run=run), counts)
                perfect = half_resolution(noisy, partial(instead, truth), counts)
                row = [decorrelation(noisy).cutoff, filtered.raw_cutoff, filtered.denoised_cutoff]
                found.append([*row, perfect.denoised_cutoff])
            means = (np.mean(found, axis=0) / cutoff).tolist()
            names = ("decorrelation", "raw halves", "bm3d half", "true half")
            rows.append({"cutoff": cutoff, "photons": photons} | dict(zip(names, means, strict=True)))
            print(rows[-1], flush=True)
    return rows


def instead(truth: Pixels, half: Pixels) -> Pixels:
    """The truth in place of a denoised half."""
    assert truth.shape == half.shape
    return truth


def lines(linear: list[dict[str, Any]], resolved: list[dict[str, Any]]) -> list[str]:
    text = ["Slope of region means, after over before.", ""]
    text += ["| image | result | slope | selection | kept within | flux | slope over the truth |"]
    text += ["|---|---|---:|---:|---:|---:|---:|"]
    for row in linear:
        cells = [row["image"], row["result"], f"{row['slope']:.4f} +- {row['slope error']:.4f}"]
        cells += [f"{row['selection']:.2%}", f"{row['within']:.2%}", f"{row['flux']:.4f} +- {row['flux error']:.4f}"]
        text.append("| " + " | ".join([*cells, f"{row['kept']:.4f}"]) + " |")
    scores = np.concatenate([row["scores"] for row in linear if "scores" in row])
    text += [
        "",
        f"Of the truth, over {scores.size} draws: (slope - 1) / error has the mean {scores.mean():.2f} and the ",
    ]
    text[-1] += f"standard deviation {scores.std():.2f}; 0 and 1 are expected."
    text += ["", "Cutoff that is found, over that of the optics.", ""]
    text += ["| optics, cycles per pixel | photons per pixel | decorrelation | raw halves | bm3d half | true half |"]
    text += ["|---:|---:|---:|---:|---:|---:|"]
    for row in resolved:
        found = [f"{row[name]:.2f}" for name in ("decorrelation", "raw halves", "bm3d half", "true half")]
        text.append(f"| {row['cutoff']} | {row['photons']} | " + " | ".join(found) + " |")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    args = parser.parse_args()
    resolved = resolution()
    linear = linearity(args.score, args.cache)
    figures = {"linearity": linear, "resolution": resolved}
    write_result(RESULTS / "trust-figures.md", "Linearity and resolution", lines(linear, resolved), figures)


if __name__ == "__main__":
    main()
