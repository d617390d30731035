"""The command ``n2d plan``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Show what `n2d denoise` would do with an image, the reason for each choice, and about how long it takes and how "
    "much memory; nothing is denoised.\n\n"
    "With -o the plan is kept in a file, which `n2d denoise --plan` replays: with the same image, type of output and "
    "machine the same bits come out. Images that denoising would harm are refused here as there, exit code 1.\n\n"
    "With --units the plan is one of units, for `n2d scale`: an OME-Zarr of any size is sampled, a denoiser trained, "
    "and both kept in two files, PLAN.json and PLAN.safetensors."
)

EXAMPLES = """[b]Examples[/b]

n2d plan cells.tif

n2d plan folder --json

n2d plan stack.npy --axes ZYX --fit shared --json

n2d plan cells.tif --method bm3d --stabilize -o cells_plan.json

n2d plan big.ome.zarr --units plan.json -o big_denoised.ome.zarr"""

PlanFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="PLAN.json", rich_help_panel=options.FILES,
                 help="Keep the plan in this file, for `n2d denoise --plan`; with --units the output that is planned."),
]  # fmt: skip
Units = Annotated[
    Path | None,
    typer.Option(
        "--units", metavar="PLAN.json", rich_help_panel=options.FILES,
        help="Plan the units of an OME-Zarr for `n2d scale --plan`, train the denoiser, and keep both.",
    ),
]  # fmt: skip

NOT_FOR_UNITS = ("target", "anyway", "fit", "frames", "dtype", "max_memory")
"""Arguments that a plan of units has no place for."""


@guarded
def plan(
    context: typer.Context,
    files: options.Inputs,
    output: PlanFile = None,
    units: Units = None,
    method: options.Method = None,
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    stabilize: options.Stabilize = False,
    unclip: options.Unclip = False,
    target: options.Target = None,
    anyway: options.Anyway = False,
    seed: options.Seed = 0,
    fit: options.Fit = "auto",
    neighbours: options.Neighbours = "auto",
    channels: options.Channels = "joint",
    axes: options.Axes = None,
    image: options.Image = None,
    frames: options.Frames = None,
    dtype: options.PixelType = None,
    storage: options.StorageOptions = None,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    max_memory: options.MaxMemory = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """A plan on standard output, and in a file where one is named."""
    with loading():
        from noise2detail.cli.planned import tell_plans
        from noise2detail.cli.wishes import Wishes

    del debug  # the guard reads it
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
    if units is not None:
        from noise2detail.cli.scaling import plan_units, unit_request

        refused = options.typed_of(context, NOT_FOR_UNITS)
        request = unit_request(files, output, wishes, tuple(storage or ()), refused, overwrite=overwrite)
        if "channels" not in options.typed_of(context, ("channels",)):
            request = replace(request, wishes=replace(request.wishes, channels="each"))
        raise typer.Exit(plan_units(request, units, Voice(json=json)))
    raise typer.Exit(tell_plans(files, wishes, output, overwrite=overwrite, voice=Voice(json=json)))
