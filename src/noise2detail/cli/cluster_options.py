"""The options of ``n2d scale`` that say where else than here units are computed."""

from pathlib import Path
from typing import Annotated

import typer

ELSEWHERE = "On a cluster"
"""Panel of the help."""

Dask = Annotated[
    str | None,
    typer.Option(
        "--dask", metavar="ADDRESS", rich_help_panel=ELSEWHERE,
        help="Units go to the workers of a Dask scheduler, tcp://HOST:8786, or to N processes that Dask starts here: "
        "local:N. One unit at a time in each worker process.",
    ),
]  # fmt: skip
Slurm = Annotated[
    bool,
    typer.Option(
        "--slurm", rich_help_panel=ELSEWHERE,
        help="Plan and train here, then submit the missing units to Slurm: an array of jobs, and one after it that "
        "finishes the output.",
    ),
]  # fmt: skip
SlurmWrite = Annotated[
    bool,
    typer.Option(
        "--slurm-write", rich_help_panel=ELSEWHERE,
        help="The same, but only write the scripts, to be looked at and submitted by hand.",
    ),
]  # fmt: skip
SlurmFolder = Annotated[
    Path | None,
    typer.Option(
        "--slurm-folder", metavar="FOLDER", rich_help_panel=ELSEWHERE,
        help="For the scripts and what the jobs say; on a disk that the nodes see. Default: in OUT.ome.zarr.n2d.",
    ),
]  # fmt: skip
SlurmPartition = Annotated[
    str | None, typer.Option("--slurm-partition", metavar="NAME", rich_help_panel=ELSEWHERE, help="Partition.")
]
SlurmTime = Annotated[
    str | None,
    typer.Option(
        "--slurm-time", metavar="TIME", rich_help_panel=ELSEWHERE, help="Wall time of a job: 4:00:00, 30 (minutes)."
    ),
]
SlurmMemory = Annotated[
    str,
    typer.Option("--slurm-memory", metavar="SIZE", rich_help_panel=ELSEWHERE, help="Memory of a job, such as 4G."),
]
SlurmTasks = Annotated[
    int | None,
    typer.Option(
        "--slurm-tasks", min=1, metavar="N", rich_help_panel=ELSEWHERE,
        help="Jobs of the array, which share the units. Default: one for each unit, at most 100.",
    ),
]  # fmt: skip
SlurmAtOnce = Annotated[
    int | None,
    typer.Option(
        "--slurm-at-once", min=1, metavar="N", rich_help_panel=ELSEWHERE, help="Most jobs that run at the same time."
    ),
]
SlurmWarning = Annotated[
    int,
    typer.Option(
        "--slurm-warning", min=1, metavar="SECONDS", rich_help_panel=ELSEWHERE,
        help="So long before its wall time a job finishes its unit and ends: longer than a unit takes.",
    ),
]  # fmt: skip
SlurmOption = Annotated[
    list[str] | None,
    typer.Option(
        "--slurm-option", metavar="NAME=VALUE", rich_help_panel=ELSEWHERE,
        help="Any other option of sbatch: account=imaging, gres=gpu:1, exclusive. Repeatable.",
    ),
]  # fmt: skip
