"""Kill writers at random times, and see what they leave.

    python benchmarks/kill_writes.py [--count 100] [--out FILE.md]

For every format, writers of a new output and of one that replaces another are killed by SIGKILL, each after a random
time of up to one and a half times of what a write takes. What is there afterwards must be nothing, the old output or
the new one, whole, by a reader that is not ours. Results go to ``benchmarks/results/kill-writes.md`` and ``.json``.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from record import write_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the writers are those of the tests

from tests.mutation.killing import SAVED, SHAPES, Writers, pixels, read

RESULTS = Path(__file__).resolve().parent / "results"
LONGEST = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--out", type=Path, default=RESULTS / "kill-writes.md")
    args = parser.parse_args()
    with Writers() as writers:
        rows = [kill(writers, name, args.count, overwrite) for name in SHAPES for overwrite in (False, True)]
    columns = [*("output", "replaces another", "seconds to write", "kills", "hit before the end")]
    columns += ["none", "old", "new", "broken", "parts left"]
    lines = ["| " + " | ".join(columns) + " |", "|---|---|" + "---:|" * (len(columns) - 2)]
    lines += ["| " + " | ".join(str(row[column]) for column in columns) + " |" for row in rows]
    lines += ["", "Broken outputs must be 0. Parts have hidden names, are never read, and may be removed by hand."]
    write_result(args.out, "Writers killed at random times", lines, {"rows": rows})
    if any(row["broken"] for row in rows):
        sys.exit("a killed writer left a broken output")


def kill(writers: Writers, name: str, count: int, overwrite: bool) -> dict[str, Any]:
    rng = np.random.default_rng([len(name), overwrite])
    left: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        started = time.perf_counter()
        if writers.wait(writers.start(path, 0)) != SAVED:
            raise RuntimeError(f"{path} could not be written at all")
        seconds = time.perf_counter() - started
        old = pixels(name, 0) if overwrite else None
        hit = 0
        for seed in range(1, count + 1):
            if not overwrite:
                path.unlink(missing_ok=True)
            hit += writers.killed(path, seed, float(rng.uniform(0, LONGEST * seconds)), overwrite=overwrite)
            state = state_of(path, old, pixels(name, seed))
            left[state] += 1
            if state == "new" and overwrite:
                old = pixels(name, seed)
        parts = sum(entry.name.startswith(".") for entry in Path(folder).iterdir())
    row = {"output": name, "replaces another": "yes" if overwrite else "no", "seconds to write": round(seconds, 2)}
    row |= {"kills": count, "hit before the end": hit, **{state: left[state] for state in ("none", "old", "new")}}
    row |= {"broken": left["broken"], "parts left": parts}
    print(row, flush=True)
    return row


def state_of(path: Path, old: Any, new: Any) -> str:
    if not path.exists():
        return "none" if old is None else "broken"
    try:
        found = read(path)
    except Exception as error:  # noqa: BLE001 - whatever it is, the output is not whole
        print(path.name, error)
        return "broken"
    if np.array_equal(found, new):
        return "new"
    return "old" if old is not None and np.array_equal(found, old) else "broken"


if __name__ == "__main__":
    main()
