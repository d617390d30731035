"""What a blur cannot win: resolution against the reference, spots found, the contrast of bright regions.

    python benchmarks/detail.py --score ../shared/tools/score.py [--methods auto bm3d]

The first capture of six FMD scenes and the slices of two CT sets. Resolution is the frequency up to which the result
agrees with the reference (``metrics/resolution.py``). Spots are local maxima of a difference of Gaussians, at least a
fifth as high as the highest ones of the reference; one is found where the result has one within two pixels.
F1 is the harmonic mean of the shares that were found and that are true. The slope is that of the result over the
reference in the brightest hundredth, over 5x5 pixels; 1 is right.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from skimage.feature import peak_local_max

import noise2detail as n2d
from noise2detail.metrics.brightness import bright_slope
from noise2detail.metrics.resolution import frc_cutoff
from noise2detail.pipeline.run import Run
from record import write_result
from scorer import scorer

RESULTS = Path(__file__).resolve().parent / "results"
SETS = ("fmd", "ct-gauss25", "ct-poisson30")
SPOT = (1.0, 2.0)
"""Deviations of the Gaussians whose difference shows spots, pixels."""

NEAR = 2.0
"""Pixels from a spot of the reference within which one of the result is the same."""

Values = NDArray[np.float64]


def denoised(method: str, noisy: Any) -> Values:
    run = Run(stabilize=method in ("bm3d", "noise2detail"))
    return np.asarray(n2d.denoise(noisy, method=method, run=run), np.float64)


def spots(image: Values, least: float) -> Values:
    shown = gaussian_filter(image, SPOT[0]) - gaussian_filter(image, SPOT[1])
    found: Values = peak_local_max(shown, min_distance=2, threshold_abs=least, exclude_border=4).astype(np.float64)  # type: ignore[no-untyped-call]
    return found


def spot_score(result: Values, reference: Values) -> float:
    """F1 of the spots of the reference."""
    strongest = gaussian_filter(reference, SPOT[0]) - gaussian_filter(reference, SPOT[1])
    least = 0.2 * float(np.percentile(strongest, 99.9))
    wanted, found = spots(reference, least), spots(result, least)
    if not (len(wanted) and len(found)):
        return 0.0
    hit = [float((cKDTree(one).query(other)[0] <= NEAR).mean()) for one, other in ((found, wanted), (wanted, found))]
    return 2 * hit[0] * hit[1] / (hit[0] + hit[1]) if sum(hit) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--methods", nargs="*", default=["noisy", "auto", "bm3d", "noise2detail", "gaussian"])
    args = parser.parse_args()
    score = scorer(args.score)
    rows: list[dict[str, Any]] = []
    for one in SETS:
        for _, name, noisy, reference, _ in score.SETS[one]([1] if one == "fmd" else None):
            wanted = np.asarray(reference, np.float64)
            for method in args.methods:
                result = np.asarray(noisy, np.float64) if method == "noisy" else denoised(method, noisy)
                own = {"set": one, "image": name, "method": method, "frc": frc_cutoff(result, wanted)}
                own["spots"] = spot_score(result, wanted)
                rows.append(own | {"slope": bright_slope(result, wanted)})
            print(rows[-len(args.methods) :], flush=True)
    write_result(RESULTS / "auto-detail.md", "Detail that a blur cannot win", lines(rows, args.methods), {"rows": rows})


def lines(rows: list[dict[str, Any]], methods: list[str]) -> list[str]:
    text = ["Resolution (cycles per pixel) / F1 of spots / slope of bright regions.", ""]
    text += ["| set | image | " + " | ".join(methods) + " |", "|---|---|" + "---:|" * len(methods)]
    images = list(dict.fromkeys((row["set"], row["image"]) for row in rows))
    groups = [(one, name, [(one, name)]) for one, name in images]
    groups += [(one, "mean", [pair for pair in images if pair[0] == one]) for one in SETS]
    for one, name, chosen in groups:
        cells = []
        for method in methods:
            own = [row for row in rows if row["method"] == method and (row["set"], row["image"]) in chosen]
            means = [float(np.nanmean([row[key] for row in own])) for key in ("frc", "spots", "slope")]
            cells.append(f"{means[0]:.3f} / {means[1]:.2f} / {means[2]:.2f}")
        text.append(f"| {one} | {name} | " + " | ".join(cells) + " |")
    return text


if __name__ == "__main__":
    main()
