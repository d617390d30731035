"""The command ``n2d figure``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Draw a figure for a paper: images side by side in one intensity mapping, parts of them magnified, a scale bar "
    "where the pixel size is known, and measures below.\n\n"
    "With a reference the measures are PSNR and SSIM, without one they say how much of the noise is gone and whether "
    "the residual looks like it; both are of what is shown. No pixel is resampled: in a PNG each is a square of dots, "
    "so that its density comes out a little above --dpi; in a PDF and an SVG the images are embedded as they are, and "
    "text stays text. The same command gives the same bytes."
)

EXAMPLES = """[b]Examples[/b]

n2d figure cells.tif cells_denoised.tif -o figure.pdf

n2d figure raw.png denoised.png --reference average.png --pixel-size 0.1 -o figure.png

n2d figure stack.tif stack_denoised.tif --plane 2 --residual --width 85 -o column.svg

n2d figure cells.tif cells_denoised.tif --inset 4,4,16,16 --profile 0,0,0,15 --gamma 0.7 -o marked.pdf"""

SHOWN, PAGE = "What is shown", "The page"

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="NOISY DENOISED", show_default=False,
        help="The noisy image and one or more results, all of the same size and axes.",
    ),
]  # fmt: skip
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="The figure: its name ends in .png, .pdf or .svg.",
                 show_default=False, rich_help_panel=options.FILES),
]  # fmt: skip
Reference = Annotated[
    Path | None,
    typer.Option(
        "--reference", metavar="CLEAN", rich_help_panel=options.FILES,
        help="The same scene with less noise, of the same size and range of values; it is shown too.",
    ),
]  # fmt: skip
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics", metavar="A,B,...", rich_help_panel=SHOWN,
        help="Measures against the reference: psnr, ssim, drift (gain and offset of the reference fitted to the noisy "
        "image first), body, frc, high_band, slope. Default: psnr,ssim.",
    ),
]  # fmt: skip
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="A,B,...", rich_help_panel=SHOWN,
        help="Above the images, one for each, the reference last. Default: noisy, the method that the .n2d.json beside "
        "a result names, else the name of the file, and reference.",
    ),
]  # fmt: skip
Insets = Annotated[
    list[str] | None,
    typer.Option(
        "--inset", metavar="Y,X,H,W", rich_help_panel=SHOWN,
        help="A part to magnify: top, left, height and width in pixels; repeatable; none for no part. Default: one or "
        "two squares with the most structure in the reference or first result.",
    ),
]  # fmt: skip
Residual = Annotated[
    bool,
    typer.Option("--residual", help="Also show what each result has taken away: noisy minus denoised.",
                 rich_help_panel=SHOWN),
]  # fmt: skip
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", metavar="Y0,X0,Y1,X1", rich_help_panel=SHOWN,
        help="Draw the values along a line from one pixel to another, below the images.",
    ),
]  # fmt: skip
Plane = Annotated[
    str | None,
    typer.Option(
        "--plane", metavar="N|Z=N,T=N", rich_help_panel=SHOWN,
        help="Which plane of a stack, counted from 0. Default: the middle one.",
    ),
]  # fmt: skip
Channel = Annotated[
    str | None,
    typer.Option(
        "--channel", metavar="N|NAME", rich_help_panel=SHOWN,
        help="Which channel: its number, counted from 0, or its name. Default: the first. RGB is shown in colours.",
    ),
]  # fmt: skip
Limits = Annotated[
    str | None,
    typer.Option(
        "--limits", metavar="LOW,HIGH", rich_help_panel=SHOWN,
        help="Values that are black and white. Default: percentiles of the noisy image; RGB of 8 bits: 0,255.",
    ),
]  # fmt: skip
Percentiles = Annotated[
    str | None,
    typer.Option(
        "--percentiles", metavar="LOW,HIGH", rich_help_panel=SHOWN,
        help="Percentiles of the noisy image that are black and white. Default: 0.5,99.5.",
    ),
]  # fmt: skip
Gamma = Annotated[
    float,
    typer.Option("--gamma", help="Exponent of the intensities, below 1 to lift what is dark; name it in the legend.",
                 rich_help_panel=SHOWN),
]  # fmt: skip
PixelSize = Annotated[
    float | None,
    typer.Option(
        "--pixel-size", metavar="UM", rich_help_panel=SHOWN,
        help="Micrometres per pixel, for the scale bar, where no file says it or one is wrong.",
    ),
]  # fmt: skip
Width = Annotated[
    float,
    typer.Option("--width", metavar="MM", help="Width in mm: 180 for two columns of a journal, 85 for one.",
                 rich_help_panel=PAGE),
]  # fmt: skip
Columns = Annotated[
    int | None,
    typer.Option("--columns", metavar="N", rich_help_panel=PAGE,
                 help="Images side by side. Default: as many as are 40 mm wide."),
]  # fmt: skip
Dpi = Annotated[
    float,
    typer.Option("--dpi", help="Dots per inch of a PNG, at least.", rich_help_panel=PAGE),
]


@guarded
def figure(
    context: typer.Context,
    files: Files,
    output: Output,
    reference: Reference = None,
    metrics: Metrics = None,
    labels: Labels = None,
    inset: Insets = None,
    residual: Residual = False,
    profile: Profile = None,
    plane: Plane = None,
    channel: Channel = None,
    limits: Limits = None,
    percentiles: Percentiles = None,
    gamma: Gamma = 1.0,
    pixel_size: PixelSize = None,
    width: Width = 180.0,
    columns: Columns = None,
    dpi: Dpi = 300.0,
    axes: options.Axes = None,
    image: options.Image = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """A figure as a file."""
    with loading():
        from noise2detail.cli.figure_drawing import Wish, draw_figure
        from noise2detail.cli.figure_views import Which

    del debug  # the guard reads it
    voice = Voice(json=json, quiet=quiet)
    wish = Wish(
        files=tuple(files),
        output=output,
        reference=reference,
        which=Which(axes=axes, image=image, plane=plane, channel=channel),
        metrics=metrics,
        labels=labels,
        insets=tuple(inset or ()),
        residual=residual,
        profile=profile,
        limits=limits,
        percentiles=percentiles,
        gamma=gamma,
        pixel_size=pixel_size,
        page=(width, dpi, columns),
        command=options.named(context),
    )
    with voice.warnings_shown():
        draw_figure(wish, voice, overwrite=overwrite)
