"""The command ``n2d compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

if TYPE_CHECKING:
    from noise2detail.bench.compare import Crop

HELP = (
    "Run many methods on one image and show them side by side.\n\n"
    "The folder holds table.md, sheet.png (every result with the same part magnified), the images, and results.jsonl; "
    "all are brought up to date after each method. At the end comes report.html, a page on which any two results can "
    "be compared with a slider, with the verdict on each. With a reference the table gives PSNR and SSIM, without one "
    "it says what each method has taken away: a result that leaves the noise in, or takes structure along, is told. A "
    "method that fails is a row that says why."
)

EXAMPLES = """[b]Examples[/b]

n2d compare cells.tif -o comparison

n2d compare cells.tif --crop 100,200,256,256 --methods noise2detail,bm3d+stabilize,gaussian -o comparison

n2d compare raw.png --reference average.png -o comparison --resume"""

Input = Annotated[Path, typer.Argument(metavar="IMAGE", help="Image file.", show_default=False)]
Folder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results, created if absent.",
                       show_default=False, rich_help_panel=options.FILES),
]  # fmt: skip
Reference = Annotated[
    Path | None,
    typer.Option(
        "--reference", metavar="CLEAN", rich_help_panel=options.FILES,
        help="The same scene with less noise, of the same size and range of values.",
    ),
]  # fmt: skip
Methods = Annotated[
    str | None,
    typer.Option(
        "--methods", metavar="A,B,...", rich_help_panel=options.WHAT,
        help="METHOD, METHOD:RECIPE or METHOD+stabilize each; METHOD+latent or METHOD+captured for methods with a "
        "target. Default: every method as it is by default.",
    ),
]  # fmt: skip
Cropped = Annotated[
    str | None,
    typer.Option(
        "--crop", metavar="Y,X,H,W", rich_help_panel=options.WHAT,
        help="Only a part of the image: top, left, height and width in pixels.",
    ),
]  # fmt: skip
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on where an earlier run stopped: what is done stays.",
                 rich_help_panel=options.FILES),
]  # fmt: skip


@guarded
def compare(
    image: Input,
    output: Folder,
    reference: Reference = None,
    methods: Methods = None,
    crop: Cropped = None,
    axes: options.Axes = None,
    seed: options.Seed = 0,
    resume: Resume = False,
    overwrite: options.Overwrite = False,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Every method on one image."""
    with loading():
        from noise2detail.bench.candidate import candidates_from
        from noise2detail.bench.compare import Comparison, compare, cut, every_method
        from noise2detail.cli.comparing import write_comparison
        from noise2detail.cli.places import places_bar, tell_row
        from noise2detail.cli.wishes import Wishes, find_run
        from noise2detail.io import open_image

    del debug  # the guard reads it
    voice = Voice(json=json, quiet=quiet)
    place = find_crop(crop)
    order = axes.upper() if axes else None
    comparison = Comparison(
        noisy=cut(open_image(image, order), place),
        folder=output,
        candidates=candidates_from(methods) if methods else every_method(),
        reference=cut(open_image(reference, order), place) if reference else None,
        command=options.typed(),
        seed=seed,
        run=find_run(Wishes(device=device, precision=precision, threads=threads)),
        resume=resume,
        overwrite=overwrite,
        on_row=tell_row(voice),
    )
    with voice.warnings_shown(), places_bar(shown=not quiet) as on_place:
        results = compare(comparison, on_place)
    failed = sum(bool(row.get("error")) for row in results.rows)
    page = write_comparison(results, comparison, image)
    shown = [output / "table.md", output / "sheet.png", *([page] if page else [])]
    voice.note(f"{len(results.rows) - failed} done, {failed} failed: {', '.join(map(str, shown))}")


def find_crop(text: str | None) -> "Crop | None":
    """Top, left, height and width.

    Raises
    ------
    SettingError
        Not four whole numbers.
    """
    from noise2detail.errors import SettingError

    if text is None:
        return None
    try:
        top, left, height, width = (int(part) for part in text.split(","))
    except ValueError as error:
        raise SettingError(f"--crop is {text!r}; expected Y,X,H,W: top, left, height and width in pixels") from error
    return top, left, height, width
