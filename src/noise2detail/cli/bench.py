"""The commands ``n2d bench run`` and ``n2d bench table``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.compare import Resume
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

RUN_HELP = (
    "Run a benchmark: every method of a case on every image of its data sets.\n\n"
    "A case is a TOML file that names data sets, methods with settings, seeds and metrics. Results are JSON lines, "
    "written as they come: the commit, versions, machine and exact command first. A method that fails is a line that "
    "says why; the others go on."
)

RUN_EXAMPLES = """[b]Examples[/b]

n2d bench run benchmarks/cases/paper_table3.toml --data datasets -o table3.jsonl

n2d bench run benchmarks/cases/paper_table3.toml --quick --data datasets -o table3.jsonl --resume"""

TABLE_HELP = (
    "Show results as a page in Markdown with plots beside it: quality against seconds with the Pareto front, and box "
    "plots by subset."
)

TABLE_EXAMPLES = """[b]Example[/b]

n2d bench table table3.jsonl -o table3.md"""

CaseFile = Annotated[Path, typer.Argument(metavar="CASE.toml", help="Benchmark case.", show_default=False)]
Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="Folder that the case's paths start from.", rich_help_panel="Files"),
]
ResultFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", rich_help_panel="Files",
                 help="Results as JSON lines. Default: the case's name with .jsonl, here."),
]  # fmt: skip
Quick = Annotated[
    bool,
    typer.Option("--quick", help="The case's reduced form, as its file says.", rich_help_panel=options.WHAT),
]
ResultsIn = Annotated[
    Path, typer.Argument(metavar="RESULTS.jsonl", help="What `n2d bench run` wrote.", show_default=False)
]
Page = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE.md", rich_help_panel="Files",
                 help="The page; plots go beside it. Default: on standard output, without plots."),
]  # fmt: skip


@guarded
def run(
    case: CaseFile,
    data: Data = Path(),
    output: ResultFile = None,
    quick: Quick = False,
    resume: Resume = False,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Results of a case."""
    with loading():
        from noise2detail.bench.case import read_case
        from noise2detail.bench.run import Order, run_case
        from noise2detail.cli.places import places_bar, tell_row
        from noise2detail.cli.wishes import Wishes, find_run

    del debug  # the guard reads it
    voice = Voice(json=json, quiet=quiet)
    order = Order(
        root=data,
        output=output or Path(f"{case.stem}{'-quick' if quick else ''}.jsonl"),
        command=options.typed(),
        run=find_run(Wishes(device=device, precision=precision, threads=threads)),
        resume=resume,
        overwrite=overwrite,
        on_row=tell_row(voice),
    )
    with voice.warnings_shown(), places_bar(shown=not quiet) as on_place:
        results = run_case(read_case(case, quick=quick), order, on_place)
    failed = sum(bool(row.get("error")) for row in results.rows)
    voice.note(f"{len(results.rows) - failed} results, {failed} failed: {order.output}")


@guarded
def table(
    results: ResultsIn,
    output: Page = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """A page of results."""
    with loading():
        from noise2detail.bench.plots import draw
        from noise2detail.bench.results import read_results
        from noise2detail.bench.tables import board_of, report
        from noise2detail.io import write_bytes

    del debug  # the guard reads it
    found, voice = read_results(results), Voice(quiet=quiet)
    if output is None:
        voice.result({}, report(found).rstrip())
        return
    write_bytes(output, report(found).encode(), overwrite=overwrite)
    pictures = draw(board_of(found), output.with_suffix(""))
    write_bytes(output, report(found, [picture.name for picture in pictures]).encode(), overwrite=True)
    voice.result({}, "\n".join(map(str, (output, *pictures))))


app = typer.Typer(help="Run benchmarks and show their results.", no_args_is_help=True)
app.command("run", help=RUN_HELP, epilog=RUN_EXAMPLES)(run)
app.command("table", help=TABLE_HELP, epilog=TABLE_EXAMPLES)(table)
