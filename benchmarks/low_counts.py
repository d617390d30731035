"""Few photons: ``auto`` beside variance-stabilised BM3D, once and refined iteratively.

    python benchmarks/low_counts.py --score ../shared/tools/score.py

Poisson noise of peaks 0.5, 1, 2 and 4 on three noise-free images of 256x256 pixels, two draws each. The refinement is
that of Azzari & Foi, "Variance stabilization for noisy+estimate combination in iterative Poisson denoising", IEEE SPL
2016, without its binning: in each of four rounds the counts are mixed with the last estimate, which leaves the mean and
lowers the variance, stabilised, filtered and taken back. ``auto`` measures the noise; the others are told that it is
Poisson. Flux is the sum of the result over that of the counts.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import data
from torch import Tensor

import noise2detail as n2d
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.unit_noise import UnitNoise
from noise2detail.patches.two_cascades import TwoCascades
from record import write_result
from scorer import scorer

RESULTS = Path(__file__).resolve().parent / "results"
PEAKS = (0.5, 1.0, 2.0, 4.0)
DRAWS = 2
ROUNDS, LAST = 4, 0.5
"""Of the refinement, and the weight of the counts in the last one."""

Values = NDArray[np.float64]


def stabilised_bm3d(values: Tensor) -> Tensor:
    """From values whose variance is their mean, of the same; by the exact unbiased inverse."""
    unit = UnitNoise(NoiseModel(gain=1.0), float(values.max()), latent=False)
    return unit.back(TwoCascades().run(unit.forward(values)[None], torch.ones(1, 1, 1))[1][0])


def refined(counts: Tensor) -> tuple[Tensor, Tensor]:
    """The first estimate and the last one."""
    found = []
    estimate = counts
    for weight in np.linspace(1.0, LAST, ROUNDS):
        mixed = weight * counts + (1 - weight) * estimate
        estimate = stabilised_bm3d(mixed / weight**2) * weight**2
        found.append(estimate)
    return found[0], found[-1]


def scenes(program: Path) -> dict[str, Values]:
    score = scorer(program)
    clean = {name: np.asarray(gt, np.float64) for _, name, _, gt, _ in score.SETS["white25"](None)}
    slices = score.SETS["ct-poisson30"](None)
    return {
        "ct": np.asarray(slices[len(slices) // 2][3], np.float64)[128:384, 128:384],
        "coins": data.coins()[:256, :256] / 255.0,  # type: ignore[no-untyped-call]
        "microtubules": clean["microtubules"][:256, :256],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    rows: list[dict[str, Any]] = []
    for name, image in scenes(args.score).items():
        for peak in PEAKS:
            for draw in range(DRAWS):
                counts = np.random.default_rng([draw, round(10 * peak)]).poisson(peak * image).astype(np.float32)
                once, often = (one.numpy() for one in refined(torch.from_numpy(counts)))
                results = {"auto": np.asarray(n2d.denoise(counts)), "bm3d": once, "refined": often}
                row: dict[str, Any] = {"image": name, "peak": peak}
                for method, result in results.items():
                    row[method] = float(-10 * np.log10(np.mean((result / peak - image) ** 2)))
                    row[f"{method} flux"] = float(result.sum() / counts.sum())
                rows.append(row)
            print(rows[-DRAWS:], flush=True)
    write_result(RESULTS / "low-counts.md", "Few photons", lines(rows), {"rows": rows})


def lines(rows: list[dict[str, Any]]) -> list[str]:
    text = ["PSNR in dB relative to the peak / flux kept, mean of two draws.", ""]
    text += ["| image | peak | auto | BM3D, stabilised | refined |", "|---|---:|---:|---:|---:|"]
    for name, peak in dict.fromkeys((row["image"], row["peak"]) for row in rows):
        own = [row for row in rows if (row["image"], row["peak"]) == (name, peak)]
        cells = []
        for method in ("auto", "bm3d", "refined"):
            means = [float(np.mean([row[key] for row in own])) for key in (method, f"{method} flux")]
            cells.append(f"{means[0]:.2f} / {means[1]:.4f}")
        text.append(f"| {name} | {peak} | " + " | ".join(cells) + " |")
    return text


if __name__ == "__main__":
    main()
