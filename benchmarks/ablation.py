"""Table 1 of the paper: what each pixel-shuffled refinement adds, on CT slices with synthetic Poisson noise.

    python benchmarks/ablation.py --recipe fast
    python benchmarks/ablation.py --recipe paper --only slice_74 --crop 256

The images, their noise and the figures are those of the scorer's set ``ct-poisson30``. Stage 1 is the same for every
row, so it is trained once an image; stage 3 is trained anew for each row, from the same initial weights.
"""

import argparse
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.method import Context, Step
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.planning import PUBLISHED_RANGE
from noise2detail.pipeline.values import percentile_map, published_map, to_working_range
from noise2detail.settings import to_data, with_setting
from record import SCORER, write_result
from scorer import scorer as load_scorer

ROWS: tuple[tuple[int, ...], ...] = ((), (2,), (2, 4), (2, 4, 8))
PUBLISHED = {(): 30.75, (2,): 31.48, (2, 4): 31.56, (2, 4, 8): 31.23}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="fast", choices=("fast", "paper"))
    parser.add_argument("--only", default="", help="substring of the slice's name")
    parser.add_argument("--crop", type=int, help="take this many central rows and columns only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="Markdown file; the JSON goes beside it")
    args = parser.parse_args()
    scorer = load_scorer(SCORER)
    cases = [case for case in scorer.SETS["ct-poisson30"](None) if args.only in case[1]]
    rows = [row for _, name, noisy, clean, _ in cases for row in ablate(scorer, name, noisy, clean, args)]
    lines = table(rows)
    print("\n".join(lines))
    if args.out:
        write_result(args.out, "Ablation of the refinements (the paper's Table 1)", lines, {"rows": rows})


def ablate(
    scorer: ModuleType, name: str, noisy: NDArray[Any], clean: NDArray[Any], args: argparse.Namespace
) -> list[dict[str, Any]]:
    if args.crop:
        top, left = (noisy.shape[0] - args.crop) // 2, (noisy.shape[1] - args.crop) // 2
        part = np.s_[top : top + args.crop, left : left + args.crop]
        noisy, clean = noisy[part], clean[part]
    value_map = (published_map if args.recipe in PUBLISHED_RANGE else percentile_map)(noisy)
    batch = torch.from_numpy(to_working_range(noisy[None], (value_map,))[0][None])
    context = Context(seed=args.seed, on_step=announce)
    method = Noise2Detail.recipe(args.recipe)
    start = time.perf_counter()
    first = method.fit_stage1(batch, context)
    shared = time.perf_counter() - start
    rows = []
    for strides in ROWS:
        start = time.perf_counter()
        changed = with_setting(method, "strides", ",".join(map(str, strides)))
        assert isinstance(changed, Noise2Detail)
        stages = changed.fit_stage3(first, batch, context).stages(batch)
        images = {n: stages[n][0, 0].numpy() * value_map.scale + value_map.offset for n in ("stage2", "stage3")}
        rows.append(
            {
                "image": name,
                "strides": list(strides),
                "noisy_psnr": scorer.psnr(noisy, clean, 1.0),
                "stage2_psnr": scorer.psnr(images["stage2"], clean, 1.0),
                "psnr": scorer.psnr(images["stage3"], clean, 1.0),
                "ssim": scorer.ssim(images["stage3"], clean, 1.0),
                "seconds": shared + time.perf_counter() - start,
                "settings": to_data(changed),
            }
        )
        print(f"{name} {strides}: {rows[-1]['psnr']:.2f} dB", flush=True)
    return rows


def announce(step: Step) -> None:
    if step.loss is not None and (step.index == step.count or step.index % 500 == 0):
        print(f"  {step.stage} {step.index}/{step.count} loss {float(step.loss):.6f}", flush=True)


def table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| strides | PSNR (dB) | SSIM | PSNR after stage 2 | seconds an image | the paper's figure, other slices |",
        "|---|---|---|---|---|---|",
    ]
    for strides in ROWS:
        own = [row for row in rows if row["strides"] == list(strides)]
        psnr, ssim, stage2, seconds = (
            np.mean([row[key] for row in own]) for key in ("psnr", "ssim", "stage2_psnr", "seconds")
        )
        label = ", ".join(map(str, strides)) or "none"
        lines.append(f"| {label} | {psnr:.2f} | {ssim:.3f} | {stage2:.2f} | {seconds:.0f} | {PUBLISHED[strides]} |")
    names = sorted({row["image"] for row in rows})
    noisy = np.mean([row["noisy_psnr"] for row in rows])
    return [*lines, "", f"Mean of {len(names)} images ({', '.join(names)}); the noisy ones have {noisy:.2f} dB."]


if __name__ == "__main__":
    main()
