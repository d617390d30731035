"""Seconds of every method for one image of 512x512 pixels, and what the published training would take.

    python benchmarks/peers.py [--methods noise2void,bm3d] [--paper] [--out FILE.md]

The image is made here: smooth structures with photon noise. Each method runs once in a process of its own, by its
default recipe; noise2noise gets two frames. With --paper the published recipe is timed instead: steps 3 to 22 of each
of its trainings, from which the whole is extrapolated. Results go to ``benchmarks/results/peers.md`` and
``peers.json``, which keeps what earlier runs measured of other methods.
"""

import argparse
import json
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.bench.candidate import Candidate
from noise2detail.bench.worker import Task, Worker
from noise2detail.noise.simulate import add_poisson
from noise2detail.pipeline.run import Run
from noise2detail.registry import METHODS
from noise2detail.types import Pixels
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"
SIDE = 512
RUN = Run(device="cpu", precision="float32")
FEW, MORE = 2, 22
TRAININGS = {"noise2detail": ("stage1.steps", "stage3.steps"), "zs_n2n": ("training.steps",)}
"""Steps of methods that have them further inside."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--paper", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.md")
    args = parser.parse_args()
    kept = args.out.with_suffix(".json")
    figures: dict[str, dict[str, Any]] = json.loads(kept.read_text())["figures"] if kept.exists() else {}
    with Worker() as worker:
        for name in args.methods.split(","):
            own = figures.setdefault(name, {})
            own |= paper(worker, name) if args.paper else standard(worker, name)
            print(name, own, flush=True)
            write_result(args.out, "Seconds of every method", table(figures), {"figures": figures})


def standard(worker: Worker, name: str) -> dict[str, Any]:
    recipe = METHODS[name].recipes[0]
    found = worker.do(task(name, Candidate(name, recipe)))
    if found.denoised is None:
        raise SystemExit(f"{name}: {found.error}")
    return {"recipe": recipe, "seconds": found.seconds, "peak_mib": found.peak_mib}


def paper(worker: Worker, name: str) -> dict[str, Any]:
    if "paper" not in METHODS[name].recipes:
        return {}
    method = METHODS[name].method.recipe("paper")
    trainings = TRAININGS.get(name, ("steps",) if hasattr(method, "steps") else ())
    if not trainings:
        return {}
    (steps,) = {attrgetter(training)(method) for training in trainings}
    passes = ("passes=1",) if hasattr(method, "passes") else ()
    took = []
    for count in (FEW, MORE):
        settings = *(f"{training}={count}" for training in trainings), *passes
        found = worker.do(task(name, Candidate(name, "paper", settings)))
        if found.denoised is None:
            raise SystemExit(f"{name}: {found.error}")
        took.append(found.seconds)
    seconds = took[0] + (took[1] - took[0]) / (MORE - FEW) * (steps - FEW)
    return {"paper_steps": steps * len(trainings), "paper_seconds": seconds}


def task(name: str, candidate: Candidate) -> Task:
    frames = [add_poisson(scene(), 20.0, np.random.default_rng(seed)) for seed in (0, 1)]
    series = getattr(METHODS[name].method, "frames", False)
    return Task(np.stack(frames) if series else frames[0], "TYX" if series else "YX", candidate, run=RUN)


def scene() -> Pixels:
    """Blobs and threads on a dark ground, as in fluorescence images."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:SIDE, :SIDE]
    image = np.full((SIDE, SIDE), 0.05)
    for top, left, size in zip(*rng.uniform(0, SIDE, (2, 60)), rng.uniform(3, 25, 60), strict=True):
        image += 0.4 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * size**2))
    image += 0.2 * np.exp(-(((y - x + 40 * np.sin(x / 30)) / 4) ** 2))
    result: Pixels = np.clip(image, 0, 1).astype(np.float32)
    return result


def table(figures: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        f"One image of {SIDE}x{SIDE} pixels, one run each, without the start of the process. Published trainings are",
        f"extrapolated from {MORE - FEW} steps.",
        "",
        "| method | recipe | seconds | peak MiB | published steps | seconds of those |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name in sorted(figures, key=lambda name: figures[name].get("seconds", 0)):
        own = figures[name]
        marked = f"{own.get('recipe', '')}{', reduced' if METHODS[name].reduced else ''}"
        cells = [f"{own['seconds']:.1f}", f"{own['peak_mib']:.0f}"] if "seconds" in own else ["", ""]
        cells += [f"{own['paper_steps']:,}", f"{own['paper_seconds']:,.0f}"] if "paper_steps" in own else ["", ""]
        lines.append(f"| {name} | {marked} | " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    main()
