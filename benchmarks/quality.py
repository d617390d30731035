"""Score a command on real images and keep what came out, with everything needed to do it again.

    python benchmarks/quality.py benchmarks/cases/fmd-fast.toml

A case is a TOML file: ``title``, the scorer's ``set``, optionally ``only`` and ``k``, the ``command`` with {in} and
{out}, and ``bounds`` on the means. The result goes to ``benchmarks/results/`` under the case's name, as Markdown and
JSON. Exit status 1 if an image failed or a bound is missed.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from record import SCORER, write_result

RESULTS = Path(__file__).resolve().parent / "results"
COLUMNS = {
    "noisy_psnr": ("noisy PSNR", ".2f"),
    "psnr": ("PSNR", ".2f"),
    "drift": ("drift PSNR", ".2f"),
    "body": ("body PSNR", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "inner": ("seconds to denoise", ".1f"),
    "seconds": ("seconds in all", ".1f"),
    "peak_mib": ("peak MiB", ".0f"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    args = parser.parse_args()
    case = tomllib.loads(args.case.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "rows.json"
        options = ["--set", case["set"], "--json", str(found)]
        options += ["--only", case["only"]] if "only" in case else []
        options += ["--k", *map(str, case["k"])] if "k" in case else []
        done = subprocess.run([sys.executable, SCORER, *options, "--", *shlex.split(case["command"])], check=False)
        rows = json.loads(found.read_text(encoding="utf-8"))["rows"] if found.exists() else []
    if not rows:
        raise SystemExit(f"{args.case}: no image came through; the scorer's exit status is {done.returncode}")
    missed = missed_bounds(rows, case.get("bounds", {}))
    lines = [*table(rows), "", f"Scored command: `{case['command']}`, set `{case['set']}`."]
    lines += ["", *missed] if missed else []
    RESULTS.mkdir(exist_ok=True)
    write_result(RESULTS / f"{args.case.stem}.md", case["title"], lines, {"case": case, "rows": rows})
    print("\n".join(missed))
    sys.exit(1 if missed or done.returncode else 0)


def table(rows: list[dict[str, Any]]) -> list[str]:
    columns = [key for key in COLUMNS if all(row.get(key) is not None for row in rows)]
    lines = ["| image | " + " | ".join(COLUMNS[key][0] for key in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {row['name']} | {figures(row, columns)} |" for row in rows]
    for group in dict.fromkeys(row["group"] for row in rows):
        own = [row for row in rows if row["group"] == group]
        lines.append(f"| **{group}**, mean of {len(own)} | {figures(mean(own, columns), columns)} |")
    return [*lines, f"| **all**, mean of {len(rows)} | {figures(mean(rows, columns), columns)} |"]


def mean(rows: list[dict[str, Any]], columns: list[str]) -> dict[str, Any]:
    return {key: float(np.mean([row[key] for row in rows])) for key in columns}


def figures(row: dict[str, Any], columns: list[str]) -> str:
    return " | ".join(format(row[key], COLUMNS[key][1]) for key in columns)


def missed_bounds(rows: list[dict[str, Any]], bounds: dict[str, list[float]]) -> list[str]:
    """A bound is ``[lowest, highest]`` for the mean of a figure."""
    means = mean(rows, list(bounds))
    return [
        f"MISSED: mean {key} is {means[key]:.3f}, expected {low} to {high}"
        for key, (low, high) in bounds.items()
        if not low <= means[key] <= high
    ]


if __name__ == "__main__":
    main()
