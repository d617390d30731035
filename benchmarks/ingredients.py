"""Every estimate of ``auto`` alone and left out of the mixture: whether any of them would have been better, or is idle.

    python benchmarks/ingredients.py --score ../shared/tools/score.py

PSNR of every image of the sets of ``benchmarks/auto.py``; ``fmd`` and ``oct`` against the reference as the capture saw
it. Images of 8 bits are rounded, as a file would hold them. Where an estimate is left out, the weights of the others
are found anew from the same comparison of risks.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from noise2detail.fusion.denoiser import FusionDenoiser
from noise2detail.fusion.estimators import NAMES
from noise2detail.fusion.whole import NAME, with_whole
from noise2detail.method import Context
from noise2detail.methods.auto import Auto
from noise2detail.metrics.risk import mixture
from record import write_result
from scorer import scorer

RESULTS = Path(__file__).resolve().parent / "results"
SETS = ("fmd", "oct", "ct-gauss25", "ct-poisson30", "ct-camera", "ct-fbp", "white15", "white25", "white50")
DRIFTING = ("fmd", "oct")
STAGES = ("cascades", "ridge", "network", "whole", "denoised")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    args = parser.parse_args()
    score = scorer(args.score)
    rows: list[dict[str, Any]] = []
    for one in args.sets:
        for _, name, noisy, reference, span in score.SETS[one]([1] if one == "fmd" else None):
            wanted = score.drifted(reference, noisy) if one in DRIFTING else reference
            image = torch.from_numpy(np.ascontiguousarray(noisy).astype(np.float32))[None, None]
            found, others = fitted(image)
            row: dict[str, Any] = {"set": one, "image": name, "weights": dict(found.weights)}
            results = dict(found.stages(image)) | {f"without {left}": other(image) for left, other in others}
            for stage, values in results.items():
                result = values[0, 0].numpy()
                if span == 255:
                    result = np.clip(np.rint(result), 0, 255)
                row[stage] = float(score.psnr(result, wanted, span))
            rows.append(row)
        print(rows[-1], flush=True)
        write_result(RESULTS / "auto-ingredients.md", "Each estimate alone, and left out", lines(rows), {"rows": rows})


def fitted(image: Tensor) -> tuple[FusionDenoiser, list[tuple[str, FusionDenoiser]]]:
    """The denoiser of an image, and those from which one estimate is left out, by its name."""
    with patch("noise2detail.fusion.estimators.mixture", wraps=mixture) as compared:
        found = Auto().fit(image, Context())
    names = [name for name in NAMES if name in found.weights and name != NAME]
    return found, list(without_one(found, names, *compared.call_args.args))


def without_one(
    found: FusionDenoiser, names: list[str], noisy: Tensor, estimates: list[Tensor], divergences: list[float]
) -> Iterator[tuple[str, FusionDenoiser]]:
    """Denoisers with the weights that the same comparison of risks gives to all estimates but one."""
    for left in range(len(names)):
        kept = [number for number in range(len(names)) if number != left]
        shares = mixture(noisy, [estimates[number] for number in kept], [divergences[number] for number in kept])
        weights: Mapping[str, float] = dict(zip((names[number] for number in kept), shares, strict=True))
        weights = with_whole(dict(weights)) if NAME in found.weights else weights
        yield names[left], replace(found, weights=weights)


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """Means of the sets, and every image whose mixture is behind one of its parts."""
    left = [f"without {name}" for name in ("cascades", "ridge", "network")]
    text = ["PSNR in dB, mean over a set; an estimate that took no part in some image has no mean.", ""]
    text += [*table(rows, left), "", "## Each alone", ""]
    text += ["| set | " + " | ".join(STAGES) + " | behind the best part, worst image |", "|---|" + "---:|" * 6]
    for one in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == one]
        means = [np.mean([row.get(stage, np.nan) for row in own]) for stage in STAGES]
        cells = ["" if np.isnan(mean) else f"{mean:.2f}" for mean in means]
        text.append(f"| {one} | " + " | ".join(cells) + f" | {max(map(behind, own)):.2f} |")
    text += ["", "| image | " + " | ".join(STAGES) + " | behind |", "|---|" + "---:|" * 6]
    for row in rows:
        cells = []
        for stage in STAGES:
            weight = f" ({row['weights'][stage]:.2f})" if stage in row["weights"] else ""
            cells.append(f"{row[stage]:.2f}{weight}" if stage in row else "")
        text.append(f"| {row['set']} {row['image']} | " + " | ".join(cells) + f" | {behind(row):.2f} |")
    return text


def table(rows: list[dict[str, Any]], stages: list[str]) -> list[str]:
    """Means of the sets where the others make the mixture, beside the whole mixture."""
    text = ["| set | everything | " + " | ".join(stages) + " |", "|---|" + "---:|" * (len(stages) + 1)]
    for one in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == one]
        means = [np.mean([row.get(stage, np.nan) for row in own]) for stage in ["denoised", *stages]]
        text.append(f"| {one} | " + " | ".join("" if np.isnan(mean) else f"{mean:.2f}" for mean in means) + " |")
    return text


def behind(row: dict[str, Any]) -> float:
    """By how much the best part is better than the mixture; 0 where none is."""
    best = max(row[stage] for stage in STAGES if stage in row)
    return float(best - row["denoised"])


if __name__ == "__main__":
    main()
