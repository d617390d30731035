"""The command ``n2d doctor``."""

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.voice import Voice, aligned

HELP = (
    "Show versions, processor, memory, GPU, and the time to expect for an image of 512x512 pixels.\n\n"
    "The speed of this machine is measured anew and kept for the next runs."
)


@guarded
def doctor(device: options.Device = "auto", json: options.Json = False, debug: options.Debug = False) -> None:
    """Facts on standard output."""
    from noise2detail.cli.hardware import as_rows, machine_facts

    del debug  # the guard reads it
    facts = machine_facts(device)
    Voice(json=json).result(facts, aligned(as_rows(facts)))
