"""Denoise one volume in every way there is, and compare every byte.

    python benchmarks/scale_equality.py SCRATCH [--out FILE.md]

One process, pools of one, two and three, Dask with one and two workers, Slurm where it is installed (a cluster of one
node is started, for which one must be root), a run that was stopped and gone on with, and S3 by a server on this
machine. Every store must hold the same files with the same bytes, metadata among them.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from made_volume import make_volume
from one_node_slurm import missing, one_node, wait_until_done
from record import write_result
from scale_runs import command_line, digest, digests, finished, planned, words

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the server is that of the tests

from tests.scale.s3_server import bucket_of, credentials, s3_server

RESULTS = Path(__file__).resolve().parent / "results"
SHAPE, SHARD, CHUNK, SIZES = (4, 1024, 1024), 256, 64, 3
"""64 units in full size, 16 and 4 of the smaller ones; 256 is no multiple of what a tile of the engine is."""
STOPPED_AT = 20
"""Units after which a run is asked to stop."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path, help="folder for the volume and the outputs")
    parser.add_argument("--out", type=Path, default=RESULTS / "scale-equality.md")
    args = parser.parse_args()
    scratch: Path = args.scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    source = make_volume(scratch / "volume.ome.zarr", SHAPE, SHARD, CHUNK, sizes=SIZES)
    for threads in (1, 2):
        planned(str(source), plan_of(scratch, threads), most=SHARD**2, threads=threads)
    rows = [row for threads in (1, 2) for row in every_way(scratch, source, threads)]
    report(args.out, rows)
    if len({row["store"] for row in rows if row["threads"] == 1}) > 1:
        sys.exit("the stores differ")


def plan_of(scratch: Path, threads: int) -> Path:
    return scratch / f"plan{threads}.json"


def every_way(scratch: Path, source: Path, threads: int) -> list[dict[str, Any]]:
    """A row for each way; with two threads only two of them."""
    plan = plan_of(scratch, threads)

    def run(*how: str) -> Callable[[Path], dict[str, str]]:
        def go(target: Path) -> dict[str, str]:
            finished(words(str(source), str(target), plan, *how))
            return digests(target)

        return go

    ways: dict[str, Callable[[Path], dict[str, str]]] = {"one process": run("--workers", "0")}
    ways["pool of 2"] = run("--workers", "2")
    if threads == 1:
        ways |= {f"pool of {count}": run("--workers", f"{count}") for count in (1, 3)}
        ways |= {f"Dask, {count} workers": run("--dask", f"local:{count}") for count in (1, 2)}
        ways["stopped by SIGTERM, then gone on with"] = lambda target: stopped(source, target, plan)
        ways["Slurm, array of 4"] = lambda target: by_slurm(source, target, plan)
        ways["S3, pool of 2"] = lambda target: in_s3(source, target.name, plan)
    rows = []
    for name, way in ways.items():
        target = scratch / f"out-{threads}-{name.replace(' ', '-').replace(',', '')}.ome.zarr"
        subprocess.run(["rm", "-rf", target, f"{target}.n2d", f"{target}.n2d.json"], check=True)
        if name.startswith("Slurm") and missing():
            print(f"{name}: left out, there is no {', '.join(missing())} here")
            continue
        started = time.perf_counter()
        found = way(target)
        row = {"way": name, "threads": threads, "files": len(found), "store": digest(found)}
        rows.append(row | {"seconds": round(time.perf_counter() - started, 1)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def stopped(source: Path, target: Path, plan: Path) -> dict[str, str]:
    """Asked to stop after some units, by SIGTERM to the driver; the rest by the same command."""
    command = words(str(source), str(target), plan, "--workers", "2")
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    done = target.with_name(f"{target.name}.n2d") / "done"
    while driver.poll() is None and len(list(done.glob("*.json"))) < STOPPED_AT:
        time.sleep(0.01)
    driver.send_signal(signal.SIGTERM)
    said = json.loads(driver.communicate()[0])
    if driver.returncode != 75 or said["finished"]:
        raise RuntimeError(f"SIGTERM ended the run with {driver.returncode} and {said}")
    finished(command)
    return digests(target)


def by_slurm(source: Path, target: Path, plan: Path) -> dict[str, str]:
    """An array of four tasks and the job after it, on a node of this machine."""
    with one_node(target.with_name(f"slurm-{os.getpid()}")):
        finished(words(str(source), str(target), plan, "--slurm", "--slurm-tasks", "4", "--slurm-memory", "1500M"))
        wait_until_done(1800)
    return digests(target)


def in_s3(source: Path, name: str, plan: Path) -> dict[str, str]:
    """Input and output in a bucket; the plan is made anew, since it names the input by its place."""
    os.environ.update(credentials())
    with s3_server() as address:
        system = bucket_of(address, "images")
        system.put(str(source), "images/", recursive=True)
        inside, outside = f"s3://images/{source.name}", f"s3://images/{name}"
        finished(words(inside, outside, plan, "--workers", "2", "--storage-option", f"endpoint_url={address}"))
        local = source.with_name(f"fetched-{name}")
        subprocess.run(["rm", "-rf", local], check=True)
        system.get(f"images/{name}", str(local), recursive=True)
    return digests(local)


def report(out: Path, rows: list[dict[str, Any]]) -> None:
    lines = ["| threads of a unit | way | files | SHA-256 of the store | seconds |", "|---:|---|---:|---|---:|"]
    for row in rows:
        facts = (row["threads"], row["way"], row["files"], f"`{row['store'][:16]}`", row["seconds"])
        lines.append("| " + " | ".join(map(str, facts)) + " |")
    by_threads = {count: len({row["store"] for row in rows if row["threads"] == count}) for count in (1, 2)}
    lines += [
        "",
        f"Different stores with one thread for a unit: {by_threads[1]}; with two: {by_threads[2]}. A store is",
    ]
    lines += [
        "all its files with their names, by SHA-256. Seconds hold the start of every process; they are no timing."
    ]
    write_result(out, "The same bytes everywhere", lines, {"rows": rows}, command=command_line())


if __name__ == "__main__":
    main()
