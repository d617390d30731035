"""Open thousands of damaged files of every format, and count what comes of them.

    python benchmarks/file_mutations.py [--count 20000 | --each 600] [--seed 0] [--kinds tiff,nifti/gz] [--again]
                                        [--keep FOLDER] [--out F.md]

The files and the rules are those of the tests (``tests/mutation``). ``--count`` files of each format are shared out
among its kinds; ``--each`` is a number for every kind. ``--kinds`` takes kinds and whole formats. Each kind has a
process of its own, forked from one that has imported everything, with a limit of memory; one that crashes or gives no
answer in time is counted and started again behind that file. What must not happen is listed with its number and, with
--keep, kept as a file.

Results go to ``benchmarks/results/file-mutations.md`` and ``.json``, the latter after every kind: started again, it
goes on where it was stopped, unless ``--again`` is given. A kind is done again where its number of files or the seed
differs.
"""

import argparse
import json
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

import liffile  # noqa: F401 - here and below, so that no process of a kind has to
import nd2  # noqa: F401
import PIL.JpegImagePlugin  # noqa: F401
import zarr  # noqa: F401

from record import commit, write_result

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
IN_MEMORY = Path("/dev/shm")
FORMATS = Counter(name.partition("/")[0] for name in SEEDS)
"""Kinds of each format."""
COLUMNS = ("kind", "files", "image", "refused", "input error", "fault", "crash", "seconds", "slowest", "peak MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20000, help="files of each format")
    parser.add_argument("--each", type=int, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(FORMATS))
    parser.add_argument("--again", action="store_true", help="forget earlier results")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS / "file-mutations.md")
    args = parser.parse_args()
    done = {} if args.again else earlier(args.out.with_suffix(".json"))
    for name in chosen(args.kinds):
        count = args.each or -(-args.count // FORMATS[name.partition("/")[0]])
        row = done.get(name)
        if row is None or (row["files"], row["seed"]) != (count, args.seed):
            done[name] = run(name, count, args.seed, args.keep)
            store(args.out.with_suffix(".json"), done)
    rows = [done[name] for name in SEEDS if name in done]
    report(args.out, rows)
    faults = sum(len(row["faults"]) for row in rows)
    if faults:
        sys.exit(f"{faults} faults")


def chosen(wanted: str) -> list[str]:
    words = wanted.split(",")
    unknown = set(words) - set(SEEDS) - set(FORMATS)
    if unknown:
        sys.exit(f"no such kinds: {', '.join(sorted(unknown))}")
    return [name for name in SEEDS if name in words or name.partition("/")[0] in words]


def earlier(path: Path) -> dict[str, Any]:
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    return {row["kind"]: row for row in rows if "seed" in row and row["kind"] in SEEDS}


def store(path: Path, done: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"rows": list(done.values())}, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def report(out: Path, rows: list[dict[str, Any]]) -> None:
    faults = [fault for row in rows for fault in row["faults"]]
    formats: Counter[str] = Counter()
    for row in rows:
        formats[row["kind"].partition("/")[0]] += row["files"]
    seeds = ", ".join(sorted({str(row["seed"]) for row in rows}))
    lines = [f"{formats.total()} files of {len(formats)} formats, seed {seeds}, {len(faults)} faults.", ""]
    lines += [", ".join(f"{name} {count}" for name, count in formats.items()) + ".", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 1)]
    lines += ["| " + " | ".join(str(row[column]) for column in COLUMNS) + " |" for row in rows]
    lines += ["", "*Image*: opened, with axes that fit. *Refused*, *input error*: one clear error that names the file."]
    lines += ["", *(f"- {fault}" for fault in faults[:LISTED])]
    write_result(out, "Damaged files", lines, {"rows": rows})


def run(name: str, count: int, base: int, keep: Path | None) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    faults: list[str] = []
    slowest, peak, started = 0.0, 0, time.perf_counter()
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        worker = Lasting(name, base, Path(folder), count)
        for index in range(count):
            verdict = worker.verdict(index)
            outcomes[verdict.outcome if verdict.good or verdict.outcome == "crash" else "fault"] += 1
            kinds[f"{verdict.kind}: {verdict.outcome}"] += 1
            slowest, peak = max(slowest, verdict.seconds), max(peak, verdict.memory)
            if not verdict.good:
                faults.append(f"{name} {index}: {verdict.kind}, {verdict.outcome} {verdict.detail[:200]}")
                print(faults[-1], flush=True)
                if keep is not None:
                    remade(name, base, index, Path(folder), keep)
        worker.stop()
    row: dict[str, Any] = {"kind": name, "files": count, "seed": base, "commit": commit()}
    row |= {outcome: outcomes[outcome] for outcome in ("image", "refused", "input error", "fault", "crash")}
    row |= {"seconds": round(time.perf_counter() - started, 1), "slowest": round(slowest, 3)}
    row |= {"peak MB": round(peak / 1e6, 1), "faults": faults, "by mutation": dict(sorted(kinds.items()))}
    print({key: value for key, value in row.items() if key != "by mutation"}, flush=True)
    return row


class Lasting:
    """A process that judges one file after the other, started again whenever one of them was too much for it."""

    def __init__(self, name: str, base: int, folder: Path, count: int) -> None:
        self.name, self.base, self.folder, self.count = name, base, folder, count
        self._start(0)

    def verdict(self, index: int) -> Verdict:
        started = time.perf_counter()
        try:
            if self._here.poll(SECONDS + GRACE):
                found: Verdict = self._here.recv()
                return found
            outcome, detail = "hangs", ""
        except (EOFError, ConnectionError):
            self._process.join()
            outcome, detail = "crash", f"exit code {self._process.exitcode}"
        self._process.kill()
        self._process.join()
        self._start(index + 1)
        return Verdict("unknown", outcome, detail, time.perf_counter() - started, 0)

    def stop(self) -> None:
        self._process.join()

    def _start(self, first: int) -> None:
        how = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        context: Any = multiprocessing.get_context(how)
        self._here, there = context.Pipe(duplex=False)
        numbers = range(first, self.count)
        self._process = context.Process(target=work, args=(there, self.name, self.base, self.folder, numbers))
        self._process.daemon = True
        self._process.start()
        there.close()


def work(answers: Connection, name: str, base: int, folder: Path, numbers: range) -> None:
    """Judge the files of these numbers, one after the other."""
    logging.disable(logging.CRITICAL)
    own = folder / str(time.time_ns())
    own.mkdir()
    kind = Kind(name, own)
    kind.verdict(0, base)  # whatever is made once is made before memory is limited
    limit_memory()
    for index in numbers:
        answers.send(kind.verdict(index, base))


def limit_memory() -> None:
    """Let no file take more than ``ROOM``, where the system can see to that."""
    status = Path("/proc/self/status")
    if status.exists():
        import resource

        size = next(line for line in status.read_text().splitlines() if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (int(size.split()[1]) * 1024 + ROOM,) * 2)


def remade(name: str, base: int, index: int, folder: Path, keep: Path) -> None:
    """Keep the file of that number, made once more, because its process has gone on meanwhile; nothing is opened."""
    own = folder / f"again-{index}"
    own.mkdir()
    file, _, _ = Kind(name, own).damaged(index, base)
    keep.mkdir(parents=True, exist_ok=True)
    target = keep / (f"{name.replace('/', '-')}-{index}" + file.suffix)
    shutil.copytree(file, target, symlinks=True) if file.is_dir() else shutil.copy(file, target)


if __name__ == "__main__":
    main()
