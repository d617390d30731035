"""Recipes of Noise2Detail beside each other on the same images: one noise realisation of each FMD scene, two CT slices.

    python benchmarks/recipes.py --recipe fast --recipe best
    python benchmarks/recipes.py --recipe paper --crop 256

Rows are kept in ``results/recipes.json`` and joined by image and crop, so that the published training, which takes
hours, need not be run again. Images, noise and figures are those of the scorer; FMD is compared after rounding to eight
bits. ``--crop`` takes the central pixels only.
"""

import argparse
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.engine.machine import measure
from noise2detail.pipeline.denoise import stages
from noise2detail.pipeline.run import Run
from record import SCORER, write_result
from scorer import scorer as load_scorer

RESULT = Path(__file__).resolve().parent / "results" / "recipes.md"
GROUPS = {"fmd": "fmd", "ct-gauss25": "ct", "ct-poisson30": "ct"}
CT_SLICE = "slice_74"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", action="append", choices=("paper", "fast", "best"), required=True)
    parser.add_argument("--crop", type=int, default=512)
    parser.add_argument("--only", default="", help="substring of the image's name")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    scorer = load_scorer(SCORER)
    rows: list[Row] = json.loads(RESULT.with_suffix(".json").read_text())["rows"] if RESULT.exists() else []
    run = Run(device="cpu", machine=measure(torch.device("cpu")))
    for recipe in args.recipe:
        for name, noisy, clean, span in cases(scorer):
            if args.only not in name:
                continue
            row = score(
                scorer, name, central(noisy, args.crop), central(clean, args.crop), span, recipe, args.seed, run
            )
            key = ("image", "recipe", "crop", "seed")
            rows = [r for r in rows if any(r[k] != row[k] for k in key)] + [row]
            print(f"{name} {recipe} {row['psnr']:.2f} dB, {row['seconds']:.1f} s", flush=True)
            save(rows)


def cases(scorer: ModuleType) -> list[tuple[str, NDArray[Any], NDArray[Any], float]]:
    found = [(f"fmd {name}", noisy, clean, span) for _, name, noisy, clean, span in scorer.SETS["fmd"]([1])]
    for group in ("ct-gauss25", "ct-poisson30"):
        for _, name, noisy, clean, span in scorer.SETS[group](None):
            if name == CT_SLICE:
                found.append((f"{group} {name}", noisy, clean, span))
    return found


def central(image: NDArray[Any], side: int) -> NDArray[Any]:
    top, left = ((n - side) // 2 for n in image.shape)
    return image[top : top + side, left : left + side]


def score(
    scorer: ModuleType,
    name: str,
    noisy: NDArray[Any],
    clean: NDArray[Any],
    span: float,
    recipe: str,
    seed: int,
    run: Run,
) -> Row:
    start = time.perf_counter()
    found = stages(noisy, recipe=recipe, seed=seed, run=run)
    seconds = time.perf_counter() - start
    drifted = scorer.drifted(clean, noisy) if span == 255.0 else clean
    figures = {stage: scorer.psnr(image, clean, span) for stage, image in found.items()}
    result = list(found.values())[-1]
    return {
        "image": name,
        "recipe": recipe,
        "crop": int(noisy.shape[0]),
        "seed": seed,
        "psnr": float(scorer.psnr(result, clean, span)),
        "drift": float(scorer.psnr(result, drifted, span)),
        "stages": {stage: float(value) for stage, value in figures.items()},
        "seconds": seconds,
    }


def save(rows: list[Row]) -> None:
    rows = sorted(rows, key=lambda row: (row["crop"], row["image"], row["recipe"], row["seed"]))
    lines: list[str] = []
    means: dict[str, dict[str, float]] = {}
    for crop in sorted({row["crop"] for row in rows}):
        here = [row for row in rows if row["crop"] == crop]
        lines += [f"## Central {crop}x{crop} pixels", "", *table(here), ""]
        for group in ("fmd", "ct"):
            means.setdefault(group, {}).update(shared_means([r for r in here if group_of(r) == group]))
    write_result(RESULT, "Recipes of Noise2Detail beside each other", lines, {"means": means, "rows": rows})


def group_of(row: Row) -> str:
    return GROUPS[row["image"].split()[0]]


def shared_means(rows: list[Row], figure: str = "psnr") -> dict[str, float]:
    """Mean of each recipe over the images that the published training was run on."""
    images = {row["image"] for row in rows if row["recipe"] == "paper"}
    by_recipe: dict[str, list[float]] = {}
    for row in rows:
        if row["image"] in images:
            by_recipe.setdefault(row["recipe"], []).append(row[figure])
    return {recipe: float(np.mean(values)) for recipe, values in by_recipe.items()}


def table(rows: list[Row]) -> list[str]:
    recipes = [name for name in ("paper", "fast", "best") if any(row["recipe"] == name for row in rows)]
    lines = [
        "| image | " + " | ".join(f"`{r}` PSNR / drift, dB" for r in recipes) + " | seconds |",
        "|---" * (len(recipes) + 2) + "|",
    ]
    for image in dict.fromkeys(row["image"] for row in rows):
        own = {row["recipe"]: row for row in rows if row["image"] == image}
        cells = [f"{own[r]['psnr']:.2f} / {own[r]['drift']:.2f}" if r in own else "" for r in recipes]
        spent = ", ".join(f"{own[r]['seconds']:.0f}" for r in recipes if r in own)
        lines.append(f"| {image} | {' | '.join(cells)} | {spent} |")
    for group in dict.fromkeys(map(group_of, rows)):
        own_rows = [row for row in rows if group_of(row) == group]
        plain, drift = shared_means(own_rows), shared_means(own_rows, "drift")
        cells = [f"{plain[r]:.2f} / {drift[r]:.2f}" if r in plain else "" for r in recipes]
        if any(cells):
            lines.append(f"| **{group}**, mean where `paper` was run | {' | '.join(cells)} | |")
    return lines


if __name__ == "__main__":
    main()
