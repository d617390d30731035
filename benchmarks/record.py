"""Write what a benchmark found, with everything needed to do it again."""

import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from noise2detail.engine.machine import measure
from noise2detail.version import __version__

SCORER = Path(__file__).resolve().parents[2] / "shared" / "tools" / "score.py"
"""Scores a command on real images; both lie beside the repository, since not every image may be passed on."""

LIBRARIES = ("torch", "numpy", "scipy", "tifffile", "scikit-image")


def write_result(path: Path, title: str, lines: list[str], figures: dict[str, Any], command: str | None = None) -> None:
    """Markdown for people at ``path``, and JSON with every figure beside it."""
    found = circumstances(command)
    facts = [f"| {key} | {value} |" for key, value in found.items()]
    text = [f"# {title}", "", *lines, "", "| circumstance | |", "|---|---|", *facts, ""]
    path.write_text("\n".join(text), encoding="utf-8")
    content = json.dumps(found | figures, indent=1)
    path.with_suffix(".json").write_text(content + "\n", encoding="utf-8")


def circumstances(command: str | None = None) -> dict[str, Any]:
    """By what, when, of which commit, with which versions and on which machine something is measured."""
    return {
        "command": command or shlex.join(["python", Path(sys.argv[0]).as_posix(), *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "version": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in LIBRARIES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "float32_pixels_per_second": round(measure(torch.device("cpu")).float32_rate),
    }


def commit() -> str:
    """Which is checked out, and whether anything but results differs from it."""
    root = Path(__file__).resolve().parents[1]
    described, changed = (
        subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()
        for words in (
            ("describe", "--always", "--abbrev=12"),
            ("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results"),
        )
    )
    return described + ("-dirty" if changed else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
