"""How fast a large volume is denoised in units, beside the engine alone; in how much memory; and what Dask adds.

    python benchmarks/scale_throughput.py SCRATCH [--gib 8] [--units 4] [--whole] [--out FILE.md]

The volume is made on the fly in SCRATCH, planes of 8192x8192 pixels in shards of 2048x2048. Units are those of the
plan, 16 million pixels with default settings. Everything runs one thread for a unit:

- bare: as many processes as workers, each with the denoiser on an array in memory, nothing read or written;
- in units: a pool reads, denoises, packs, writes, reads again and compares ``--units`` units for each worker;
- Dask: the same units one after the other in this process, and by a Dask cluster of one worker, in turns.

What is learnt does not matter, so trainings are short. With --whole all units are done by ``n2d scale`` as well.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from made_volume import make_volume
from noise2detail.pipeline.computing import computing
from noise2detail.scale.beginning import begin_prepared
from noise2detail.scale.dask_driver import DaskExecutor, connected
from noise2detail.scale.loop import loop
from noise2detail.scale.opened import opened
from noise2detail.scale.outcome import Executor, Results, Silent, Stop
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.pool import pool
from noise2detail.scale.tasks import plan_of
from noise2detail.scale.unit import run_unit
from noise2detail.tiling.walk import TileSide, walk
from record import write_result
from scale_runs import command_line, finished, planned, words

RESULTS = Path(__file__).resolve().parent / "results"
SIDE, SHARD, CHUNK = 8192, 2048, 256
MIB_PER_WORKER, SHARE, OVERHEAD = 1536, 0.80, 0.05
"""The bars."""


@dataclass(frozen=True)
class Speed:
    """So many workers, and how fast they were."""

    workers: int
    bare: float
    """Mpx/s of the engine alone, in as many processes."""
    units: float
    """Mpx/s in units."""
    peak_mib: float
    """Of the worker that took most."""

    @property
    def share(self) -> float:
        return self.units / self.bare


def main() -> None:
    args = arguments()
    if args.bare:
        print(bare_rate(plan_of(args.bare, {})))
        return
    args.scratch.mkdir(parents=True, exist_ok=True)
    cores = len(os.sched_getaffinity(0))
    plan, file = begun(args.scratch, args.gib, "volume", args.side)
    small, _ = begun(args.scratch, args.gib / 8, "eighth", args.side)
    speeds = [speed(plan, workers, args.units) for workers in args.workers or sorted({1, cores})]
    eighth = speed(small, 1, 1, with_bare=False)
    dask = dask_overhead(plan, args.units, args.repeats)
    figures: dict[str, Any] = {
        "gib": args.gib,
        "unit_mpx": math.prod(plan.levels[0].unit) / 1e6,
        "speeds": [asdict(one) | {"share": one.share} for one in speeds],
        "peak_mib_eighth": eighth.peak_mib,
        "dask": dask,
        "precision": plan.fit.precision,
    }
    if args.whole:
        figures["whole"] = whole(plan, file, cores)
    report(args.out, figures, speeds)
    plot(args.out.with_suffix(".png"), speeds)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path, nargs="?", help="folder for the volume and the output")
    parser.add_argument("--gib", type=float, default=8, help="of the volume")
    parser.add_argument("--side", type=int, default=SIDE, help="of a plane")
    parser.add_argument("--units", type=int, default=4, help="for each worker")
    parser.add_argument("--workers", type=int, nargs="*", help="default: 1, and one for each core")
    parser.add_argument("--repeats", type=int, default=3, help="turns of loop and Dask")
    parser.add_argument("--whole", action="store_true", help="all units too, by n2d scale")
    parser.add_argument("--bare", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS / "scale-throughput.md")
    return parser.parse_args()


def begun(scratch: Path, gib: float, name: str, side: int) -> tuple[ScalePlan, Path]:
    """The plan of a volume whose output was begun, and the file that it is kept in."""
    planes = max(1, round(gib * 2**30 / 2 / side**2))
    source = make_volume(scratch / f"{name}.ome.zarr", (planes, side, side), min(SHARD, side), CHUNK)
    file = scratch / f"{name}_denoised.json"
    made = planned(str(source), file, precision="auto")
    subprocess.run(["rm", "-rf", made.plan.target, made.plan.work], check=True)
    return begin_prepared(made), file


def speed(plan: ScalePlan, workers: int, units: int, *, with_bare: bool = True) -> Speed:
    """The engine alone, then the units by a pool."""
    alone = bare(plan, workers) if with_bare else math.nan
    with pool(plan, workers) as execute:
        executed(execute, plan, spread(plan, workers))  # starts the processes
        chosen = spread(plan, workers * units)
        seconds = executed(execute, plan, chosen)
        peak = max(high_water(child) for child in psutil.Process().children(recursive=True))
    pixels = sum(math.prod(one.stop - one.start for one in plan.place(index)[1]) for index in chosen)
    found = Speed(workers, alone, pixels / 1e6 / seconds, peak)
    print(json.dumps(asdict(found)), flush=True)
    return found


def bare(plan: ScalePlan, workers: int) -> float:
    """Mpx/s of the engine alone, of all processes together."""
    command = [sys.executable, __file__, "--bare", plan.target]
    with ThreadPoolExecutor(workers) as started:
        said = list(started.map(lambda _: subprocess.check_output(command, text=True), range(workers)))
    return sum(float(one.splitlines()[-1]) for one in said)


def bare_rate(plan: ScalePlan) -> float:
    """Mpx/s of the denoiser on an array in memory, of the size of a unit, tile by tile as planned."""
    found = opened(plan).applied
    noisy = torch.rand((1, 1, *plan.levels[0].unit[-2:]), generator=torch.Generator().manual_seed(0))

    def once(part: torch.Tensor) -> float:
        started = time.perf_counter()
        compute = found.denoisers[0]
        for done in walk(
            lambda tile: compute(tile)[0].numpy(), part, TileSide(plan.fit.tile), halo=plan.reach.halo,
            alignment=plan.reach.alignment,
        ):  # fmt: skip
            del done
        return time.perf_counter() - started

    with computing(plan.fit.device, plan.fit.threads):
        once(noisy[..., :512, :512])
        return noisy.numel() / 1e6 / statistics.median(once(noisy) for _ in range(2))


def spread(plan: ScalePlan, count: int) -> list[int]:
    """Units from all over the volume."""
    every = plan.stages[0]
    return [every[int(at)] for at in np.linspace(0, len(every) - 1, min(count, len(every)))]


def executed(execute: Executor, plan: ScalePlan, units: list[int]) -> float:
    """Seconds that units took; all must succeed."""
    results = Results(Silent())
    started = time.perf_counter()
    execute(run_unit, plan, units, results, Stop())
    seconds = time.perf_counter() - started
    if results.failed or len(results.done) != len(units):
        raise RuntimeError(f"units failed: {results.failed}")
    return seconds


def high_water(process: psutil.Process) -> float:
    """Most memory that a process has held, in MiB."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def dask_overhead(plan: ScalePlan, count: int, repeats: int) -> dict[str, Any]:
    """Seconds of the same units one after the other, here and by a Dask worker, in turns."""
    units = spread(plan, count)
    here: list[float] = []
    there: list[float] = []
    with connected("local:1") as client:
        execute = DaskExecutor(client)
        executed(loop, plan, units[:1])
        executed(execute, plan, units[:1])
        for turn in range(repeats):
            order: list[tuple[Executor, list[float]]] = [(loop, here), (execute, there)]
            for run, seconds in order if turn % 2 == 0 else order[::-1]:
                seconds.append(executed(run, plan, units) / len(units))
    ratio = statistics.median(there) / statistics.median(here) - 1
    found = {"units": len(units), "loop_seconds": here, "dask_seconds": there, "overhead": ratio}
    print(json.dumps(found), flush=True)
    return found


