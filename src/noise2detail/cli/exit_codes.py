"""What the command tells its caller."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Status of the process."""

    DONE = 0
    FAILED = 1
    """Nothing was done, or all files failed."""
    USAGE = 2
    """The command line asks for something that does not exist."""
    SOME_FAILED = 3
    """Some files were done, some failed."""
    UNFINISHED = 75
    """It was stopped when asked to, and the same command goes on where it ended."""
    INTERRUPTED = 130
    """Ctrl-C; 143 where the process was asked to terminate."""
