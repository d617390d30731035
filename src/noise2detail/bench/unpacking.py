"""Archives of data sets, unpacked without letting them write anywhere else."""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from noise2detail.bench.download import FetchListener, FetchProgress, ignore_fetch
from noise2detail.errors import UnreadableFileError
from noise2detail.io.atomic import refuse_space, translated


@dataclass(frozen=True, eq=False)
class _Member:
    """A file or folder of an archive."""

    name: str
    size: int
    kind: str
    """``file``, ``folder``, or what it is instead."""
    open: Callable[[], IO[bytes]]


def is_archive(path: Path) -> bool:
    """Whether the name of a file is that of an archive that can be unpacked."""
    return path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz"))


def unpack(archive: Path, folder: Path, on_progress: FetchListener = ignore_fetch) -> None:
    """Write every file of an archive into a folder; files that are there already are replaced.

    All names are looked at before the first byte is written.

    Parameters
    ----------
    archive
        ZIP or TAR, also inside gzip.
    folder
        Must exist.
    on_progress
        Hears of every file; may raise to stop.

    Raises
    ------
    UnreadableFileError
        Damaged, or with a link or a name that leads out of the folder: nothing is written then.
    UnwritableFileError
        No space or no permission.
    """
    with _opened(archive) as members:
        for member in members:
            _refuse_strange(archive, member)
        total = sum(member.size for member in members)
        refuse_space(folder / archive.name, total)
        done = 0
        for member in members:
            target = folder / PurePosixPath(member.name)
            with translated(target):
                if member.kind == "folder":
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with member.open() as source, target.open("wb") as sink:
                        shutil.copyfileobj(source, sink)
            done += member.size
            on_progress(FetchProgress(archive.name, "unpacking", done, total))


def _refuse_strange(archive: Path, member: _Member) -> None:
    path = PurePosixPath(member.name)
    # a drive letter or backslash is an ordinary name here, and a way out elsewhere
    outside = path.is_absolute() or ".." in path.parts or "\\" in member.name or ":" in member.name
    if outside or member.kind not in {"file", "folder"}:
        what = "which leads out of its folder" if outside else f"which is {member.kind}"
        raise UnreadableFileError(
            archive, f"holds {member.name!r}, {what}", "it was not unpacked, and must not be used: fetch it again"
        )


@contextmanager
def _opened(archive: Path) -> Iterator[list[_Member]]:
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as zipped:
                yield [_from_zip(zipped, info) for info in zipped.infolist()]
        else:
            with tarfile.open(archive, "r:*") as tape:
                yield [_from_tar(tape, info) for info in tape.getmembers()]
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError) as error:
        raise UnreadableFileError(archive, f"is no whole archive ({error})", "fetch it again") from error


def _from_zip(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    link = stat.S_ISLNK(info.external_attr >> 16)
    kind = "a link" if link else "folder" if info.is_dir() else "file"
    return _Member(info.filename, info.file_size, kind, lambda: zipped.open(info))


def _from_tar(tape: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    kind = (
        "folder"
        if info.isdir()
        else "file"
        if info.isfile()
        else "a link"
        if info.issym() or info.islnk()
        else "a device"
    )

    def opened() -> Any:
        return tape.extractfile(info)

    return _Member(info.name, info.size, kind, opened)
