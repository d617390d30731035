"""Writers that are killed half-way: a process that forks one for each request, and what must be left of its output.

Forking spares the seconds that a new interpreter needs to import everything. ``python -m tests.mutation.killing`` is
the process; :class:`Writers` talks to it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]

SHAPES = {"out.tif": (3, 1200, 1200), "out.ome.tif": (3, 1200, 1200), "out.npy": (3000, 3000), "out.png": (800, 800)}
"""What is written under each name: enough to take about 0.2 s."""

SAVED, REFUSED = 0, 3
"""Exit codes of a writer."""


def pixels(name: str, seed: int) -> NDArray[np.uint16]:
    """Random pixels for an output of that name."""
    return np.random.default_rng(seed).integers(0, 2**16, SHAPES[name], np.uint16)


def read(path: Path) -> NDArray[Any]:
    """Its pixels, by a reader that is not ours."""
    reader: Callable[[Path], Any] = {
        ".npy": np.load,
        ".png": lambda file: imagecodecs.png_decode(file.read_bytes()),
    }.get(path.suffix, tifffile.imread)
    return np.asarray(reader(path))


class Writers:
    """A process that writes images in processes of its own."""

    def __enter__(self) -> "Writers":
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.mutation.killing"]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        self._ask("ready")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.communicate(timeout=60)

    def start(self, path: Path, seed: int, *, overwrite: bool = False, limit: int = 0) -> int:
        """Process that begins to write now.

        Parameters
        ----------
        path
            Output; its name decides the shape.
        seed
            Of the pixels.
        overwrite
            Replace what is there.
        limit
            Bytes that a file may have before the system refuses to go on; 0: no limit.
        """
        return self._ask(f"save {seed} {int(overwrite)} {limit} {path}")

    def wait(self, process: int) -> int:
        """Exit code; below zero the signal that ended it."""
        return self._ask(f"wait {process}")

    def _ask(self, line: str) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())

    def killed(self, path: Path, seed: int, after: float, *, overwrite: bool = False) -> bool:
        """Whether a writer that was killed after so many seconds had not come to its end."""
        process = self.start(path, seed, overwrite=overwrite)
        time.sleep(after)
        os.kill(process, signal.SIGKILL)  # not waited for yet, so the number is still its own
        return self.wait(process) == -signal.SIGKILL


def serve() -> None:
    """Answer requests from standard input until it ends."""
    from noise2detail.errors import FileError
    from noise2detail.image import Image
    from noise2detail.io import save_image

    def write(path: Path, seed: int, overwrite: bool, limit: int) -> int:
        image = Image(pixels(path.name, seed), "ZYX"[-len(SHAPES[path.name]) :], {"X": 0.5, "Y": 0.5})
        if limit:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            save_image(image, path, overwrite=overwrite)
        except FileError:
            return REFUSED
        return SAVED

    for line in sys.stdin:
        word, *rest = line.rstrip("\n").split(" ", 4)
        answer = 0
        if word == "save":
            answer = os.fork()
            if not answer:
                os._exit(write(Path(rest[3]), int(rest[0]), bool(int(rest[1])), int(rest[2])))
        elif word == "wait":
            answer = os.waitstatus_to_exitcode(os.waitpid(int(rest[0]), 0)[1])
        print(answer, flush=True)


if __name__ == "__main__":
    serve()
