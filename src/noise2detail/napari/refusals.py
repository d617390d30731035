"""Errors as the window says them: the way out is a click there, and no option of a command."""

from noise2detail.errors import ON_PROCESSOR, DeviceError, Noise2DetailError, RefusedError

ANYWAY = "Denoise anyway"
"""Name of the box that overrules a refusal."""


ON_PROCESSOR_HERE = "choose the device 'cpu' in the settings"

_INSTEAD = {
    ON_PROCESSOR: ON_PROCESSOR_HERE,
    "--set ": "",
    ", or further files with --frames": "",
}
"""What messages say of the command line, and what the window has instead."""


def in_the_window(error: Noise2DetailError) -> str:
    """The message of an error, with what to do in the window."""
    if isinstance(error, RefusedError):
        return f"denoising would do harm: {'; '.join(error.reasons)}; to do it all the same, tick {ANYWAY!r}"
    if isinstance(error, DeviceError):
        return (
            f"the device {error.device} cannot do this: {error.found}; {ON_PROCESSOR_HERE} and try again: the engine "
            "starts anew"
        )
    said = str(error)
    for command, window in _INSTEAD.items():
        said = said.replace(command, window)
    return said
