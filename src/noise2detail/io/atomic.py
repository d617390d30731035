"""Files that appear whole or not at all: written beside their place, flushed, then renamed."""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from noise2detail.errors import FileError, UnwritableFileError
from noise2detail.io.announced import readable
from noise2detail.io.flushing import flush
from noise2detail.io.names import refuse_place

PART_SUFFIX = ".part"
"""Ends the name of what is being written."""

_ROOM = 2**20
_WAITS = (0.05, 0.2)
_STALE = 3600.0
"""Seconds after which nobody writes any more into what nobody holds."""


def write_bytes(path: Path, content: bytes, *, overwrite: bool = False) -> Path:
    """The path of the written file.

    Parameters
    ----------
    path
        Any name; its folder must exist.
    content
        Of the file.
    overwrite
        Replace what is there.

    Raises
    ------
    OutputExistsError
        The file is there already.
    UnwritableFileError
        No space or no permission; nothing is left behind.
    """
    refuse_place(path, None, overwrite)
    refuse_space(path, len(content))
    with translated(path), part_of(path) as part:
        part.write_bytes(content)
        flush(part)
        with alone(path.parent):
            refuse_place(path, None, overwrite)  # somebody may have been faster
            part.replace(path)
    return path


@contextmanager
def part_of(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """An empty file or folder beside ``target``, which is gone at the end unless it was renamed.

    So are those that a killed process has left of the same target: no process holds them, and they have not been
    changed for an hour.
    """
    _remove_stale(target)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}{PART_SUFFIX}")
    try:
        if folder:
            part.mkdir()
        else:
            part.open("xb").close()
        with _held(part):
            yield part
    finally:
        failed = part.is_dir()
        _remove(part)
        for wait in _WAITS if failed else ():
            time.sleep(wait)  # threads of a library may still be writing chunks after one of them has failed
            _remove(part)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process of this package gives names to files in the folder meanwhile, where the system can see to that.

    The folder itself is locked, so that nothing is left of it, not even by a process that is killed.
    """
    with _held(folder, wait=True):
        yield


@contextmanager
def stepped_aside(path: Path) -> Iterator[None]:
    """What is there has a hidden name that ends in ``.old``; it is gone at the end, or back where something failed."""
    old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
    there = os.path.lexists(path)
    if there:
        path.replace(old)
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        if there:
            old.replace(path)
        raise
    old.unlink(missing_ok=True)


@contextmanager
def _held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether a file or folder is locked by this process alone; never on systems and disks without such locks."""
    descriptor, locked = None, False
    with suppress(ImportError, OSError):
        import fcntl

        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = True
    try:
        yield locked
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _remove_stale(target: Path) -> None:
    left = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}{re.escape(PART_SUFFIX)}")
    with suppress(OSError):
        for part in [entry for entry in target.parent.iterdir() if left.fullmatch(entry.name)]:
            entries = (part, *part.rglob("*")) if part.is_dir() else (part,)
            if time.time() - max(entry.lstat().st_mtime for entry in entries) < _STALE:
                continue
            with _held(part) as nobodys:
                if nobodys:
                    _remove(part)


def put(part: Path, target: Path) -> None:
    """Give the part its name; what had it before is gone only afterwards.

    A folder cannot replace a folder in one step: the old one steps aside first. Whoever is stopped between the two
    renames finds both, complete, the old one under a hidden name that ends in ``.old``.
    """
    if not (part.is_dir() and target.is_dir()):
        part.replace(target)
        return
    old = part.with_suffix(".old")
    target.replace(old)
    try:
        part.replace(target)
    except BaseException:
        old.replace(target)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def translated(target: Path) -> Iterator[None]:
    """What the operating system says about a failed writing, as an error that says what to do.

    Raises
    ------
    UnwritableFileError
        No space, no permission, or a failing disk.
    """
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            found, remedy = "no space left on the disk", "free some space or choose another disk"
        elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            found, remedy = "no permission to write here", "choose another folder"
        elif error.errno == errno.ENAMETOOLONG:
            found, remedy = "its name is too long", "choose a shorter one"
        else:
            found, remedy = f"could not be written ({error})", "check that the disk has free space and is still there"
        raise UnwritableFileError(target, found, remedy) from error


def refuse_space(target: Path, needed: int) -> None:
    """Raise where the disk has less room than ``needed`` bytes.

    Raises
    ------
    UnwritableFileError
        With both numbers.
    """
    free = shutil.disk_usage(target.parent).free
    if free < needed + _ROOM:
        raise UnwritableFileError(
            target,
            f"needs up to {readable(needed)}, and {readable(free)} are free on the disk",
            "free some space or choose another disk",
        )
