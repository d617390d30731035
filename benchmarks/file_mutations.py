"""Open thousands of damaged files of every kind, and count what comes of them.

    python benchmarks/file_mutations.py [--count 20000] [--seed 0] [--kinds tiff,nifti/gz] [--keep FOLDER] [--out F.md]

The files and the rules are those of the tests (``tests/mutation``). Each kind has a process of its own, with a limit of
memory; one that crashes or gives no answer in time is counted and started again. The count holds for every kind. What
must not happen is listed with its number and, with --keep, kept as a file. Results go to
``benchmarks/results/file-mutations.md`` and ``.json``.
"""

import argparse
import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from record import write_result

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the damaged files are those of the tests

from tests.mutation.judging import SECONDS, Kind, Verdict  # noqa: E402
from tests.mutation.seeds import SEEDS  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
ROOM = 2**31
"""Bytes of address space that a process may take beyond what it has at its start."""
GRACE = 5.0
"""Seconds beyond those of the harness after which a process is taken for lost."""
LISTED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(SEEDS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS / "file-mutations.md")
    args = parser.parse_args()
    rows = [run(name, args.count, args.seed, args.keep) for name in args.kinds.split(",")]
    faults = [fault for row in rows for fault in row["faults"]]
    columns = ("kind", "files", "image", "refused", "input error", "fault", "crash", "seconds", "slowest", "peak MB")
    lines = [f"{sum(row['files'] for row in rows)} files, seed {args.seed}, {len(faults)} faults.", ""]
    lines += ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(str(row[column]) for column in columns) + " |" for row in rows]
    lines += ["", "*Image*: opened, with axes that fit. *Refused*, *input error*: one clear error that names the file."]
    lines += ["", *(f"- {fault}" for fault in faults[:LISTED])]
    write_result(args.out, "Damaged files", lines, {"seed": args.seed, "rows": rows})
    if faults:
        sys.exit(f"{len(faults)} faults")


def run(name: str, count: int, base: int, keep: Path | None) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    faults: list[str] = []
    slowest, peak, started = 0.0, 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        worker = Lasting(name, base, Path(folder))
        for index in range(count):
            verdict = worker.verdict(index)
            outcomes[verdict.outcome if verdict.good or verdict.outcome == "crash" else "fault"] += 1
            kinds[f"{verdict.kind}: {verdict.outcome}"] += 1
            slowest, peak = max(slowest, verdict.seconds), max(peak, verdict.memory)
            if not verdict.good:
                faults.append(f"{name} {index}: {verdict.kind}, {verdict.outcome} {verdict.detail[:200]}")
                print(faults[-1], flush=True)
                if keep is not None:
                    kept(Path(folder), keep, f"{name.replace('/', '-')}-{index}")
        worker.stop()
    row: dict[str, Any] = {"kind": name, "files": count}
    row |= {outcome: outcomes[outcome] for outcome in ("image", "refused", "input error", "fault", "crash")}
    row |= {"seconds": round(time.perf_counter() - started, 1), "slowest": round(slowest, 3)}
    row |= {"peak MB": round(peak / 1e6, 1), "faults": faults, "by mutation": dict(sorted(kinds.items()))}
    print({key: value for key, value in row.items() if key != "by mutation"}, flush=True)
    return row


class Lasting:
    """A process that judges files, started again whenever one of them was too much for it."""

    def __init__(self, name: str, base: int, folder: Path) -> None:
        self.name, self.base, self.folder = name, base, folder
        self._start()

    def verdict(self, index: int) -> Verdict:
        started = time.perf_counter()
        try:
            self._here.send(index)
            if self._here.poll(SECONDS + GRACE):
                found: Verdict = self._here.recv()
                return found
            outcome, detail = "hangs", ""
        except (EOFError, ConnectionError):
            self._process.join()
            outcome, detail = "crash", f"exit code {self._process.exitcode}"
        self._process.kill()
        self._process.join()
        self._start()
        return Verdict("unknown", outcome, detail, time.perf_counter() - started, 0)

    def stop(self) -> None:
        self._here.send(None)
        self._process.join()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=work, args=(there, self.name, self.base, self.folder), daemon=True)
        self._process.start()
        there.close()


def work(requests: Connection, name: str, base: int, folder: Path) -> None:
    """Judge the files whose numbers come, until None does."""
    logging.disable(logging.CRITICAL)
    own = folder / str(time.time_ns())
    own.mkdir()
    kind = Kind(name, own)
    kind.verdict(0, base)  # imports what the format needs before memory is limited
    limit_memory()
    while (index := requests.recv()) is not None:
        requests.send(kind.verdict(index, base))


def limit_memory() -> None:
    """Let no file take more than ``ROOM``, where the system can see to that."""
    status = Path("/proc/self/status")
    if status.exists():
        import resource

        size = next(line for line in status.read_text().splitlines() if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (int(size.split()[1]) * 1024 + ROOM,) * 2)


def kept(folder: Path, keep: Path, name: str) -> None:
    """Copy the last damaged file of the youngest process."""
    keep.mkdir(parents=True, exist_ok=True)
    for file in sorted(folder.glob("*/damaged*"), key=lambda file: file.stat().st_mtime)[-1:]:
        target = keep / (name + file.suffix)
        shutil.copytree(file, target) if file.is_dir() else shutil.copy(file, target)


if __name__ == "__main__":
    main()
