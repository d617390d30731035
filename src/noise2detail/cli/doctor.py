"""The command ``n2d doctor``."""

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice, aligned

HELP = (
    "Show versions, what PyTorch can compute on with its memory and speed, and the time to expect for an image of "
    "512x512 pixels.\n\n"
    "The processor and every GPU, or the one that --device names, are measured anew, and the figures are kept for the "
    "next runs. A device that does not work says why."
)


@guarded
def doctor(device: options.Device = "auto", json: options.Json = False, debug: options.Debug = False) -> None:
    """Facts on standard output."""
    with loading():
        from noise2detail.cli.hardware import as_rows, machine_facts

    del debug  # the guard reads it
    facts = machine_facts(device)
    Voice(json=json).result(facts, aligned(as_rows(facts)))
