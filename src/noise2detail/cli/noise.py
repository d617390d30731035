"""The command ``n2d noise``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice, aligned

HELP = (
    "Measure the noise of an image: how strong it is at each brightness, whether it was cut off, whether neighbouring "
    "pixels share it, and what was done to the image before. Nothing is denoised."
)

EXAMPLES = """[b]Examples[/b]

n2d noise cells.tif

n2d noise stack.npy --axes ZYX --json

n2d noise cells.tif --plot noise.png"""

File = Annotated[Path, typer.Argument(metavar="FILE", help="An image.", show_default=False)]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.png", rich_help_panel=options.FILES,
                 help="Draw what was measured: variance against brightness, the spectrum, and the noise's values."),
]  # fmt: skip


@guarded
def noise(
    file: File,
    axes: options.Axes = None,
    image: options.Image = None,
    plot: Plot = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """What was measured, on standard output."""
    with loading():
        from noise2detail.cli.images import find_choice
        from noise2detail.cli.noise_figure import noise_figure
        from noise2detail.cli.noise_words import noise_record, noise_words
        from noise2detail.io import open_image, write_bytes
        from noise2detail.pipeline.noise import channel_noise

    del debug  # the guard reads it
    voice = Voice(json=json)
    with voice.warnings_shown():
        opened = open_image(file, axes.upper() if axes else None, find_choice(image)).in_memory()
        found = channel_noise(opened)
        if plot is not None:
            write_bytes(plot, noise_figure(found), overwrite=overwrite)
    own = opened.channel_names
    names = own if len(own) == len(found) else [str(number + 1) for number in range(len(found))]
    for name, channel in zip(names, found, strict=True):
        title = f"channel {name}\n" if len(found) > 1 else ""
        record = {"file": str(file), "channel": name, **noise_record(channel)}
        voice.result(record, title + aligned(noise_words(channel)))
