"""Download data sets from where their authors keep them: resumed, checked, unpacked."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from noise2detail.bench.download import (
    FetchListener,
    FetchProgress,
    download,
    ignore_fetch,
)
from noise2detail.bench.sources import Checksum, DataSource, RemoteFile, find_source
from noise2detail.bench.unpacking import is_archive, unpack
from noise2detail.errors import UnreadableFileError
from noise2detail.io.atomic import translated

_PIECE = 2**20


@dataclass(frozen=True)
class Fetched:
    """What is there now."""

    source: DataSource
    """Where it came from; its licence is to be shown."""
    folder: Path
    """What is to stand as ``path`` in a case."""
    files: tuple[Path, ...]
    """The archives; they may be deleted once their content is there."""
    recorded: tuple[str, ...]
    """Those for which nobody has published a checksum, so that there was nothing to check the first download by."""


def fetch(name: str, folder: Path, base_url: str | None = None, on_progress: FetchListener = ignore_fetch) -> Fetched:
    """A data set of ``SOURCES``, downloaded, checked and unpacked into a folder of its own.

    What is there already is checked and not downloaded again.

    Parameters
    ----------
    name
        Such as ``fmd``, or ``fmd/test_mix`` for one file of it.
    folder
        Of all data sets; this one goes into a folder of its name.
    base_url
        Take the files from here instead, by their names: a mirror.
    on_progress
        Hears of every piece; may raise to stop, and what is there stays.

    Raises
    ------
    SettingError
        No such data set.
    UnreadableFileError
        No network, or a file that is not what it should be: that is kept aside as ``<name>.bad`` and not used.
    UnwritableFileError
        No space or no permission.
    """
    return fetch_source(find_source(name), folder / name.partition("/")[0], base_url, on_progress)


def fetch_source(
    source: DataSource, folder: Path, base_url: str | None = None, on_progress: FetchListener = ignore_fetch
) -> Fetched:
    """The files of a source, downloaded, checked and unpacked into ``folder``.

    Parameters
    ----------
    source
        What to download.
    folder, base_url, on_progress
        As for ``fetch``, the folder for this data set alone.

    Raises
    ------
    UnreadableFileError, UnwritableFileError
        As for ``fetch``.
    """
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files, recorded = [], []
    for remote in source.files:
        target = folder / remote.name
        if target.exists():
            found = target
        else:
            url = f"{base_url.rstrip('/')}/{remote.name}" if base_url else remote.url
            found = download(url, target, source.home, on_progress)
        if not _checked(found, target, remote, on_progress):
            recorded.append(remote.name)
        with translated(target):
            found.replace(target)
        files.append(target)
        try:
            _unpacked(target, folder, on_progress)
        except UnreadableFileError:
            _set_aside(target, target)
            raise
    return Fetched(source, folder, tuple(files), tuple(recorded))


def _checked(found: Path, target: Path, remote: RemoteFile, on_progress: FetchListener) -> bool:
    """Whether there was a checksum to check a file by; its own is recorded where there was none.

    Raises
    ------
    UnreadableFileError
        It is another one; the file is renamed then.
    """
    record = _record(target)
    expected, origin = remote.checksum, "published"
    if expected is None and record.exists():
        expected = Checksum("sha256", _recorded(record))
        origin = f"recorded at the first download in {record.name}"
    digest = _digest(found, target.name, expected.algorithm if expected else "sha256", on_progress)
    if expected is None:
        with translated(record):
            record.write_text(f"{digest}  {target.name}\n", encoding="utf-8")
        return False
    if digest != expected.digest:
        aside = _set_aside(found, target, keep_record=True)
        raise UnreadableFileError(
            target,
            f"its {expected.algorithm} checksum is {digest}, that {origin} is {expected.digest}",
            f"it was not used, and is kept as {aside.name}: fetch it again"
            + ("" if remote.checksum else f"; if its authors have changed it, delete {record.name} first"),
        )
    return True


def _set_aside(found: Path, target: Path, *, keep_record: bool = False) -> Path:
    """Where a file that must not be used is kept; nothing that vouches for it stays."""
    aside = target.with_name(f"{target.name}.bad")
    with translated(aside):
        found.replace(aside)
        _mark(target).unlink(missing_ok=True)
        if not keep_record:
            _record(target).unlink(missing_ok=True)
    return aside


def _record(target: Path) -> Path:
    """Checksum of the first download, as ``sha256sum -c`` reads it."""
    return target.with_name(f"{target.name}.sha256")


def _mark(target: Path) -> Path:
    """There once an archive has been unpacked to the end."""
    return target.with_name(f"{target.name}.unpacked")


def _recorded(record: Path) -> str:
    digest = record.read_text(encoding="utf-8").partition(" ")[0].strip()
    if len(digest) != 64:
        raise UnreadableFileError(record, "holds no SHA-256 checksum", "delete it, and fetch the file again")
    return digest


def _digest(path: Path, name: str, algorithm: str, on_progress: FetchListener) -> str:
    total, running = path.stat().st_size, hashlib.new(algorithm, usedforsecurity=False)
    done = 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            running.update(piece)
            done += len(piece)
            on_progress(FetchProgress(name, "checking", done, total))
    return running.hexdigest()


def _unpacked(archive: Path, folder: Path, on_progress: FetchListener) -> None:
    """Unpack an archive unless that was done to the end before."""
    mark = _mark(archive)
    if not is_archive(archive) or mark.exists():
        return
    unpack(archive, folder, on_progress)
    with translated(mark):
        mark.touch()
