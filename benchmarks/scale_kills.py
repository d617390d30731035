"""Kill runs of ``n2d scale`` at random times, go on with them, and compare every byte.

    python benchmarks/scale_kills.py SCRATCH [--count 100] [--out FILE.md]

A volume is denoised once without interruption, by one process: the reference. Then ``count`` runs are each killed by
SIGKILL at a random time, one in four twice, and the same command is given again until it is done. One kill in five
comes at any time, the others while units are done. Who is killed changes: the driver of a pool of processes, one of its
workers, driver and workers at once, the driver of a Dask cluster, one of its workers, or a single process. Every output
must be the reference, file by file; a unit that had its marker when the killed processes were gone must not have been
touched again.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from made_volume import make_volume
from record import write_result
from scale_runs import command_line, digest, digests, finished, planned, stamps, words

RESULTS = Path(__file__).resolve().parent / "results"
SHAPE, SHARD, CHUNK, SIZES = (6, 512, 512), 128, 64, 2
"""96 units in full size and 24 of half the size."""
How = tuple[str, ...]
"""Options that say how units are run."""
TWICE = 0.25
"""Share of the runs that are killed a second time, while they go on."""
EARLY = 0.2
"""Share of the kills at any time of the run, start included; the others hit while units are done."""
MOMENT = 0.2
"""Seconds from the unit that was drawn to the kill, at most: more than a unit takes."""

VICTIMS = {
    "pool, driver": (("--workers", "2"), "driver"),
    "pool, worker": (("--workers", "2"), "worker"),
    "pool, all": (("--workers", "2"), "all"),
    "one process": (("--workers", "0"), "driver"),
    "dask, driver": (("--dask", "local:2"), "driver"),
    "dask, worker": (("--dask", "local:2"), "worker"),
}
"""Who is killed, and how the units are run."""


@dataclass(frozen=True)
class Killed:
    """A run after it was killed, when none of its processes is left."""

    hit: bool
    """It was still running."""
    code: int
    """With which the driver ended."""
    done: frozenset[int]
    """Units with a marker."""
    stamps: dict[str, tuple[int, int]]
    """Of every file of the output, and of the markers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path, help="folder for the volume and the outputs")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "scale-kills.md")
    args = parser.parse_args()
    args.scratch.mkdir(parents=True, exist_ok=True)
    source = make_volume(args.scratch / "volume.ome.zarr", SHAPE, SHARD, CHUNK, sizes=SIZES)
    plan_file = args.scratch / "plan.json"
    total = planned(str(source), plan_file, most=SHARD**2).plan.count
    bench = Bench(args.scratch, source, plan_file, total)
    bench.measure()
    rng = np.random.default_rng(args.seed)
    rows = [bench.run(number, list(VICTIMS)[number % len(VICTIMS)], rng) for number in range(args.count)]
    report(args.out, rows, total)
    if not all(row["identical"] and not row["touched again"] and row["finished"] for row in rows):
        sys.exit("an output differs from the reference, or a unit that was done was done again")


