"""The commands ``n2d data list`` and ``n2d data fetch``."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.voice import Voice

if TYPE_CHECKING:
    from noise2detail.bench.download import FetchProgress

_INTERVAL = 0.1
"""Seconds between two updates of a bar."""

LIST_HELP = "List the data sets that can be downloaded, with licences and where they come from."

FETCH_HELP = (
    "Download a data set from where its authors keep it, check it, and unpack it.\n\n"
    "An interrupted download goes on where it stopped. A checksum that the authors have published is compared; where "
    "there is none, that of the first download is recorded beside the file and compared from then on. A file that does "
    "not match is kept aside as NAME.bad and not used."
)

FETCH_EXAMPLES = """[b]Examples[/b]

n2d data fetch msd-task09 -o datasets

n2d data fetch fmd/test_mix -o datasets"""

Name = Annotated[str, typer.Argument(metavar="NAME", help="Data set, or SET/FILE for one file of it.",
                                     show_default=False)]  # fmt: skip
Folder = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="DIR", help="Folder of all data sets; each gets one of its own in it.",
                 rich_help_panel=options.FILES),
]  # fmt: skip
Mirror = Annotated[
    str | None,
    typer.Option("--mirror", metavar="URL", help="Take the files from here instead, by their names.",
                 rich_help_panel=options.FILES),
]  # fmt: skip


@guarded
def listing(json: options.Json = False, debug: options.Debug = False) -> None:
    """Data sets on standard output."""
    from noise2detail.bench.sources import SOURCES

    del debug  # the guard reads it
    voice = Voice(json=json)
    for name, source in SOURCES.items():
        sizes = [file.size for file in source.files]
        size = f", {sum(s or 0 for s in sizes) / 1e9:.1f} GB" if all(sizes) else ""
        record = {"name": name, "title": source.title, "home": source.home, "licence": source.licence}
        record["files"] = ", ".join(file.name for file in source.files)
        voice.result(
            record, f"{name}: {source.title}{size}\n    {source.home}\n    {source.licence}\n    {record['files']}"
        )


@guarded
def fetch(
    name: Name,
    output: Folder = Path("datasets"),
    mirror: Mirror = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """A data set in a folder."""
    from noise2detail.bench.fetch import fetch as fetch_data
    from noise2detail.bench.sources import find_source

    del debug  # the guard reads it
    voice = Voice(json=json, quiet=quiet)
    source = find_source(name)
    voice.note(f"{source.title}\n{source.licence}\nPlease cite: {source.citation}")
    with _progress(shown=not quiet) as on_progress:
        fetched = fetch_data(name, output, mirror, on_progress)
    for recorded in fetched.recorded:
        voice.note(f"{recorded}: nobody has published a checksum; that of this download was recorded beside it")
    record = {"name": name, "folder": str(fetched.folder), "layout": source.layout, "licence": source.licence}
    voice.result(record, f"{fetched.folder}: layout {source.layout!r} for benchmark cases")


@contextmanager
def _progress(*, shown: bool) -> "Iterator[Callable[[FetchProgress], None]]":
    """Listener that draws a bar for the file in work; nothing stays on the screen."""
    if not shown or not sys.stderr.isatty():
        from noise2detail.bench.download import ignore_fetch

        yield ignore_fetch
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    due = 0.0
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("", total=None)

        def show(progress: "FetchProgress") -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _INTERVAL
                said = f"{progress.file} {progress.stage}"
                bars.update(task, description=said, completed=progress.done, total=progress.total)

        yield show


app = typer.Typer(help="Data sets for benchmarks.", no_args_is_help=True)
app.command("list", help=LIST_HELP)(listing)
app.command("fetch", help=FETCH_HELP, epilog=FETCH_EXAMPLES)(fetch)
