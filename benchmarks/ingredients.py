"""Every estimate of ``auto`` alone, beside their mixture: whether any of them would have been better.

    python benchmarks/ingredients.py --score ../shared/tools/score.py

PSNR of every image of the sets of ``benchmarks/auto.py``; ``fmd`` and ``oct`` against the reference as the capture saw
it. Images of 8 bits are rounded, as a file would hold them.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from noise2detail.method import Context
from noise2detail.methods.auto import Auto
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
            found = Auto().fit(image, Context())
            row: dict[str, Any] = {"set": one, "image": name, "weights": dict(found.weights)}
            for stage, values in found.stages(image).items():
                result = values[0, 0].numpy()
                if span == 255:
                    result = np.clip(np.rint(result), 0, 255)
                row[stage] = float(score.psnr(result, wanted, span))
            rows.append(row)
        print(rows[-1], flush=True)
        write_result(RESULTS / "auto-ingredients.md", "Each estimate alone", lines(rows), {"rows": rows})


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """Means of the sets, and every image whose mixture is behind one of its parts."""
    text = ["PSNR in dB, mean over a set; an estimate that took no part in some image has no mean.", ""]
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


def behind(row: dict[str, Any]) -> float:
    """By how much the best part is better than the mixture; 0 where none is."""
    best = max(row[stage] for stage in STAGES if stage in row)
    return float(best - row["denoised"])


if __name__ == "__main__":
    main()
