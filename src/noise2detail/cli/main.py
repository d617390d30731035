"""The command ``n2d``: its commands, its start and its end as a process. PyTorch is imported only where needed."""

import signal
import sys
from typing import Annotated

import typer

from noise2detail.cli import (
    bench,
    compare,
    convert,
    data,
    denoise,
    doctor,
    figure,
    fiji,
    fit,
    info,
    methods,
    noise,
    plan,
    report,
    scale,
    scale_task,
    watch,
)
from noise2detail.cli.guard import tell
from noise2detail.cli.optional_value import WithReport
from noise2detail.version import __version__

app = typer.Typer(
    name="n2d",
    help="Denoise a biomedical image from nothing but itself.",
    epilog="Start with [b]n2d denoise cells.tif[/b]; every command explains itself with --help.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("denoise", cls=WithReport, help=denoise.HELP, epilog=denoise.EXAMPLES)(denoise.denoise)
app.command("scale", help=scale.HELP, epilog=scale.EXAMPLES)(scale.scale)
app.command("scale-task", help=scale_task.HELP, epilog=scale_task.EXAMPLES)(scale_task.scale_task)
app.command("fit", help=fit.FIT_HELP, epilog=fit.FIT_EXAMPLES)(fit.fit)
app.command("apply", help=fit.APPLY_HELP, epilog=fit.APPLY_EXAMPLES)(fit.apply)
app.command("watch", help=watch.HELP, epilog=watch.EXAMPLES)(watch.watch)
app.command("compare", help=compare.HELP, epilog=compare.EXAMPLES)(compare.compare)
app.command("figure", help=figure.HELP, epilog=figure.EXAMPLES)(figure.figure)
app.command("convert", help=convert.HELP, epilog=convert.EXAMPLES)(convert.convert)
app.command("report", help=report.HELP, epilog=report.EXAMPLES)(report.report)
app.add_typer(bench.app, name="bench")
app.add_typer(data.app, name="data")
app.command("fiji", help=fiji.HELP, epilog=fiji.EXAMPLES)(fiji.fiji)
app.command("info", help=info.HELP, epilog=info.EXAMPLES)(info.info)
app.command("plan", help=plan.HELP, epilog=plan.EXAMPLES)(plan.plan)
app.command("noise", help=noise.HELP, epilog=noise.EXAMPLES)(noise.noise)
app.command("methods", help=methods.HELP)(methods.methods)
app.command("doctor", help=doctor.HELP)(doctor.doctor)


def show_version(wanted: bool) -> bool:
    """The wish, unless it is fulfilled, which ends the program."""
    if wanted:
        from noise2detail.host.versions import commit

        typer.echo(f"noise2detail {__version__} (commit {(commit() or 'unknown')[:12]})")
        raise typer.Exit
    return wanted


@app.callback(no_args_is_help=True)
def top(
    version: Annotated[
        bool, typer.Option("--version", help="Print version and commit.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Nothing: what is common to all commands has been done by now."""
    del version


def main() -> None:
    """Run the command line of this process."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name that the console cannot show must not end the run
            stream.reconfigure(errors="backslashreplace")
    try:
        app(sys.argv[1:] or ["--help"], prog_name="n2d")
    except KeyboardInterrupt:
        tell("interrupted: nothing was written")
        sys.exit(130)


def _terminate(number: int, frame: object) -> None:
    del frame
    raise KeyboardInterrupt(number)