def whole(plan: ScalePlan, file: Path, cores: int) -> dict[str, Any]:
    """All units, by the command."""
    target = Path(plan.target)
    subprocess.run(["rm", "-rf", target, plan.work], check=True)
    started = time.perf_counter()
    said = finished(words(plan.source, target, file, "--workers", f"{cores}"))
    seconds = time.perf_counter() - started
    pixels = math.prod(plan.levels[0].shape) / 1e6
    return {"workers": cores, "units": said["units"], "seconds": seconds, "mpx_per_s": pixels / seconds}


def report(out: Path, figures: dict[str, Any], speeds: list[Speed]) -> None:
    lines = [
        f"{figures['gib']:g} GiB of uint16, units of {figures['unit_mpx']:.1f} Mpx, {figures['precision']}, one thread"
    ]
    lines += ["for a unit. Bars: 80 % of the engine alone, 1536 MiB a worker, Dask 5 %.", ""]
    lines += [
        "| workers | engine alone, Mpx/s | in units, Mpx/s | share | peak of a worker, MiB |",
        "|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.workers} | {one.bare:.3f} | {one.units:.3f} | {100 * one.share:.1f} % | {one.peak_mib:.0f} |"
        for one in speeds
    ]
    dask = figures["dask"]
    loop_median, dask_median = (statistics.median(dask[name]) for name in ("loop_seconds", "dask_seconds"))
    lines += ["", f"On an eighth of the volume a worker's peak is {figures['peak_mib_eighth']:.0f} MiB.", ""]
    lines += [f"A unit in the bare loop takes {loop_median:.2f} s, by a Dask worker {dask_median:.2f} s (medians of"]
    lines += [f"{len(dask['loop_seconds'])} turns of {dask['units']} units): {100 * dask['overhead']:+.1f} %."]
    if "whole" in figures:
        found = figures["whole"]
        lines += ["", f"The whole volume by `n2d scale --workers {found['workers']}`: {found['units']} units in"]
        lines += [f"{found['seconds']:.0f} s with start-up and end, {found['mpx_per_s']:.3f} Mpx/s."]
    lines += ["", f"![Throughput against workers]({out.with_suffix('.png').name})"]
    write_result(out, "Throughput in units", lines, figures, command_line())


def plot(file: Path, speeds: list[Speed]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    counts = [one.workers for one in speeds]
    axes.plot(counts, [one.bare for one in speeds], "o--", color="0.5", label="engine alone")
    axes.plot(counts, [SHARE * one.bare for one in speeds], ":", color="0.5", label="80 % of it")
    axes.plot(counts, [one.units for one in speeds], "o-", label="in units: read, denoised, written, compared")
    axes.set(xlabel="workers, one thread each", ylabel="Mpx/s", xticks=counts, ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
