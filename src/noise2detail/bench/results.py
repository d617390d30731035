"""Results as they come: JSON lines, the circumstances first, one line for each method on each image."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from noise2detail.errors import OutputExistsError, UnreadableFileError, UnwritableFileError

FORMAT = 1
"""Of the lines; a file of another one is refused."""

KEY = ("data", "image", "method", "unclipped", "seed")
"""What tells one row from another."""


@dataclass(frozen=True, eq=False)
class Results:
    """A file of results."""

    path: Path
    head: Mapping[str, Any]
    """Circumstances of the run that began it, and the case."""
    rows: list[dict[str, Any]] = field(default_factory=list)
    """One for each method on each image."""

    @property
    def done(self) -> set[tuple[Any, ...]]:
        """Keys of the rows that hold a result; what failed is tried again."""
        return {key_of(row) for row in self.rows if not row.get("error")}

    def add(self, row: dict[str, Any]) -> None:
        """Append a row; it is in the file when this returns.

        Raises
        ------
        UnwritableFileError
            No space, no permission.
        """
        self.rows.append(row)
        _append(self.path, {"kind": "row", **row})


def key_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a row from the others of its file."""
    return tuple(row.get(name) for name in KEY)


def begin(path: Path, head: Mapping[str, Any], *, resume: bool, overwrite: bool = False) -> Results:
    """Results to add to: of a new file, or of one that a run has left.

    Raises
    ------
    OutputExistsError
        It is there and is neither to be resumed nor replaced.
    UnreadableFileError
        It is to be resumed and cannot be, or holds the results of another case.
    UnwritableFileError
        It cannot be written.
    """
    if path.exists() and resume:
        found = read_results(path)
        theirs, ours = ((one.get("case"), one.get("quick")) for one in (found.head, head))
        if theirs != ours:
            raise UnreadableFileError(
                path, f"it holds results of {_in_words(theirs)}, not of {_in_words(ours)}", "choose another file"
            )
        _mend_end(path)
        return found
    if path.exists() and not overwrite:
        raise OutputExistsError(path, "it is there already", "use --resume to go on, --overwrite to replace it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    except OSError as error:
        raise UnwritableFileError(path, f"cannot be written ({error.strerror})", "choose another place") from error
    _append(path, {"kind": "head", "format": FORMAT, **head})
    return Results(path, dict(head))


def read_results(path: Path) -> Results:
    """Results of a file; a last line that was cut short by the end of a run is left out.

    Raises
    ------
    UnreadableFileError
        Absent, no results, damaged, or of another version.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(path, f"cannot be read ({error})", "expected a file of `n2d bench run`") from error
    records = [_parsed(path, number, line) for number, line in enumerate(lines, 1) if line.endswith("\n")]
    if not records or records[0].get("kind") != "head":
        raise UnreadableFileError(path, "it holds no results of a benchmark", "expected a file of `n2d bench run`")
    head, *rows = records
    if head.get("format") != FORMAT:
        raise UnreadableFileError(
            path,
            f"its lines are of format {head.get('format')}, this version writes and reads format {FORMAT}",
            f"run the case again, or read it with noise2detail {head.get('version', 'of its time')}",
        )
    for record in (head, *rows):
        record.pop("kind", None)
    # what is measured again stands further down
    latest = {key_of(row): row for row in rows}
    return Results(path, head, list(latest.values()))


def _in_words(case: tuple[Any, Any]) -> str:
    return f"{case[0]}, reduced" if case[1] else f"{case[0]}"


def _parsed(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        found = error
    if not isinstance(found, dict):
        raise UnreadableFileError(path, f"line {number} is no JSON object", "expected a file of `n2d bench run`")
    return {key: math.inf if value == "inf" else value for key, value in found.items()}


def _mend_end(path: Path) -> None:
    """Cut off a last line that was not written to its end."""
    content = path.read_bytes()
    if not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])


def _append(path: Path, record: Mapping[str, Any]) -> None:
    # JSON knows no infinity: the PSNR of identical images
    plain = {key: "inf" if value == math.inf else value for key, value in record.items()}
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(plain, allow_nan=False) + "\n")
    except OSError as error:
        raise UnwritableFileError(path, f"cannot be written ({error.strerror})", "make space") from error
