"""Every error that this package raises on purpose.

Noise2DetailError
├── InputError (ValueError)          the image cannot be denoised as it is
│   ├── AxesError                    axes and array do not fit together
│   └── PixelTypeError (TypeError)   complex, bool, object, text
├── SettingError (ValueError)        a method, recipe, device or setting that does not exist or does not fit
├── FileError (OSError)              something about a file; holds its path
│   ├── UnreadableFileError          absent, truncated, not an image
│   ├── UnwritableFileError          no space, no permission, verification failed
│   └── OutputExistsError            would overwrite something
└── Cancelled                        the user stopped the work; nothing was written

Each also is the builtin that fits, so that callers who do not know this package can catch it. A message gives what was
found, what was expected and what to do.
"""

import math
from pathlib import Path


class Noise2DetailError(Exception):
    """Base of every error below."""


class InputError(Noise2DetailError, ValueError):
    """An image that cannot be denoised as it is."""


class AxesError(InputError):
    """An axes string that does not describe the array."""


class PixelTypeError(InputError, TypeError):
    """Pixels that are not real numbers."""


class SettingError(Noise2DetailError, ValueError):
    """A method, recipe, device or setting that does not exist or does not fit."""


def check_setting(name: str, value: float, *, lowest: float = 1) -> None:
    """Raise unless a setting is a finite number and at least ``lowest``.

    Raises
    ------
    SettingError
        With the name, the value and what was expected.
    """
    if not lowest <= value < math.inf:
        raise SettingError(f"{name} is {value}; expected a number of at least {lowest}")


class FileError(Noise2DetailError, OSError):
    """Something is wrong with a file.

    Parameters
    ----------
    path
        The file.
    found
        What is wrong, as a sentence without full stop.
    remedy
        What was expected or what to do, as a sentence without full stop; may be empty.
    """

    def __init__(self, path: Path | str, found: str, remedy: str = "") -> None:
        self.path = Path(path)
        self.found = found
        self.remedy = remedy
        super().__init__(f"{path}: {found}" + (f"; {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[type["FileError"], tuple[Path, str, str]]:
        return type(self), (self.path, self.found, self.remedy)


class UnreadableFileError(FileError):
    """A file that is absent, truncated, or not an image that this package reads."""


class UnwritableFileError(FileError):
    """A file that could not be written completely; nothing was left behind."""


class OutputExistsError(FileError):
    """An output that is there already, or that is the input itself."""


class Cancelled(Noise2DetailError):  # noqa: N818 - it is not a fault
    """The user stopped the work; raise it in ``on_step`` to stop a fit."""
