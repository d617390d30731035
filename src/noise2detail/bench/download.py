"""One file from an address, taken up where it was interrupted."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.io.atomic import refuse_space, translated
from noise2detail.version import __version__

_CHUNK = 2**18
_TIMEOUT = 30
_TRIES = 5

_FILE = (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)

Stage = Literal["downloading", "checking", "unpacking"]


@dataclass(frozen=True)
class FetchProgress:
    """How far a file is."""

    file: str
    """Its name."""
    stage: Stage
    """What is done with it."""
    done: int
    """Bytes."""
    total: int | None
    """Bytes; None: the server does not say."""


class _NoFileError(Exception):
    """A server that asks for a click, a login or patience."""


FetchListener = Callable[[FetchProgress], None]


def ignore_fetch(progress: FetchProgress) -> None:
    """Do nothing: the listener for those who do not want to know."""
    del progress


def part_of_download(target: Path) -> Path:
    """Where the bytes are until all of them are there."""
    return target.with_name(f"{target.name}.part")


def download(url: str, target: Path, home: str, on_progress: FetchListener = ignore_fetch) -> Path:
    """The part file with all bytes; it is for the caller to check and rename.

    What an earlier call left is continued if the server can and the file is still the same one there, else begun again.
    A connection that breaks is taken up again at once, as long as each brings more bytes.

    Parameters
    ----------
    url
        ``https``, or ``http``.
    target
        Final name; the bytes go beside it, into ``<name>.part``.
    home
        Page from which a person can download it, for messages.
    on_progress
        Hears of every piece; may raise to stop, and what is there stays.

    Raises
    ------
    SettingError
        An address of another kind.
    UnreadableFileError
        No network, an answer that is no file, or a connection that keeps breaking.
    UnwritableFileError
        No space or no permission.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise SettingError(f"{url} is no address to download from; expected one that begins with https://")
    part = part_of_download(target)
    reached = -1
    for _ in range(_TRIES):
        try:
            with translated(target):
                complete = _transfer(url, part, on_progress)
        except _NoFileError as error:
            raise _failed(target, url, home, str(error)) from error
        except http.client.HTTPException as error:
            if _size(part) <= max(reached, 0):
                why = str(error) or type(error).__name__
                raise _failed(target, url, home, f"there is no connection ({why})") from error
            complete = False
        if complete:
            _note(part).unlink(missing_ok=True)
            return part
        if _size(part) <= reached:
            break
        reached = _size(part)
    raise UnreadableFileError(
        target, f"its download broke off after {_size(part)} bytes", "fetch it again: it continues from there"
    )


def _transfer(url: str, part: Path, on_progress: FetchListener) -> bool:
    """Whether everything is there after one request; what is missing is for the next one."""
    have, known = _size(part), _noted(part)
    request = urllib.request.Request(url, headers={"User-Agent": f"noise2detail/{__version__}"})  # noqa: S310
    if have and known:
        request.add_header("Range", f"bytes={have}-")
        if known["validator"]:
            request.add_header("If-Range", known["validator"])
    try:
        answer = _asked(request)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _NoFileError(f"the server answered {error.code} {error.reason}") from error
        if known and have == known["total"]:
            return True
        part.unlink(missing_ok=True)  # longer than the file is now
        return False
    with answer:
        if answer.status not in _FILE or answer.headers.get_content_type() == "text/html":
            raise _NoFileError(f"the server answered {answer.status} with a page instead of the file")
        start, total = _span(answer)
        if start and (start != have or not known or known["total"] != total):
            part.unlink(missing_ok=True)  # another file by now, or another piece of it: begin again
            return False
        done = _received(answer, part, start, total, on_progress)
    return total is None or done == total


def _asked(request: urllib.request.Request) -> Any:
    """The answer to a request; a network that is not there must not look like a disk that is full."""
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310 - the scheme was checked
    except urllib.error.HTTPError:
        raise
    except OSError as error:
        raise http.client.HTTPException(str(getattr(error, "reason", error))) from error


def _received(answer: Any, part: Path, start: int, total: int | None, on_progress: FetchListener) -> int:
    """Bytes that are there when the answer ends."""
    name = part.name.removesuffix(".part")
    if total is not None:
        refuse_space(part, total - start)
    # a weak tag says "as good as", not "the same bytes"
    tag = answer.headers.get("ETag") or ""
    validator = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified") or ""
    _note(part).write_text(json.dumps({"total": total, "validator": validator}), encoding="utf-8")
    done = start
    with part.open("r+b" if start else "wb") as stream:
        stream.seek(start)
        on_progress(FetchProgress(name, "downloading", done, total))
        while chunk := _read(answer):
            stream.write(chunk)
            done += len(chunk)
            on_progress(FetchProgress(name, "downloading", done, total))
    return done


def _read(answer: Any) -> bytes:
    try:
        return bytes(answer.read(_CHUNK))
    except OSError as error:
        raise http.client.HTTPException(str(error) or type(error).__name__) from error


def _span(answer: Any) -> tuple[int, int | None]:
    """First byte that is sent, and length of the whole file."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range") or "")
    if answer.status == HTTPStatus.PARTIAL_CONTENT and found:
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length")
    return 0, int(length) if length else None


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _noted(part: Path) -> dict[str, Any] | None:
    """What the server said of the file when it was begun; None where that is lost."""
    try:
        return cast("dict[str, Any]", json.loads(_note(part).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _failed(target: Path, url: str, home: str, found: str) -> UnreadableFileError:
    return UnreadableFileError(
        target,
        f"cannot be downloaded from {url}: {found}",
        f"check the network and fetch it again, or download it by hand from {home} to this place",
    )
