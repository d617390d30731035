"""The command ``n2d denoise``."""

from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Denoise images from nothing but themselves.\n\n"
    "The output has the shape, pixel type, intensity scale and metadata of the input. What was done is written "
    "beside it, to NAME.n2d.json. Inputs are never changed, and outputs that are there already are refused before any "
    "work begins.\n\n"
    "With --json, seconds_total is the wall time for a file with reading and writing, the first with the start of the "
    "program; seconds_denoise is planning and denoising alone.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files failed or were written without their report, 130 "
    "interrupted."
)

EXAMPLES = """[b]Examples[/b]

n2d denoise cells.tif

n2d denoise cells.tif -o result.tif --method noise2detail --recipe paper --seed 1

n2d denoise stack.npy --axes ZYX --fit shared --dtype float32

n2d denoise cells.tif --method bm3d --stabilize

n2d denoise cells.tif --plan plan.json

n2d denoise first.tif --method noise2noise --frames second.tif

n2d denoise positions.ome.tif --image 2

n2d denoise cells.tif --report

n2d denoise cells.tif --uncertainty --draws 8

n2d denoise folder -o denoised --json"""

Stages = Annotated[
    bool,
    typer.Option(
        "--stages", rich_help_panel=options.FILES,
        help="Also save every image on the way, as NAME_stage1 and so on beside the output.",
    ),
]  # fmt: skip


Uncertainty = Annotated[
    bool,
    typer.Option(
        "--uncertainty", rich_help_panel=options.FILES,
        help="Also save the standard uncertainty of each pixel, in image units, as NAME_uncertainty beside the output: "
        "fresh noise as measured is laid over the result, which is denoised again, many times. 32-bit floats, in the "
        "format of the output; TIFF instead of PNG and BMP, NIfTI instead of DICOM.",
    ),
]  # fmt: skip
Draws = Annotated[
    int | None,
    typer.Option(
        "--draws", metavar="N", rich_help_panel=options.FILES,
        help="Repeats for --uncertainty, each as long as the denoising itself. Default: 20.",
    ),
]  # fmt: skip
Repeatability = Annotated[
    int | None,
    typer.Option(
        "--repeatability", metavar="N", rich_help_panel=options.FILES,
        help="Denoise with so many further seeds too, and tell with --json, and in the record beside an uncertainty, "
        "how far their results lie apart; filters without chance have 0.",
    ),
]  # fmt: skip


@guarded
def denoise(
    context: typer.Context,
    inputs: options.Inputs,
    output: options.Output = None,
    out_dir: options.OutDir = None,
    method: options.Method = None,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    stabilize: options.Stabilize = False,
    unclip: options.Unclip = False,
    target: options.Target = None,
    anyway: options.Anyway = False,
    plan: options.ToReplay = None,
    seed: options.Seed = 0,
    fit: options.Fit = "auto",
    neighbours: options.Neighbours = "auto",
    channels: options.Channels = "joint",
    axes: options.Axes = None,
    image: options.Images = None,
    frames: options.Frames = None,
    dtype: options.PixelType = None,
    stages: Stages = False,
    uncertainty: Uncertainty = False,
    draws: Draws = None,
    repeatability: Repeatability = None,
    report: options.Report = None,
    again: options.Again = False,
    identify: options.Identify = False,
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
        from noise2detail.cli.denoising import Writing, denoise_files
        from noise2detail.cli.outputs import named_output
        from noise2detail.cli.replaying import settle_again
        from noise2detail.cli.reporting import Reporting
        from noise2detail.cli.uncertainty import find_repeating
        from noise2detail.cli.wishes import Wishes, settle

    wishes = Wishes(
        method=method,
        recipe=recipe,
        settings=tuple(settings or ()),
        seed=seed,
        axes=axes,
        image=image,
        pixel_type=dtype,
        device=device,
        precision=precision,
        threads=threads,
        fit=fit,
        neighbours=neighbours,
        channels=channels,
        max_memory=max_memory,
        stabilize=stabilize,
        unclip=unclip,
        target=target,
        anyway=anyway,
        frames=tuple(frames or ()),
    )
    repeating = find_repeating(uncertainty=uncertainty, draws=draws, seeds=repeatability)
    voice = Voice(json=json, quiet=quiet, verbose=verbose, debug=debug)
    settled = settle_again(plan, wishes, options.contradicting(context), voice) if plan else settle(wishes)
    writing = Writing(overwrite, stages, repeating, Reporting(report, overwrite, again, identify))
    raise typer.Exit(denoise_files(inputs, named_output(output, out_dir), settled, writing, voice))
