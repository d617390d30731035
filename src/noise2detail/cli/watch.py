"""The command ``n2d watch``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Watch a folder and denoise every image as soon as a microscope has written it.\n\n"
    "A file is taken when its size and time have not changed for the settling time and it opens as a whole: with all "
    "planes that its OME-XML announces, all frames of its NDTiff index. Files that are hidden, named like .part or "
    ".tmp, or results of this program are left alone; other files are ignored. The folder is listed again and again, "
    "so network shares work too, whatever their clocks say.\n\n"
    "One denoiser serves all files: learnt from the first, kept in OUT, and learnt anew when the noise or the content "
    "of a file has drifted away. A second start does only what is missing. Ctrl-C ends after the file in flight; a "
    "second Ctrl-C leaves that undone.\n\n"
    "Exit codes: 0 all done, 1 nothing done, 2 wrong usage, 3 some files failed or never became complete, 130 "
    "interrupted twice."
)

EXAMPLES = """[b]Examples[/b]

n2d watch microscope -o denoised

n2d watch microscope -o denoised --until-idle 3600

n2d watch microscope -o denoised --once --fit-on each --json

n2d watch microscope -o denoised --denoiser experiment.safetensors --settle 60"""

WHEN = "When it looks and when it ends"

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER", show_default=False, help="The folder that files are written to, with all below it."
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="OUT", show_default=False, rich_help_panel=options.FILES,
        help="Folder of the results, created if absent, in which they keep their places. It may lie in FOLDER.",
    ),
]  # fmt: skip
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="SUFFIX", rich_help_panel=options.FILES,
        help="Format of the results, such as .ome.tif or .ome.zarr. Default: as the input, if that can be written.",
    ),
]  # fmt: skip
FitOn = Annotated[
    str,
    typer.Option(
        "--fit-on", metavar="first|each", rich_help_panel=options.WHAT,
        help="One denoiser for all files, learnt from the first; or a training for each file.",
    ),
]  # fmt: skip
Denoiser = Annotated[
    Path | None,
    typer.Option(
        "--denoiser", metavar="FILE", rich_help_panel=options.WHAT,
        help="Apply what n2d fit has written, NAME.safetensors, instead of learning from the first file.",
    ),
]  # fmt: skip
OnDrift = Annotated[
    str | None,
    typer.Option(
        "--on-drift", metavar="refit|keep", rich_help_panel=options.WHAT,
        help="Where a file is unlike those that the denoiser has learnt from: learn again from it, or only say so. "
        "Default: refit, and keep with --denoiser.",
    ),
]  # fmt: skip
Interval = Annotated[
    float, typer.Option("--interval", metavar="SECONDS", help="From one look to the next.", rich_help_panel=WHEN)
]
Settle = Annotated[
    float,
    typer.Option(
        "--settle", metavar="SECONDS", rich_help_panel=WHEN,
        help="For which a file must stay as it is before it is opened. Formats that announce nothing, such as a plain "
        "TIFF that grows page by page, need more than the longest pause between two pages.",
    ),
]  # fmt: skip
UntilIdle = Annotated[
    float | None,
    typer.Option(
        "--until-idle", metavar="SECONDS", rich_help_panel=WHEN,
        help="End when nothing new has come for so long. Default: go on until Ctrl-C.",
    ),
]  # fmt: skip
Once = Annotated[
    bool, typer.Option("--once", help="Denoise what is there and complete, and end.", rich_help_panel=WHEN)
]
Gone = Annotated[
    float,
    typer.Option(
        "--wait-for-folder", metavar="SECONDS", rich_help_panel=WHEN,
        help="How long to wait for FOLDER when it disappears, as with a share that is disconnected.",
    ),
]  # fmt: skip
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", rich_help_panel=options.FILES,
        help="Denoise files again that were changed since, and all files where other settings are asked for than those "
        "that OUT was begun with.",
    ),
]  # fmt: skip


@guarded
def watch(
    folder: Folder,
    output: Output,
    to: To = None,
    fit_on: FitOn = "first",
    denoiser: Denoiser = None,
    on_drift: OnDrift = None,
    method: options.Method = None,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    stabilize: options.Stabilize = False,
    unclip: options.Unclip = False,
    anyway: options.Anyway = False,
    seed: options.Seed = 0,
    channels: options.Channels = "joint",
    axes: options.Axes = None,
    dtype: options.PixelType = None,
    interval: Interval = 2.0,
    settle: Settle = 5.0,
    until_idle: UntilIdle = None,
    once: Once = False,
    wait_for_folder: Gone = 600.0,
    overwrite: Overwrite = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Denoised files, one after the other as they come."""
    with loading():
        from noise2detail.cli.watch_work import Places
        from noise2detail.cli.watching import find_learning, watch_folder
        from noise2detail.cli.wishes import Wishes
        from noise2detail.cli.wishes import settle as settled
        from noise2detail.io.names import writable_suffix
        from noise2detail.watch.watching import Patience

    wishes = Wishes(
        method=method,
        recipe=recipe,
        settings=tuple(settings or ()),
        seed=seed,
        axes=axes,
        pixel_type=dtype,
        device=device,
        precision=precision,
        threads=threads,
        channels=channels,
        max_memory=max_memory,
        stabilize=stabilize,
        unclip=unclip,
        anyway=anyway,
    )
    places = Places(folder, output, None if to is None else writable_suffix(to), overwrite)
    learning = find_learning(fit_on, denoiser, on_drift)
    patience = Patience(interval, settle, until_idle, wait_for_folder, once)
    voice = Voice(json=json, quiet=quiet, verbose=verbose, debug=debug)
    raise typer.Exit(watch_folder(places, settled(wishes), learning, patience, voice))
