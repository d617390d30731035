"""The engine's figures beside their bars: `make bench-speed`, or

    python benchmarks/speed.py --out benchmarks/results/speed.md

Run it on an idle machine; ratios within one run count, times only on machines of one kind. Quality and the very large
image are read from the results of ``recipes.py`` and ``large_image.py``, which take longer.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

import cost_by_size
import start_up
import step_profile
import steps_and_tiles
from noise2detail.engine.machine import has_bfloat16, measure
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.denoise import denoise
from noise2detail.pipeline.run import Run
from record import write_result
from timing import fastest, median

RESULTS = Path(__file__).resolve().parent / "results"
PAPER_STEPS = 4000
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="Markdown file; the JSON and the plot go beside it")
    args = parser.parse_args()
    run = Run(device="cpu", machine=measure(CPU))
    bars: list[tuple[str, str, str]] = []
    figures: dict[str, Any] = {}
    for part in (single_image, quality, starting, applying, large):
        part(run, bars, figures)
    costs = by_size(run, bars, figures)
    on_gpu(bars, figures)
    profiled, _, around = step_profile.table()
    bars.append(("a step of `fast` outside of PyTorch's operations", "<= 5 %", f"{around:.1%}"))
    details = steps_and_tiles.rows()
    figures |= {"milliseconds": {what: 1000 * seconds for what, seconds in details}, "around_operations": around}
    lines = ["| what | bar | measured |", "|---|---|---|", *(f"| {' | '.join(bar)} |" for bar in bars)]
    lines += ["", f"bfloat16 in hardware: {'yes' if has_bfloat16(CPU) else 'no, everything in float32'}.", ""]
    lines += ["## Cost against size", "", *size_table(costs), ""]
    if args.out:
        cost_by_size.draw(costs, args.out.with_name("cost-by-size.svg"))
        lines += ["![seconds to train and to apply, by size](cost-by-size.svg)", ""]
    lines += ["## One step of `fast`", "", *profiled, "", "## Parts", "", "| what | milliseconds |", "|---|---|"]
    lines += [f"| {what} | {1000 * seconds:.1f} |" for what, seconds in details]
    print("\n".join(lines))
    if args.out:
        write_result(args.out, "Speed of the engine", lines, figures)


Bars = list[tuple[str, str, str]]


def single_image(run: Run, bars: Bars, figures: dict[str, Any]) -> None:
    noisy = micrograph(512)
    fast = median(lambda: denoise(noisy, run=run), 3)
    step = steps_and_tiles.authors_step(torch.rand(1, 1, 512, 512))
    ratio = step * PAPER_STEPS / fast
    figures |= {"fast_seconds": fast, "authors_step_seconds": step, "ratio": ratio}
    bars.append(("`fast`, 512x512, wall time of `denoise`", "<= 4 s", f"{fast:.2f} s"))
    bars.append((f"the authors' settings, {PAPER_STEPS} steps from 20", "", f"{step * PAPER_STEPS:.0f} s"))
    bars.append(("ratio of both", ">= 500", f"{ratio:.0f}"))
    best = fastest(lambda: denoise(noisy, recipe="best", run=run), 1)
    figures["best_seconds"] = best
    bars.append(("`best`, 512x512", "<= 60 s", f"{best:.1f} s"))


def quality(run: Run, bars: Bars, figures: dict[str, Any]) -> None:
    """As measured by benchmarks/recipes.py, which takes hours."""
    del run
    found = RESULTS / "recipes.json"
    if not found.exists():
        return
    means = json.loads(found.read_text(encoding="utf-8"))["means"]
    figures["quality"] = means
    for group, by_recipe in means.items():
        if "paper" not in by_recipe:
            continue
        least = {"fast": by_recipe["paper"], "best": by_recipe["paper"] + (0.3 if group == "fmd" else 0.0)}
        for recipe in set(least) & set(by_recipe):
            what = f"`{recipe}`, mean PSNR, {group} (recipes.md)"
            bars.append((what, f">= {least[recipe]:.2f} dB", f"{by_recipe[recipe]:.2f} dB"))


def starting(run: Run, bars: Bars, figures: dict[str, Any]) -> None:
    del run
    seconds = start_up.seconds()
    figures["start_up_seconds"] = seconds
    bars.append(("`n2d denoise`, start to first step", "<= 3 s", f"{np.median(seconds):.2f} s"))


def applying(run: Run, bars: Bars, figures: dict[str, Any]) -> None:
    from noise2detail.tiling.walk import apply_in_tiles

    del run
    denoiser, noisy = steps_and_tiles.untrained(), torch.rand(1, 1, 1024, 1024)
    one = Noise2Detail(strides=(), clip=False)
    single = type(denoiser)(denoiser.first, denoiser.second, one, "float32")
    for what, what_is_applied, passes, bar in (
        ("one network", single, 2, ">= 1.5 Mpx/s"),
        ("all stages with strides 2 and 4 (seven passes)", denoiser, 6, ""),
    ):
        seconds = fastest(
            lambda d=what_is_applied: apply_in_tiles(  # type: ignore[misc]
                d, noisy, tile=256, halo=d.halo, alignment=d.alignment
            ),
            3,
        )
        rate = noisy.numel() / seconds / 1e6 * (2 if passes == 2 else 1)
        figures[f"mpx_per_second {what}"] = rate
        bars.append((f"application, {what}", bar, f"{rate:.2f} Mpx/s"))


def large(run: Run, bars: Bars, figures: dict[str, Any]) -> None:
    """As measured by benchmarks/large_image.py."""
    del run
    kept = RESULTS / "large-image.json"
    if not kept.exists():
        return
    found = json.loads(kept.read_text(encoding="utf-8"))
    figures["large"] = found
    side = int(found["side"])
    over = (found["peak_mib"] - found["array_mib"]) / 1024
    bars.append((f"{side}x{side} uint16, peak memory over the array (large-image.md)", "<= 2 GiB", f"{over:.2f} GiB"))


def by_size(run: Run, bars: Bars, figures: dict[str, Any]) -> list[cost_by_size.Cost]:
    costs = [cost_by_size.measured(side, run) for side in cost_by_size.SIDES]
    figures["by_size"] = [asdict(cost) for cost in costs]
    spread = max(c.training for c in costs) / min(c.training for c in costs)
    bars.append(("training time, largest over smallest from 512 to 4096 squared", "<= 1.20", f"{spread:.2f}"))
    rates = [c.side**2 / c.application / 1e6 for c in costs]
    bars.append(("application, Mpx/s over the same", "linear", ", ".join(f"{rate:.2f}" for rate in rates)))
    bars.append(("longest wait of a cancelled `fast` run", "<= 0.5 s", f"{max(c.longest for c in costs):.2f} s"))
    return costs


def size_table(costs: list[cost_by_size.Cost]) -> list[str]:
    rows = ["| side | training | application |", "|---|---|---|"]
    return rows + [f"| {c.side} | {c.training:.2f} s | {c.application:.2f} s |" for c in costs]


def on_gpu(bars: Bars, figures: dict[str, Any]) -> None:
    """Where there is one; a first run of each warms up."""
    if not torch.cuda.is_available():
        bars.append(("GPU: `paper`, `fast`, 64 images", "<= 4 s, <= 0.4 s, >= 20 images/s", "no GPU here"))
        return
    device = torch.device("cuda")
    run = Run(device="cuda", machine=measure(device))

    def timed(work: Callable[[], object]) -> float:
        work()
        return fastest(work, 3)

    one, many = micrograph(512), np.stack([micrograph(512, seed) for seed in range(64)])
    seconds = {
        "paper": timed(lambda: denoise(one, recipe="paper", run=run)),
        "fast": timed(lambda: denoise(one, run=run)),
        "64 images": timed(lambda: denoise(many, axes="TYX", run=run)),
    }
    figures["gpu_seconds"] = seconds
    bars.append(("GPU: `paper`, 512x512", "<= 4 s", f"{seconds['paper']:.2f} s"))
    bars.append(("GPU: `fast`, 512x512", "<= 0.4 s", f"{seconds['fast']:.2f} s"))
    bars.append(("GPU: batch of 64 images", ">= 20 images/s", f"{64 / seconds['64 images']:.1f} images/s"))


def micrograph(side: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Waves and spots with Poisson noise: generated, so that the benchmark needs no files."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / 15.0
    clean = 30 + 20 * np.sin(y) * np.cos(x) + 40 * (rng.random((side, side)) < 0.002)
    noisy: np.ndarray[Any, np.dtype[np.uint8]] = np.clip(rng.poisson(clean), 0, 255).astype(np.uint8)
    return noisy


if __name__ == "__main__":
    main()
