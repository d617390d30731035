"""An option that may stand alone or be followed by a file: the command line library knows only the one or the other."""

from collections.abc import Sequence

import typer
from typer.core import TyperCommand

ALONE = ""
"""Value of the option where no file was named."""


def with_values(arguments: Sequence[str], option: str, suffixes: tuple[str, ...]) -> list[str]:
    """Arguments in which the option always has a value, after ``=``.

    Parameters
    ----------
    arguments
        As they were typed.
    option
        With its dashes.
    suffixes
        What follows the option is its value if it ends so, and an argument of its own if not.

    >>> with_values(["cells.tif", "--report"], "--report", (".html",))
    ['cells.tif', '--report=']
    >>> with_values(["--report", "first.html", "cells.tif"], "--report", (".html",))
    ['--report=first.html', 'cells.tif']
    """
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    found: list[str] = []
    position = 0
    while position < end:
        word, position = arguments[position], position + 1
        if word != option:
            found.append(word)
        elif position < end and arguments[position].lower().endswith(suffixes):
            found.append(f"{option}={arguments[position]}")
            position += 1
        else:
            found.append(f"{option}={ALONE}")
    return [*found, *arguments[end:]]


class WithReport(TyperCommand):
    """A command whose ``--report`` may be followed by the name of a page."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """The arguments that are left over, as of any command."""
        return super().parse_args(ctx, with_values(args, "--report", (".html", ".htm")))
