"""``auto`` beside every other method, and with each of its ingredients off in turn, on real and simulated noise.

    python benchmarks/auto.py --score ../shared/tools/score.py [--methods auto] [--sets fmd oct] [--ablation] [--busy]

``--score`` is the scoring program: it makes the noisy images, runs a command on each and compares with the reference.
Every method runs as the command line does it, with what it has for photon noise and clipping (``--stabilize``) where
that makes it better. ``fmd`` is the first capture of six scenes, ``fmd-all`` four captures of each; of the CT sets, as
many slices as the program takes. Results are added to ``benchmarks/results/auto.json`` set by set, each with its
commit; ``auto.md`` is written anew from all that is there. ``--busy``: other work runs on the machine, so no seconds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from record import commit, write_result

Rows = list[dict[str, Any]]
"""Figures of every image of a set."""

Found = dict[str, dict[str, Any]]
"""By method and set: the rows, the commit, and whether other work ran meanwhile."""

RESULTS = Path(__file__).resolve().parent / "results"
SETS = ("fmd", "fmd-all", "oct", "ct-gauss25", "ct-poisson30", "ct-camera", "ct-fbp", "white15", "white25", "white50")
DECIDING = {"fmd": "drift", "fmd-all": "drift", "oct": "drift"}
"""What methods are compared by, where it is not plain PSNR: references drift in brightness."""

WAYS: dict[str, tuple[str, ...]] = {
    "auto": ("--method", "auto"),
    "auto, fast": ("--method", "auto", "--recipe", "fast"),
    "auto, captured": ("--method", "auto", "--target", "captured"),
    "bm3d, stabilized": ("--method", "bm3d", "--stabilize"),
    "bm3d, stabilized, unclipped": ("--method", "bm3d", "--stabilize", "--unclip"),
    **{
        name: ("--method", name)
        for name in (
            "bm3d", "noise2detail", "zs_n2n", "gaussian", "wavelet", "tv", "nlm", "median", "wiener", "mean",
            "bilateral", "noise2self", "neighbor2neighbor", "noise2fast", "noise2void", "self2self", "deep_image_prior",
        )
    },
    "noise2detail, stabilized": ("--method", "noise2detail", "--stabilize"),
    "auto, best": ("--method", "auto", "--recipe", "best"),
}  # fmt: skip
"""Every method that needs one image only."""

OFF: dict[str, tuple[str, ...]] = {
    "no mixture, no network": ("--set", "mixed=no"),
    "noise taken for white": ("--set", "spectrum=white", "--set", "band=1"),
    "every frequency": ("--set", "band=1"),
    "network on neighbours": ("--set", "stride=1"),
    "quick filters": ("--set", "effort=quick"),
    "careful filters": ("--set", "effort=careful"),
    "four networks": ("--set", "members=4"),
    "clipping left as it is": ("--target", "captured"),
}
"""The settings that leave out, or change, one ingredient of ``auto``."""

ALL = WAYS | {f"auto: {name}": ("--method", "auto", *words) for name, words in OFF.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--methods", nargs="*", choices=list(ALL))
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--busy", action="store_true")
    args = parser.parse_args()
    data = RESULTS / "auto.json"
    found: Found = json.loads(data.read_text())["figures"] if data.exists() else {}
    changed = [name for name in ALL if name not in WAYS]
    for name in args.methods or (changed if args.ablation else WAYS):
        for one in args.sets:
            rows = scored(args.score, one, ALL[name])
            found.setdefault(name, {})[one] = {"commit": commit(), "busy": args.busy, "rows": rows}
            print(name, one, summary(rows), flush=True)
            write_result(RESULTS / "auto.md", "auto, beside every method", lines(found), {"figures": found})


def scored(program: Path, one: str, words: tuple[str, ...]) -> Rows:
    """Figures of every image of a set."""
    chosen = {"fmd": ["fmd", "--k", "1"], "fmd-all": ["fmd"]}.get(one, [one])
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = ["n2d", "denoise", "{in}", "-o", "{out}", "--json", *words]
        subprocess.run(
            [sys.executable, str(program), "--set", *chosen, "--json", str(out), "--", *command],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        rows: Rows = json.loads(out.read_text())["rows"]
    return rows


def summary(rows: Rows) -> dict[str, float]:
    """Means over a set; the seconds are the median."""
    names = [name for name in ("psnr", "ssim", "drift", "body") if name in rows[0]]
    means = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in names}
    return means | {"seconds": round(float(np.median([row["inner"] for row in rows])), 2)}


def lines(found: Found) -> list[str]:
    """Tables: of sets by method, of scenes by method, of every image of ``auto``."""
    methods = {name: sets for name, sets in found.items() if not name.startswith("auto: ")}
    changed = {name: sets for name, sets in found.items() if name.startswith("auto: ")}
    text = ["PSNR in dB, mean over a set; `fmd` and `oct` against the reference as this capture saw it (drift).", ""]
    text += table(methods)
    for one in ("fmd", "fmd-all", "oct"):
        text += ["", f"`{one}`, plain PSNR, SSIM, and the median of the seconds where nothing else ran:", ""]
        text += details(methods, one)
    text += ["", "## Four captures of each scene, plain / drift", "", *scenes(methods)]
    if changed:
        text += ["", "## Each ingredient changed in turn, on the sets where it takes part", ""]
        text += table({"auto": found.get("auto", {})} | changed)
    return [*text, "", "## Every image", "", *images(found.get("auto", {})), "", "## Commits", "", *commits(found)]


def table(found: Found) -> list[str]:
    text = ["| | " + " | ".join(SETS) + " |", "|---|" + "---:|" * len(SETS)]
    for name, sets in found.items():
        cells = [f"{value(sets[one]['rows'], one):.2f}" if one in sets else "" for one in SETS]
        text.append(f"| {name} | " + " | ".join(cells) + " |")
    return text


def value(rows: Rows, one: str) -> float:
    return summary(rows)[DECIDING.get(one, "psnr")]


def details(found: Found, one: str) -> list[str]:
    text = ["| | plain | SSIM | seconds |", "|---|---:|---:|---:|"]
    for name, sets in found.items():
        if one in sets:
            own = summary(sets[one]["rows"])
            seconds = "" if sets[one]["busy"] else f"{own['seconds']:.1f}"
            text.append(f"| {name} | {own['psnr']:.2f} | {own['ssim']:.3f} | {seconds} |")
    return text


def scenes(found: Found) -> list[str]:
    """``fmd-all`` scene by scene, and its mean with and without the wide-field scene."""
    every = [row["name"] for sets in found.values() for row in sets.get("fmd-all", {"rows": []})["rows"]]
    names = list(dict.fromkeys(name.rsplit("_", 1)[0] for name in every))
    text = ["| | " + " | ".join([*names, "mean", "without wide-field"]) + " |", "|---|" + "---:|" * (len(names) + 2)]
    for name, sets in found.items():
        if "fmd-all" not in sets:
            continue
        rows = sets["fmd-all"]["rows"]
        parts = [[row for row in rows if row["name"].startswith(scene + "_")] for scene in names]
        parts += [rows, [row for row in rows if "WideField" not in row["name"]]]
        cells = [f"{own['psnr']:.2f} / {own['drift']:.2f}" for own in map(summary, parts)]
        text.append(f"| {name} | " + " | ".join(cells) + " |")
    return text


def images(sets: dict[str, Any]) -> list[str]:
    text = ["| set | image | noisy | PSNR | SSIM | drift | body | seconds |", "|---|---|---:|---:|---:|---:|---:|---:|"]
    for one, found in sets.items():
        for row in found["rows"]:
            extra = [f"{row[name]:.2f}" if name in row else "" for name in ("drift", "body")]
            cells = [one, row["name"], f"{row['noisy_psnr']:.2f}", f"{row['psnr']:.2f}", f"{row['ssim']:.3f}", *extra]
            text.append("| " + " | ".join([*cells, "" if found["busy"] else f"{row['inner']:.1f}"]) + " |")
    return text


def commits(found: Found) -> list[str]:
    """What was measured with which version."""
    seen: dict[str, list[str]] = {}
    for name, sets in found.items():
        for one, own in sets.items():
            seen.setdefault(own["commit"], []).append(f"{name} ({one})")
    return [f"- {own}: {', '.join(names)}" for own, names in seen.items()]


if __name__ == "__main__":
    main()
