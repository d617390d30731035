"""Folders and object stores, as far as stores and their markers need them: small files by name, written whole."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from noise2detail.errors import FileError, SettingError, StorageError, UnreadableFileError
from noise2detail.io.atomic import translated
from noise2detail.io.names import split_suffix

GLANCE = 2**16
"""Bytes of a file's beginning and end by which it is known again."""

SECRET = ("key", "secret", "token", "password", "credential")
"""Words in the names of storage options that are never written down."""


class Place(Protocol):
    """Somewhere with files, which are named by paths with slashes below it."""

    @property
    def url(self) -> str:
        """As people name it."""
        ...

    def read(self, name: str) -> bytes | None:
        """Content of a file; None where there is none."""
        ...

    def glance(self, name: str) -> bytes | None:
        """Length of a file in 8 bytes, and its first and last ``GLANCE`` bytes; None where there is none."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file: whoever reads it finds the old content or the new one, whole."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Make a file that was not there; False where it was."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def clear(self, folder: str = "") -> None:
        """Remove everything in a folder, and the folder."""
        ...

    def files(self, folder: str = "") -> Iterator[str]:
        """Names of the files right in a folder, without it; none where it is not there."""
        ...

    def folders(self, folder: str = "") -> Iterator[str]:
        """Names of the folders right in a folder, without it."""
        ...

    def zarr_store(self, *, read_only: bool) -> Any:
        """The same for the library zarr."""
        ...


def place_of(where: str | Path, options: Mapping[str, Any] | None = None) -> Place:
    """The place that is meant.

    Parameters
    ----------
    where
        A path, or an address such as ``s3://bucket/name``.
    options
        For the storage of addresses, as fsspec takes them.

    Raises
    ------
    SettingError
        An address that nothing here can open.
    """
    text = str(where)
    if "://" not in text:
        return Folder(Path(os.path.abspath(text)))  # noqa: PTH100 - links in it stay as they are
    if text.startswith("file://"):
        return Folder(Path(text.removeprefix("file://")))
    return Bucket(text.rstrip("/"), dict(options or {}))


def beside(where: str, suffix: str) -> str:
    """The address of what lies beside a store under its whole name and a suffix."""
    return where.rstrip("/") + suffix


def apart(where: str) -> tuple[str, str]:
    """The address of the folder that something lies in, and its name there."""
    folder, _, name = where.rstrip("/").rpartition("/")
    return folder or "/", name


def default_target(source: str) -> str:
    """Where the result goes if the user says nothing: beside the input, ``_denoised`` before the suffix.

    >>> default_target("s3://bucket/brain.ome.zarr")
    's3://bucket/brain_denoised.ome.zarr'
    """
    folder, slash, name = source.rstrip("/").rpartition("/")
    stem, suffix = split_suffix(Path(name))
    return f"{folder}{slash}{stem}_denoised{suffix or '.ome.zarr'}"


@dataclass(frozen=True)
class Folder:
    """A folder of this machine, or of a disk that several machines see."""

    path: Path
    """Need not exist."""

    @property
    def url(self) -> str:
        """Its path."""
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        """Content of a file; None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise UnreadableFileError(
                self.path / name, f"cannot be read ({error.strerror})", "check its permissions"
            ) from error

    def glance(self, name: str) -> bytes | None:
        """Its length, beginning and end."""
        try:
            with (self.path / name).open("rb") as stream:
                length = stream.seek(0, os.SEEK_END)
                stream.seek(0)
                first = stream.read(GLANCE)
                stream.seek(max(0, length - GLANCE))
                return length.to_bytes(8, "little") + first + stream.read(GLANCE)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnreadableFileError(
                self.path / name, f"cannot be read ({error.strerror})", "check its permissions"
            ) from error

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file in one step.

        Its name on the way follows from its own, so that what a killed process has left is replaced by the next one.
        """
        target = self.path / name
        part = target.with_name(f".{target.name}.part")
        with translated(target):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                part.write_bytes(content)
                part.replace(target)
            except OSError:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
                raise

    def create(self, name: str, content: bytes) -> bool:
        """Make a file that was not there; False where it was."""
        target = self.path / name
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        with translated(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            try:
                os.link(part, target)  # unlike an opened file, it appears with its content
            except FileExistsError:
                return False
            except OSError:  # a disk without links
                return self._create_plainly(target, content)
            finally:
                part.unlink(missing_ok=True)
        return True

    def _create_plainly(self, target: Path, content: bytes) -> bool:
        try:
            with target.open("xb") as stream:
                stream.write(content)
        except FileExistsError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with translated(self.path / name), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (self.path / name).unlink()

    def clear(self, folder: str = "") -> None:
        """Remove everything in a folder, and the folder."""
        place = self.path / folder if folder else self.path
        with translated(place):
            if place.is_dir():
                shutil.rmtree(place)

    def files(self, folder: str = "") -> Iterator[str]:
        """Names of the files right in a folder; those that are being written are left out."""
        return self._entries(folder, lambda entry: entry.is_file() and not entry.name.endswith(".part"))

    def folders(self, folder: str = "") -> Iterator[str]:
        """Names of the folders right in a folder."""
        return self._entries(folder, lambda entry: entry.is_dir())

    def _entries(self, folder: str, wanted: Any) -> Iterator[str]:
        try:
            with os.scandir(self.path / folder if folder else self.path) as entries:
                yield from [entry.name for entry in entries if wanted(entry)]
        except (FileNotFoundError, NotADirectoryError):
            return

    def zarr_store(self, *, read_only: bool) -> Any:
        """The same for the library zarr."""
        from zarr.storage import LocalStore

        return LocalStore(self.path, read_only=read_only)


@dataclass(frozen=True)
class Bucket:
    """Whatever fsspec opens by an address: S3 and the like."""

    url: str
    """With its protocol."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """As fsspec takes them; may hold secrets."""

    @property
    def _system(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs

            system, root = url_to_fs(self.url, **self.options)
        except (ImportError, ValueError) as error:
            raise SettingError(
                f"{self.url} cannot be opened here ({error}); expected a path, or an address that fsspec knows: "
                "pip install 'noise2detail[cloud]' has S3"
            ) from error
        return system, root.rstrip("/")

    def read(self, name: str) -> bytes | None:
        """Content of an object; None where there is none."""
        system, root = self._system
        with self._told(name):
            try:
                return bytes(system.cat_file(f"{root}/{name}"))
            except (FileNotFoundError, IsADirectoryError):
                return None

    def glance(self, name: str) -> bytes | None:
        """Its length, beginning and end."""
        system, root = self._system
        with self._told(name):
            try:
                length = int(system.info(f"{root}/{name}")["size"])
                first = bytes(system.cat_file(f"{root}/{name}", start=0, end=min(length, GLANCE))) if length else b""
                last = bytes(system.cat_file(f"{root}/{name}", start=max(0, length - GLANCE), end=length))
            except FileNotFoundError:
                return None
        return length.to_bytes(8, "little") + first + last

    def write(self, name: str, content: bytes) -> None:
        """Make or replace an object in one put."""
        system, root = self._system
        with self._told(name):
            system.pipe_file(f"{root}/{name}", content)

    def create(self, name: str, content: bytes) -> bool:
        """Make an object that was not there; False where it was.

        On S3 the server decides. Elsewhere two that come within the same moment may both succeed.
        """
        system, root = self._system
        if self.read(name) is not None:
            return False
        with self._told(name):
            try:
                system.pipe_file(f"{root}/{name}", content, mode="create")
            except FileExistsError:
                return False
            except OSError as error:  # s3fs hands on what the server says
                if "PreconditionFailed" in f"{error!r}{error.__cause__!r}" or "pre-conditions" in str(error):
                    return False
                raise
        return True

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        system, root = self._system
        with self._told(name), contextlib.suppress(FileNotFoundError):
            system.rm_file(f"{root}/{name}")

    def clear(self, folder: str = "") -> None:
        """Remove everything below a prefix."""
        system, root = self._system
        system.invalidate_cache()
        with self._told(folder), contextlib.suppress(FileNotFoundError):
            system.rm(f"{root}/{folder}" if folder else root, recursive=True)

    def files(self, folder: str = "") -> Iterator[str]:
        """Names of the objects right below a prefix."""
        return self._entries(folder, "file")

    def folders(self, folder: str = "") -> Iterator[str]:
        """Names of the prefixes right below a prefix."""
        return self._entries(folder, "directory")

    def _entries(self, folder: str, kind: str) -> Iterator[str]:
        system, root = self._system
        place = f"{root}/{folder}" if folder else root
        with self._told(folder):
            system.invalidate_cache()  # others write meanwhile
            try:
                found = system.ls(place, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return
        here = place.strip("/")
        for entry in found:
            name = str(entry["name"]).rstrip("/")
            if entry["type"] == kind and name.strip("/") != here:
                yield name.rpartition("/")[2]

    def zarr_store(self, *, read_only: bool) -> Any:
        """The same for the library zarr."""
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(self.url, storage_options=dict(self.options) or None, read_only=read_only)

    @contextlib.contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileError:
            raise
        except Exception as error:  # every protocol has errors of its own
            place = f"{self.url}/{name}".rstrip("/")
            raise StorageError(
                place, f"the storage answers: {error}", "check address, credentials and --storage-option"
            ) from error


def sayable(options: Mapping[str, Any]) -> dict[str, Any]:
    """The storage options that may be written down: those that are no secret."""
    return {name: value for name, value in options.items() if not any(word in name.lower() for word in SECRET)}


def secret_names(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of those that must not be."""
    return tuple(sorted(options.keys() - sayable(options).keys()))
