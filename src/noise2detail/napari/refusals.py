"""Errors as the window says them: the way out is a click there, and no option of a command."""

from noise2detail.errors import DeviceError, Noise2DetailError, RefusedError

ANYWAY = "Denoise anyway"
"""Name of the box that overrules a refusal."""


def in_the_window(error: Noise2DetailError) -> str:
    """The message of an error, with what to do in the window."""
    if isinstance(error, RefusedError):
        return f"denoising would do harm: {'; '.join(error.reasons)}; to do it all the same, tick {ANYWAY!r}"
    if isinstance(error, DeviceError):
        return (
            f"the device {error.device} cannot do this: {error.found}; choose the device 'cpu' in the settings and try "
            "again: the engine starts anew"
        )
    return str(error)
