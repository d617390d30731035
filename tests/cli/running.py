"""How the tests call the command, and the images that they give it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from noise2detail.cli.main import app
from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.types import Pixels
from tests.material import noisy_array

QUICK_SETTINGS = ("--set", "stage1.steps=2", "--set", "stage3.steps=2", "--set", "width=4")

QUICK = ("--method", "noise2detail", *QUICK_SETTINGS, "--device", "cpu")
"""Next to no training."""

LONG = ("--method", "noise2detail", "--set", "stage1.steps=1000000", "--set", "width=4", "--device", "cpu")
"""A training that never ends."""


def n2d(*arguments: str | Path) -> Result:
    """What the command says and returns, within this process."""
    return CliRunner().invoke(app, [str(a) for a in arguments])


def process(*arguments: str | Path, **more: Any) -> "subprocess.Popen[str]":
    """The command as a process of its own."""
    code = "from noise2detail.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        **more,
    )


def environment() -> Mapping[str, str]:
    """Environment in which the package of this checkout is found."""
    source = Path(__file__).parents[2] / "src"
    return os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}


def records(result: Result) -> list[dict[str, Any]]:
    """The JSON objects on standard output, one a line and nothing else."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def write(path: Path, array: Pixels | None = None, axes: str = "YX") -> Path:
    """A file with this array, or with a small noisy one of uint8."""
    array = grey() if array is None else array
    if path.suffix == ".npy":
        np.save(path, array)
        return path
    return save_image(Image(array, axes), path)


def grey(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    """A small noisy image of bytes."""
    values: NDArray[np.uint8] = (noisy_array(*(shape or (24, 24)), seed=seed) * 200).clip(0, 255).astype(np.uint8)
    return values


def left(folder: Path) -> list[str]:
    """Names of everything in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
