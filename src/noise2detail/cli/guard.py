"""From exceptions to one line and an exit code: the only place where the command line catches everything."""

import contextlib
import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import ParamSpec

import typer

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.errors import Noise2DetailError, SettingError, is_out_of_memory

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with every exception turned into a message on standard error and an exit code.

    Parameters
    ----------
    command
        Ends with ``typer.Exit`` for any code but 0. With a true argument ``debug`` the traceback is shown as well; with
        a true ``json`` programs get the message too, as an object on standard output.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BrokenPipeError as error:  # the reader of a pipe has had enough, as with `n2d methods | head -1`
            close_broken_pipe()
            raise typer.Exit(ExitCode.FAILED) from error
        except KeyboardInterrupt as error:
            tell("interrupted: nothing was written")
            raise typer.Exit(interrupted_code(error)) from error
        except Exception as error:
            if kwargs.get("debug"):
                traceback.print_exc()
            if kwargs.get("json"):
                print(json.dumps({"error": in_words(error)}), flush=True)  # noqa: T201
            tell(f"error: {in_words(error)}")
            raise typer.Exit(ExitCode.USAGE if isinstance(error, SettingError) else ExitCode.FAILED) from error

    return run


def in_words(error: BaseException) -> str:
    """What happened and what to do, for people."""
    if isinstance(error, Noise2DetailError):
        return str(error)
    if is_out_of_memory(error):
        return (
            f"not enough memory ({_first_line(error)}); close other programs, try a limit such as --max-memory 1GB, "
            "or denoise a smaller part of the image"
        )
    return f"unexpected {type(error).__name__}: {_first_line(error)}; run again with --debug and report what it shows"


def interrupted_code(error: KeyboardInterrupt) -> int:
    """Exit code by the signal that the exception carries; Python's own carries none and means Ctrl-C."""
    return 128 + int(error.args[0]) if error.args else int(ExitCode.INTERRUPTED)


def close_broken_pipe() -> None:
    """Let standard output go nowhere, so that Python does not complain again when it ends."""
    with contextlib.suppress(OSError, ValueError):  # standard output is no file, as under test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(line: str) -> None:
    """Print a line for people on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "") or "no details"
