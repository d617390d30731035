"""The command ``n2d info``."""

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Show what is known about images, what a result would be called and could not hold, and about how long and how "
    "much memory `n2d denoise` would take; nothing is written, and the noise is not measured: that does `n2d plan`.\n\n"
    "With --json there is one object for each file.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files failed, 130 interrupted."
)

EXAMPLES = """[b]Examples[/b]

n2d info cells.ome.tif

n2d info stack.npy --axes ZYX --recipe best

n2d info folder --json"""


@guarded
def info(
    files: options.Inputs,
    method: options.Method = None,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    fit: options.Fit = "auto",
    channels: options.Channels = "joint",
    axes: options.Axes = None,
    image: options.Image = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Facts on standard output."""
    with loading():
        from noise2detail.cli.file_facts import file_facts
        from noise2detail.cli.telling import tell_each
        from noise2detail.cli.wishes import Wishes, settle

    settled = settle(
        Wishes(
            method=method,
            recipe=recipe,
            settings=tuple(settings or ()),
            fit=fit,
            channels=channels,
            axes=axes,
            image=image,
            device=device,
            precision=precision,
            threads=threads,
        )
    )
    del debug  # the guard reads it
    voice = Voice(json=json)
    with voice.warnings_shown():
        code = tell_each(files, lambda source: [file_facts(source, settled)], voice)
    raise typer.Exit(code)
