"""The command ``n2d info``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = "Show what is known about an image, and what `n2d denoise` would do with it; nothing is written."

EXAMPLES = """[b]Examples[/b]

n2d info cells.ome.tif

n2d info stack.npy --axes ZYX --recipe best"""

File = Annotated[Path, typer.Argument(metavar="FILE", help="An image.", show_default=False)]


@guarded
def info(
    file: File,
    method: options.Method = None,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    fit: options.Fit = "each",
    channels: options.Channels = "joint",
    axes: options.Axes = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Facts on standard output."""
    with loading():
        from noise2detail.cli.file_facts import file_facts
        from noise2detail.cli.wishes import Wishes, settle

    settled = settle(
        Wishes(
            method=method,
            recipe=recipe,
            settings=tuple(settings or ()),
            fit=fit,
            channels=channels,
            axes=axes,
            device=device,
            precision=precision,
            threads=threads,
        )
    )
    del debug  # the guard reads it
    voice = Voice(json=json)
    with voice.warnings_shown():
        voice.result(*file_facts(file, settled))
