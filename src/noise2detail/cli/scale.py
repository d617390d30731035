"""The command ``n2d scale``."""

from typing import Annotated

import typer

from noise2detail.cli import cluster_options as cluster
from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Denoise an OME-Zarr of any size, in units: larger than memory, on several processes, resumed where it ended.\n\n"
    "Statistics and training happen once, on crops of the whole image. Then every unit, one or more whole shards or "
    "chunks, is read with what surrounds it, denoised and written by itself: the result does not depend on who runs "
    "which unit when. Beside the output, OUT.ome.zarr.n2d holds the plan, the denoiser and a marker for each unit that "
    "is done. What makes the output an image is written last, so nobody takes an unfinished one for a whole.\n\n"
    "Ctrl-C and SIGTERM finish the units in flight and stop; the same command goes on from there. A second Ctrl-C "
    "stops at once. Another plan, input or version is not mixed with what is there, but refused.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some units failed and are named, 75 stopped and to be gone on "
    "with, 130 interrupted at once."
)

EXAMPLES = """[b]Examples[/b]

n2d scale big.ome.zarr -o big_denoised.ome.zarr

n2d scale big.ome.zarr -o big_denoised.ome.zarr --workers 4

n2d scale big.ome.zarr -o big_denoised.ome.zarr --status

n2d scale s3://bucket/big.ome.zarr -o s3://bucket/denoised.ome.zarr --storage-option endpoint_url=http://localhost:9000

n2d scale big.ome.zarr -o big_denoised.ome.zarr --dask tcp://head:8786

n2d scale big.ome.zarr -o big_denoised.ome.zarr --slurm --slurm-time 4:00:00 --slurm-tasks 50

n2d plan big.ome.zarr --units plan.json

n2d scale big.ome.zarr -o big_denoised.ome.zarr --plan plan.json"""

Source = Annotated[
    str,
    typer.Argument(
        metavar="IN.ome.zarr", show_default=False, help="An OME-Zarr, by its path or an address such as s3://..."
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="OUT.ome.zarr", rich_help_panel=options.FILES,
        help="The output, a path or an address. Default: NAME_denoised beside the input.",
    ),
]  # fmt: skip
Method = Annotated[
    str,
    typer.Option(
        "--method", "-m", rich_help_panel=options.WHAT,
        help="Method id; one that learns a filter of limited reach. auto works on whole planes only.",
    ),
]  # fmt: skip
Channels = Annotated[
    str,
    typer.Option(
        "--channels", metavar="joint|each", rich_help_panel=options.WHAT,
        help="Channels trained together or one by one.",
    ),
]  # fmt: skip
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=0, metavar="N", rich_help_panel=options.HOW,
        help="Units at work at once, each in a process of its own; 0: one after the other in this process. Default: "
        "one for each core.",
    ),
]  # fmt: skip
Threads = Annotated[
    str | None,
    typer.Option(
        "--threads", metavar="N", rich_help_panel=options.HOW,
        help="Processor threads of each unit, part of the plan. Default: cores by workers.",
    ),
]  # fmt: skip
UnitPixels = Annotated[
    int | None,
    typer.Option(
        "--unit-pixels", min=1, metavar="N", rich_help_panel=options.WHAT,
        help="Pixels up to which small shards or chunks are put together to one unit, part of the plan. Default: 16 "
        "million; fewer take less memory and are lost sooner, more read less around them.",
    ),
]  # fmt: skip
ToReplay = Annotated[
    str | None,
    typer.Option(
        "--plan", metavar="PLAN.json", rich_help_panel=options.WHAT,
        help="A plan from `n2d plan --units`, with its denoiser beside it: nothing is trained, and it decides all that "
        "stands under 'What is computed'.",
    ),
]  # fmt: skip
Status = Annotated[
    bool,
    typer.Option(
        "--status", rich_help_panel=options.SHOWN, help="Tell how far the output is, and who works on it; do nothing."
    ),
]


PLANNED = (
    "method", "recipe", "settings", "stabilize", "unclip", "unit_pixels", "seed", "channels", "axes", "image", "device",
    "precision", "threads",
)  # fmt: skip
"""Arguments that a plan of units has decided."""


@guarded
def scale(
    context: typer.Context,
    source: Source,
    output: Target = None,
    method: Method = "noise2detail",
    recipe: options.Recipe = None,
    settings: options.Settings = None,
    stabilize: options.Stabilize = False,
    unclip: options.Unclip = False,
    unit_pixels: UnitPixels = None,
    plan: ToReplay = None,
    seed: options.Seed = 0,
    channels: Channels = "each",
    axes: options.Axes = None,
    image: options.Image = None,
    storage: options.StorageOptions = None,
    overwrite: options.Overwrite = False,
    workers: Workers = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: Threads = None,
    dask: cluster.Dask = None,
    slurm: cluster.Slurm = False,
    slurm_write: cluster.SlurmWrite = False,
    slurm_folder: cluster.SlurmFolder = None,
    slurm_partition: cluster.SlurmPartition = None,
    slurm_time: cluster.SlurmTime = None,
    slurm_memory: cluster.SlurmMemory = "2G",
    slurm_tasks: cluster.SlurmTasks = None,
    slurm_at_once: cluster.SlurmAtOnce = None,
    slurm_warning: cluster.SlurmWarning = 120,
    slurm_option: cluster.SlurmOption = None,
    status: Status = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    debug: options.Debug = False,
) -> None:
    """A denoised store."""
    with loading():
        from noise2detail.cli.scale_clusters import Elsewhere, scale_elsewhere
        from noise2detail.cli.scaling import Request, scale_store, tell_status
        from noise2detail.cli.wishes import Wishes
        from noise2detail.scale.slurm import SlurmWish

    wishes = Wishes(
        method=method,
        recipe=recipe,
        settings=tuple(settings or ()),
        seed=seed,
        axes=axes,
        image=image,
        device=device,
        precision=precision,
        threads=threads,
        fit="shared",
        channels=channels,
        stabilize=stabilize,
        unclip=unclip,
    )
    voice = Voice(json=json, quiet=quiet, verbose=verbose, debug=debug)
    request = Request(source, output, wishes, tuple(storage or ()), workers, plan, overwrite, unit_pixels)
    if status:
        raise typer.Exit(tell_status(request, voice))
    if plan is not None:
        options.refuse_contradiction(plan, options.contradicting(context, PLANNED))
    wish = SlurmWish(
        slurm_partition,
        slurm_time,
        memory=slurm_memory,
        tasks=slurm_tasks,
        at_once=slurm_at_once,
        warning=slurm_warning,
        options=tuple(slurm_option or ()),
    )
    elsewhere = Elsewhere(dask, slurm, slurm_write, slurm_folder, wish)
    if elsewhere.is_here:
        raise typer.Exit(scale_store(request, voice))
    raise typer.Exit(scale_elsewhere(request, elsewhere, voice))