class Bench:
    """The reference, and how long each way of running takes."""

    def __init__(self, scratch: Path, source: Path, plan: Path, total: int) -> None:
        self.scratch, self.source, self.plan, self.total = scratch, source, plan, total
        self.seconds: dict[How, float] = {}
        self.reference: dict[str, str] = {}

    def words(self, target: Path, how: How) -> list[str]:
        return words(str(self.source), target, self.plan, *how)

    def measure(self) -> None:
        """The reference by one process; every other way must give the same without any interruption."""
        for how in (("--workers", "0"), *dict.fromkeys(how for how, _ in VICTIMS.values())):
            target = self.fresh("reference.ome.zarr")
            started = time.perf_counter()
            finished(self.words(target, how))
            self.seconds[how] = time.perf_counter() - started
            found = digests(target)
            self.reference = self.reference or found
            if found != self.reference:
                raise RuntimeError(f"{how} gives other bytes than one process, without any interruption")
            print(f"{' '.join(how)}: {self.seconds[how]:.1f} s", flush=True)

    def fresh(self, name: str) -> Path:
        target = self.scratch / name
        subprocess.run(["rm", "-rf", target, f"{target}.n2d", f"{target}.n2d.json"], check=True)
        return target

    def run(self, number: int, victim: str, rng: np.random.Generator) -> dict[str, Any]:
        how, who = VICTIMS[victim]
        target = self.fresh("out.ome.zarr")
        kills = [self.killed(target, how, who, rng) for _ in range(1 + int(rng.random() < TWICE))]
        last = kills[-1]
        said = finished(self.words(target, how))
        after = stamps(target) | {f"n2d/{name}": value for name, value in stamps(work(target)).items()}
        touched = [unit for unit in last.done if after.get(marker(unit)) != last.stamps.get(marker(unit))]
        names = [name for name in last.stamps if name in self.reference and "/c/" in name]
        redone = [name for name in names if after[name] != last.stamps[name]]
        row = {
            "run": number,
            "killed": victim,
            "kills": len(kills),
            "hit": sum(kill.hit for kill in kills),
            "exit codes": [kill.code for kill in kills],
            "units done before": len(last.done),
            "done after": said["done"],
            "found done": said["checked"],
            "finished": said["finished"] and said["done"] == self.total - len(last.done),
            # a shard without a marker belongs to a unit that was in flight
            "written again": len(redone),
            "touched again": len(touched) + max(0, len(redone) - 2),
            "identical": digests(target) == self.reference,
            "digest": digest(digests(target))[:12],
        }
        print(json.dumps(row), flush=True)
        return row

    def killed(self, target: Path, how: How, who: str, rng: np.random.Generator) -> Killed:
        """Start a run, kill it after a random time, and wait until none of its processes is left."""
        command = self.words(target, how)
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait(driver, target, how, rng)
        hit = driver.poll() is None
        everybody: list[psutil.Process] = []
        if hit:
            everybody = psutil.Process(driver.pid).children(recursive=True)
            workers = [process for process in everybody if is_worker(process)]
            chosen = [int(rng.integers(len(workers)))] if workers else []
            victims = [workers[one] for one in chosen] if who == "worker" else []
            victims += everybody if who == "all" else []
            for process in victims:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            if who != "worker" or not workers:
                driver.send_signal(signal.SIGKILL)
        code = driver.wait()
        psutil.wait_procs(everybody, timeout=60)
        seen = stamps(target) | {f"n2d/{name}": value for name, value in stamps(work(target)).items()}
        return Killed(hit, code, done(target), seen)

    def wait(self, driver: "subprocess.Popen[bytes]", target: Path, how: How, rng: np.random.Generator) -> None:
        """Let a random time pass: of all the run one time in five, else from a random unit on."""
        first, later = rng.random() < EARLY, float(rng.uniform(0, self.seconds[how]))
        units, moment = int(rng.integers(0, self.total)), float(rng.uniform(0, MOMENT))
        if not first:
            while driver.poll() is None and len(done(target)) <= units:
                time.sleep(0.002)
        with suppress(subprocess.TimeoutExpired):
            driver.wait(later if first else moment)


def is_worker(process: psutil.Process) -> bool:
    """Not the helpers of multiprocessing, which track semaphores and the like."""
    with suppress(psutil.Error):
        return "spawn_main" in " ".join(process.cmdline())
    return False


def work(target: Path) -> Path:
    return target.with_name(f"{target.name}.n2d")


def marker(unit: int) -> str:
    return f"n2d/done/{unit:09d}.json"


def done(target: Path) -> frozenset[int]:
    return frozenset(int(path.stem) for path in (work(target) / "done").glob("[0-9]*.json"))


def report(out: Path, rows: list[dict[str, Any]], total: int) -> None:
    lines = ["| killed | runs | kills that hit | units done before, mean | touched again | identical |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for victim in VICTIMS:
        own = [row for row in rows if row["killed"] == victim]
        if own:
            before = sum(row["units done before"] for row in own) / len(own)
            facts = [victim, len(own), sum(row["hit"] for row in own), f"{before:.0f} of {total}"]
            facts += [sum(row["touched again"] for row in own), sum(row["identical"] for row in own)]
            lines.append("| " + " | ".join(map(str, facts)) + " |")
    stores = Counter(row["digest"] for row in rows)
    lines += ["", f"{len(rows)} runs, {len(stores)} different store: all files by SHA-256, `zarr.json` among them."]
    lines += [
        "",
        "A worker that is killed costs nothing but the unit it worked on: the driver goes on by itself. After",
    ]
    lines += [
        "all other kills the same command was given again. Every run, with the units that had a marker before and"
    ]
    lines += ["those that were done after:", ""]
    lines += ["| run | killed | kills | done before | done after | shards written again | identical |"]
    lines += ["|---:|---|---:|---:|---:|---:|---|"]
    for row in rows:
        facts = [row[name] for name in ("run", "killed", "kills", "units done before", "done after", "written again")]
        lines.append("| " + " | ".join(map(str, facts)) + f" | {'yes' if row['identical'] else 'NO'} |")
    write_result(out, "Runs in units, killed at random times", lines, {"units": total, "rows": rows}, command_line())


if __name__ == "__main__":
    main()
