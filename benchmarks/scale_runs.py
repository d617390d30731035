"""Runs of ``n2d scale`` as other programs see them: a plan, processes, and the files that they leave."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.run import Run
from noise2detail.scale.beginning import denoiser_beside
from noise2detail.scale.plan import plan_text
from noise2detail.scale.preparing import Asked, Prepared, prepare

N2D = [sys.executable, "-m", "noise2detail"]
"""The command, of this Python."""


def command_line() -> str:
    """What was typed, without the names of folders of this machine."""
    shown = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    shown = ["SCRATCH" if Path(typed).is_dir() else word for typed, word in zip(sys.argv[1:], shown, strict=True)]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *shown])


def brief(steps: int) -> Noise2Detail:
    """The method with short trainings: what is learnt does not matter here, only that all use the same."""
    method = Noise2Detail.recipe("fast")
    stage1, stage3 = replace(method.stage1, steps=steps), replace(method.stage3, steps=steps)
    return replace(method, stage1=stage1, stage3=stage3)


def planned(
    source: str, file: Path, *, most: int | None = None, steps: int = 20, threads: int = 1,
    precision: Literal["float32", "bfloat16", "auto"] = "float32", storage: dict[str, Any] | None = None,
) -> Prepared:  # fmt: skip
    """A plan for a store, kept in a file and its denoiser beside it, as ``n2d plan --units`` keeps them."""
    run = Run(device="cpu", precision=precision, threads=threads, channels="each")
    asked = Asked(source, str(file.with_suffix(".ome.zarr")), brief(steps), None, run=run, most=most, storage=storage)
    made = prepare(asked)
    file.with_name(denoiser_beside(file.name)).write_bytes(made.denoiser)
    file.write_bytes(plan_text(made.plan))
    return made


def words(source: str, target: str | Path, plan: Path, *more: str) -> list[str]:
    """A command line that denoises a store by a plan."""
    return [*N2D, "scale", source, "-o", str(target), "--plan", str(plan), "--json", *more]


def finished(command: list[str], code: int = 0, **environment: str) -> dict[str, Any]:
    """What a command says in its last line of JSON; it must end with an exit code."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}, not {code}:\n{done.stderr[-2000:]}")
    lines = done.stdout.strip().splitlines()
    said: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return said


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def digest(found: dict[str, str]) -> str:
    """One for all: of the names and digests of the files."""
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file below a folder: they change when it is written again, even with the same bytes."""
    found = {}
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                stat = path.stat()
                found[path.relative_to(folder).as_posix()] = (stat.st_ino, stat.st_mtime_ns)
        except FileNotFoundError:  # a part that somebody is writing
            continue
    return found
