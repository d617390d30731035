"""What the command says while it works: results on standard output, everything else on standard error."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from noise2detail.cli.guard import in_words, tell


@dataclass(frozen=True)
class Voice:
    """How much is said, and to whom."""

    json: bool = False
    """Results as one JSON object a line, for programs."""
    quiet: bool = False
    """Only errors, and JSON where it was asked for."""
    verbose: bool = False
    """Plans and reasons too."""
    debug: bool = False
    """Tracebacks too."""

    def result(self, record: Mapping[str, Any], line: str) -> None:
        """Print a result: the record for programs, or the line for people."""
        if self.json:
            print(json.dumps(record), flush=True)  # noqa: T201
        elif not self.quiet:
            print(line, flush=True)  # noqa: T201

    def note(self, line: str) -> None:
        """Print something that people may want to know."""
        if not self.quiet:
            tell(line)

    def warning(self, text: str) -> None:
        """Print a warning, unless it is empty."""
        if text:
            self.note(f"warning: {text}")

    def detail(self, text: str) -> None:
        """Print something that only the curious want to know."""
        if self.verbose:
            tell(text)

    def error_line(self, text: str) -> None:
        """Print something that went wrong and stopped nothing else."""
        tell(f"error: {text}")

    def error(self, error: BaseException, about: str = "") -> str:
        """Print what went wrong, and return it; ``about`` names the file where the error does not."""
        if self.debug:
            traceback.print_exception(error)
        said = in_words(error)
        said = said if not about or said.startswith(about) else f"{about}: {said}"
        tell(f"error: {said}")
        return said

    @contextmanager
    def warnings_shown(self) -> Iterator[None]:
        """Let through what the library logs as a warning, one line each."""
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("warning: %(message)s"))
        handler.setLevel(logging.CRITICAL if self.quiet else logging.WARNING)
        logger = logging.getLogger("noise2detail")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """A table without lines, each column as wide as its widest cell.

    >>> print(aligned([("axes", "YX"), ("pixel type", "uint8")]))
    axes        YX
    pixel type  uint8
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
