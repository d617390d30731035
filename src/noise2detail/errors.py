"""Every error that this package raises on purpose.

Noise2DetailError
├── InputError (ValueError)          the image cannot be denoised as it is
│   ├── AxesError                    axes and array do not fit together
│   ├── PixelTypeError (TypeError)   complex, bool, object, text
│   ├── RefusedError                 denoising would do harm; holds the reasons
│   └── RefusedSplitError            the noise of an image cannot be split so; holds the reason
├── SettingError (ValueError)        a method, recipe, device or setting that does not exist or does not fit
├── FileError (OSError)              something about a file; holds its path
│   ├── UnreadableFileError          absent, truncated, not an image
│   │   └── SeveralImagesError       one of several images must be chosen; holds their names
│   ├── UnwritableFileError          no space, no permission, verification failed
│   ├── OutputExistsError            would overwrite something
│   └── StorageError                 an object store that does not do what it is asked; trying again may help
├── DeviceError (RuntimeError)       a GPU that lacks an operator or cannot run at all; holds device and what it said
├── NotEnoughMemoryError (MemoryError)  memory ran out even in the smallest pieces; holds the tile reached
├── ClusterError (RuntimeError)      a scheduler or worker that cannot do the work
├── OtherWorkError (RuntimeError)    begun work that belongs to another plan, input or version; holds what differs
├── ClaimedError (RuntimeError)      somebody else works on the same output; holds host, process and start
├── BusyError (RuntimeError)         a second job for an engine that does one at a time
├── DivergedError (ArithmeticError)  the training ran away; holds step and rate
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


class RefusedError(InputError):
    """An image that denoising would make worse.

    Parameters
    ----------
    reasons
        What was found, as sentences without full stop.
    """

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons
        super().__init__(
            f"denoising would do harm: {'; '.join(reasons)}; to do it all the same, give --anyway or Run(anyway=True)"
        )

    def __reduce__(self) -> tuple[type["RefusedError"], tuple[tuple[str, ...]]]:
        return type(self), (self.reasons,)


class RefusedSplitError(InputError):
    """An image whose parts would not have noise of their own.

    Parameters
    ----------
    found
        What stands against it, as a sentence without full stop.
    expected
        What the split needs.
    """

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(f"no such split: {found}; expected {expected}: choose another split")

    def __reduce__(self) -> tuple[type["RefusedSplitError"], tuple[str, str]]:
        return type(self), (self.found, self.expected)


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


class SeveralImagesError(UnreadableFileError):
    """A file with several images of which none was chosen, or one that is not there.

    Parameters
    ----------
    path, found, remedy
        As of :class:`FileError`.
    names
        Of the images, by their number; empty where an image has none.
    """

    def __init__(self, path: Path | str, found: str, remedy: str = "", names: tuple[str, ...] = ()) -> None:
        self.names = names
        super().__init__(path, found, remedy)

    def __reduce__(self) -> tuple[type["SeveralImagesError"], tuple[Path, str, str, tuple[str, ...]]]:  # type: ignore[override]
        return type(self), (self.path, self.found, self.remedy, self.names)


class UnwritableFileError(FileError):
    """A file that could not be written completely; nothing was left behind."""


class OutputExistsError(FileError):
    """An output that is there already, or that is the input itself."""


class StorageError(FileError):
    """An object store that is out of reach, refuses, or hung; trying again may help."""


ON_PROCESSOR = "use the processor, with --device cpu or Run(device='cpu')"
"""What to do where a GPU is of no use."""


class DeviceError(Noise2DetailError, RuntimeError):
    """A device that cannot do the work although PyTorch offers it.

    Parameters
    ----------
    device
        Its name, as of ``Run``.
    found
        What is wrong with it, as a sentence without full stop.
    """

    def __init__(self, device: str, found: str) -> None:
        self.device, self.found = device, found
        super().__init__(f"the device {device} cannot do this: {found}; {ON_PROCESSOR}")

    def __reduce__(self) -> tuple[type["DeviceError"], tuple[str, str]]:
        return type(self), (self.device, self.found)


class NotEnoughMemoryError(Noise2DetailError, MemoryError):
    """Memory that ran out although the work was already cut into the smallest pieces.

    Parameters
    ----------
    found
        What ran out, as the library said it.
    tile
        Side of the smallest tile that was tried, in pixels; None: the image could not be cut into tiles.
    """

    def __init__(self, found: str, tile: int | None) -> None:
        self.found = found
        self.tile = tile
        pieces = (
            "this denoiser needs the image whole"
            if tile is None
            else f"even for tiles of {tile}x{tile} pixels, so a smaller limit of memory will not help"
        )
        super().__init__(
            f"not enough memory ({found}): {pieces}; close other programs, choose another device, or denoise a smaller "
            "part of the image"
        )

    def __reduce__(self) -> tuple[type["NotEnoughMemoryError"], tuple[str, int | None]]:
        return type(self), (self.found, self.tile)


class ClusterError(Noise2DetailError, RuntimeError):
    """A scheduler or a worker, of Dask or Slurm, that cannot do the work.

    Parameters
    ----------
    found
        What is wrong, as a sentence without full stop.
    remedy
        What to do, as a sentence without full stop.
    """

    def __init__(self, found: str, remedy: str) -> None:
        self.found, self.remedy = found, remedy
        super().__init__(f"{found}; {remedy}")

    def __reduce__(self) -> tuple[type["ClusterError"], tuple[str, str]]:
        return type(self), (self.found, self.remedy)


_NO_MEMORY = (
    "out of memory",
    "out_of_memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "bad_alloc",
    "bad allocation",
)
"""How PyTorch and the libraries beneath it say it, in lower case."""


def is_out_of_memory(error: BaseException) -> bool:
    """True for what numpy and PyTorch raise when an allocation fails, on a processor or a GPU."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(word in said for word in _NO_MEMORY)
    )


