"""Plans as files: JSON, with nothing in it but data."""

import json
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.io.announced import readable
from noise2detail.io.sidecar import plain
from noise2detail.plans import Plan

LARGEST = 2**20
"""Bytes of the largest file that is read; a plan has some thousand."""

EXPECTED = "expected what n2d plan -o has written, or the .n2d.json beside an output"


def plan_record(plan: Plan, source: Path | str, version: str) -> dict[str, Any]:
    """What a plan file holds.

    Parameters
    ----------
    plan
        The plan.
    source
        The image that it was made for.
    version
        Of this package.
    """
    return {"version": version, "input_name": Path(source).name, "plan": plain(plan)}


def read_plan(path: Path | str) -> tuple[Any, str | None]:
    """The fields of the plan in a plan file or beside an output, unchecked; and the version that wrote it, if told.

    Raises
    ------
    UnreadableFileError
        Absent, too large, or nothing that could hold a plan.
    """
    data = read_record(path)
    whole = isinstance(data, dict) and {"method", "settings"} <= data.keys()
    own = data if whole else data.get("plan") if isinstance(data, dict) else None
    if not isinstance(own, dict):
        raise UnreadableFileError(path, "holds no plan", EXPECTED)
    version = None if whole else data.get("version")
    return own, version if isinstance(version, str) else None


def read_record(path: Path | str) -> Any:
    """Whatever a plan file, or the file beside an output, holds.

    Raises
    ------
    UnreadableFileError
        Absent, too large, or no JSON.
    """
    content = _content(Path(path))
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        found = "nested too deeply" if isinstance(error, RecursionError) else f"no JSON ({error})"
        raise UnreadableFileError(path, f"is no plan: {found}", EXPECTED) from error


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise UnreadableFileError(path, "there is no such file", EXPECTED) from error
    except OSError as error:
        raise UnreadableFileError(path, f"cannot be read ({error.strerror})", EXPECTED) from error
    if len(content) > LARGEST:
        raise UnreadableFileError(path, f"is larger than any plan, {readable(LARGEST)}", EXPECTED)
    return content
