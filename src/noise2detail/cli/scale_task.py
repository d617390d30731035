"""The command ``n2d scale-task``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Do a share of the units of an output that `n2d scale` has begun: for the jobs of a batch system.\n\n"
    "`n2d scale --slurm` writes scripts that call it. For any other system, begin the output with --slurm-write, run "
    "task 0/N, 1/N, ... in N jobs, and --last in one after them. Every job does what is missing of its share, so all "
    "can be submitted again. SIGTERM finishes the unit in flight.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some units failed and are named, 75 stopped and to be gone on "
    "with, 130 interrupted at once."
)

EXAMPLES = """[b]Examples[/b]

n2d scale-task big_denoised.ome.zarr --task 0/8

n2d scale-task big_denoised.ome.zarr --last"""

Target = Annotated[
    str,
    typer.Argument(metavar="OUT.ome.zarr", show_default=False, help="The output, a path or an address."),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task", metavar="K/N", rich_help_panel=options.HOW,
        help="Which share: every N-th unit in full size, from the K-th on, counted from 0.",
    ),
]  # fmt: skip
Last = Annotated[
    bool,
    typer.Option(
        "--last", rich_help_panel=options.HOW,
        help="After all tasks: check every unit, do those that are missing, and the smaller sizes.",
    ),
]  # fmt: skip
Units = Annotated[
    Path | None,
    typer.Option(
        "--units", metavar="FILE", rich_help_panel=options.FILES,
        help="Share out the units that this file lists, as --slurm has written it. Default: all.",
    ),
]  # fmt: skip
Claim = Annotated[
    str,
    typer.Option(
        "--claim", metavar="TOKEN", rich_help_panel=options.HOW,
        help="Of the claim under which all tasks work, as --slurm has written it. Default: nobody has one.",
    ),
]  # fmt: skip
Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=0, metavar="N", rich_help_panel=options.HOW,
        help="With --last: units at work at once, each in a process of its own; 0: in this process.",
    ),
]  # fmt: skip


@guarded
def scale_task(
    output: Target,
    task: Task = None,
    last: Last = False,
    units: Units = None,
    claim: Claim = "",
    workers: Workers = 0,
    storage: options.StorageOptions = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Units of a begun output."""
    with loading():
        from noise2detail.cli.scale_tasks import do_last, do_share
        from noise2detail.cli.scaling import storage_options
        from noise2detail.errors import SettingError
        from noise2detail.scale.tasks import Share, plan_of

    if last == (task is not None):
        raise SettingError("expected either --task K/N, or --last after all tasks")
    voice = Voice(json=json, quiet=quiet, debug=debug)
    plan = plan_of(output, storage_options(storage or ()))
    if last:
        raise typer.Exit(do_last(plan, claim, workers, voice))
    raise typer.Exit(do_share(plan, Share(str(task), units, claim), voice))