class DivergedError(Noise2DetailError, ArithmeticError):
    """A training whose loss is no number any more, or has grown beyond all bounds.

    Parameters
    ----------
    step, steps
        Where it was noticed, counted from 1, and how many there were to be.
    rate
        Learning rate of that step.
    loss
        Of that step.
    stage
        Name of the training, as shown to people.
    """

    def __init__(self, step: int, steps: int, rate: float, loss: float, stage: str = "training") -> None:
        self.step, self.steps, self.rate, self.loss, self.stage = step, steps, rate, loss, stage
        super().__init__(
            f"{stage} diverged: its loss was {loss:g} at step {step} of {steps}, at a learning rate of {rate:g}; look "
            "for extreme pixel values in the image, or set a lower rate"
        )

    def __reduce__(self) -> tuple[type["DivergedError"], tuple[int, int, float, float, str]]:
        return type(self), (self.step, self.steps, self.rate, self.loss, self.stage)


class OtherWorkError(Noise2DetailError, RuntimeError):
    """Work that was begun with another plan, from another input, or by another version: nothing is mixed.

    Parameters
    ----------
    place
        Where the begun work lies.
    differences
        What differs, as sentences without full stop.
    remedy
        What to do, as a sentence without full stop.
    """

    def __init__(self, place: str, differences: tuple[str, ...], remedy: str) -> None:
        self.place, self.differences, self.remedy = place, differences, remedy
        super().__init__(f"{place}: {'; '.join(differences)}; {remedy}")

    def __reduce__(self) -> tuple[type["OtherWorkError"], tuple[str, tuple[str, ...], str]]:
        return type(self), (self.place, self.differences, self.remedy)


class ClaimedError(Noise2DetailError, RuntimeError):
    """An output that somebody else is working on.

    Parameters
    ----------
    place
        The output.
    host, process, started
        Of the other: name of the machine, number of the process, and since when, by the clock of that machine.
    remedy
        What to do, as a sentence without full stop.
    """

    def __init__(self, place: str, host: str, process: int, started: str, remedy: str) -> None:
        self.place, self.host, self.process, self.started, self.remedy = place, host, process, started, remedy
        super().__init__(f"{place}: process {process} on {host} works on it since {started}; {remedy}")

    def __reduce__(self) -> tuple[type["ClaimedError"], tuple[str, str, int, str, str]]:
        return type(self), (self.place, self.host, self.process, self.started, self.remedy)


class BusyError(Noise2DetailError, RuntimeError):
    """A job for an engine that is still at another one."""


class Cancelled(Noise2DetailError):  # noqa: N818 - it is not a fault
    """The user stopped the work; raise it in ``on_step`` to stop a fit."""
