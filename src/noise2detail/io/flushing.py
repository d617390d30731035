"""Files that are on the disk, and not only in the memory of the system, before they get their names."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

_LARGE = 2**26
"""Bytes that are sent to the disk while more are written; fewer are there soon enough at the end."""
_PAUSE = 0.1
"""Seconds between two looks at how much there is."""


def flush(part: Path) -> None:
    """Wait until the file, or every file of the folder, is on the disk: the rename must not get there before."""
    for file in part.rglob("*") if part.is_dir() else (part,):
        if file.is_file():
            with file.open("rb+") as stream:
                os.fsync(stream.fileno())


@contextmanager
def sent_meanwhile(part: Path, size: int) -> Iterator[None]:
    """A large file goes to the disk while it is written, and not all of it at the end.

    Parameters
    ----------
    part
        The file; of a folder nothing is sent.
    size
        Bytes that it will have, about.

    Raises
    ------
    OSError
        The disk is full or fails: the system tells that once, to whoever asks first.
    """
    if part.is_dir() or size < 2 * _LARGE:
        yield
        return
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(_send, part, ended)
        try:
            yield
        finally:
            ended.set()
    sent.result()


def _send(part: Path, ended: threading.Event) -> None:
    sent = 0
    with part.open("rb+") as stream:
        while not ended.wait(_PAUSE):
            size = os.fstat(stream.fileno()).st_size
            if size >= sent + _LARGE:
                os.fsync(stream.fileno())
                sent = size
