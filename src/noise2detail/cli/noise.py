"""The command ``n2d noise``."""

from dataclasses import replace
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

n2d noise folder --json

n2d noise stack.npy --axes ZYX --json

n2d noise cells.tif --plot noise.png"""

Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE.png", rich_help_panel=options.FILES,
                 help="Draw what was measured: variance against brightness, the spectrum, and the noise's values."),
]  # fmt: skip


@guarded
def noise(
    files: options.Inputs,
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
        from noise2detail.cli.telling import Told, tell_each, title_of
        from noise2detail.io import write_bytes
        from noise2detail.io.source import Source, open_source
        from noise2detail.pipeline.noise import channel_noise
        from noise2detail.report.noise_words import noise_record, noise_words

    del debug  # the guard reads it
    choice = find_choice(image)
    voice = Voice(json=json)

    def tell(source: Source) -> Told:
        opened = open_source(replace(source, image=choice), axes.upper() if axes else None).in_memory()
        found = channel_noise(opened)
        if plot is not None:
            write_bytes(plot, noise_figure(found), overwrite=overwrite)
        own = opened.channel_names
        names = own if len(own) == len(found) else [str(number + 1) for number in range(len(found))]
        for name, channel in zip(names, found, strict=True):
            title = f"channel {name}\n" if len(found) > 1 else ""
            record = {"file": str(source.path), "channel": name, **noise_record(channel)}
            yield record, title_of(source, files) + title + aligned(noise_words(channel))

    with voice.warnings_shown():
        code = tell_each(files, tell, voice, single="--plot" if plot else "")
    raise typer.Exit(code)
