"""The commands ``n2d fit`` and ``n2d apply``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

FIT_HELP = (
    "Fit one denoiser to an image or series and keep it in a file.\n\n"
    "Apply it with `n2d apply` to control and treated images alike: all of them then go through one and the same "
    "function of their pixel values, and a comparison of their intensities stays fair. The file holds weights and "
    "settings, no code."
)

FIT_EXAMPLES = """[b]Examples[/b]

n2d fit control.tif -o experiment.safetensors

n2d apply experiment.safetensors control.tif treated.tif -o denoised"""

APPLY_HELP = (
    "Denoise images with what `n2d fit` has learnt.\n\n"
    "The images need as many channels as the one that was fitted to. Outputs, exit codes and --json are as for "
    "`n2d denoise`."
)

APPLY_EXAMPLES = """[b]Examples[/b]

n2d apply experiment.safetensors treated.tif

n2d apply experiment.safetensors control_folder -o control_denoised"""

Control = Annotated[Path, typer.Argument(metavar="CONTROL", help="Image or series to learn from.", show_default=False)]
FittedOutput = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Where to keep the denoiser: NAME.safetensors.", show_default=False,
        rich_help_panel=options.FILES,
    ),
]  # fmt: skip
Model = Annotated[
    Path, typer.Argument(metavar="DENOISER", help="What n2d fit has written: NAME.safetensors.", show_default=False)
]


@guarded
def fit(
    control: Control,
    output: FittedOutput,
    method: options.Method = None,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    stabilize: options.Stabilize = False,
    unclip: options.Unclip = False,
    target: options.Target = None,
    anyway: options.Anyway = False,
    seed: options.Seed = 0,
    channels: options.Channels = "joint",
    axes: options.Axes = None,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """A file that holds a denoiser."""
    with loading():
        from noise2detail.cli.experiment import fit_file
        from noise2detail.cli.wishes import Wishes, settle

    wishes = Wishes(
        method=method,
        recipe=recipe,
        settings=tuple(settings or ()),
        seed=seed,
        axes=axes,
        device=device,
        precision=precision,
        threads=threads,
        fit="shared",
        stabilize=stabilize,
        unclip=unclip,
        target=target,
        anyway=anyway,
        channels=channels,
        max_memory=max_memory,
    )
    voice = Voice(json=json, quiet=quiet, verbose=verbose, debug=debug)
    raise typer.Exit(fit_file(control, output, settle(wishes), overwrite, voice))


@guarded
def apply(
    model: Model,
    inputs: options.Inputs,
    output: options.Output = None,
    out_dir: options.OutDir = None,
    axes: options.Axes = None,
    dtype: options.PixelType = None,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """Denoised files."""
    with loading():
        from noise2detail.cli.experiment import Application, apply_files
        from noise2detail.cli.outputs import named_output
        from noise2detail.cli.pixel_type import find_pixel_type
        from noise2detail.cli.wishes import Wishes, find_run

    application = Application(
        run=find_run(Wishes(device=device, precision=precision, threads=threads, max_memory=max_memory)),
        axes=axes.upper() if axes else None,
        pixel_type=find_pixel_type(dtype),
        overwrite=overwrite,
    )
    voice = Voice(json=json, quiet=quiet, verbose=verbose, debug=debug)
    raise typer.Exit(apply_files(model, inputs, named_output(output, out_dir), application, voice))
