"""Seconds from the start of `n2d denoise` to its first training step."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHILD = """
import sys, time
from noise2detail.engine import training
true_train = training.train

def train(*arguments, **named):
    print(time.time(), flush=True)
    return true_train(*arguments, **named)

from noise2detail.engine import pair_training
pair_training.train = train
from noise2detail.cli.main import main
main()
"""
"""The command line with a clock before its first step: the time of day goes to standard output."""


def seconds(repetitions: int = 5) -> list[float]:
    """Of every repetition but the first, which also fills the cache of this machine's speed."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "noisy.npy"
        np.save(image, np.random.default_rng(0).poisson(50, (128, 128)).astype(np.uint16))
        environment = {**os.environ, "XDG_CACHE_HOME": folder}
        arguments = ["denoise", str(image), "-o", str(Path(folder) / "out.npy"), "--overwrite", "--quiet"]
        for _ in range(repetitions + 1):
            start = time.time()
            done = subprocess.run(
                [sys.executable, "-c", CHILD, *arguments], capture_output=True, text=True, check=True, env=environment
            )
            found.append(float(done.stdout.split()[0]) - start)
    return found[1:]
