"""The command ``n2d convert``."""

from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

HELP = (
    "Write images as files of another format, with their axes, pixel size and channel names; nothing is denoised.\n\n"
    "The suffix of OUT decides the format. Every pixel is kept, which is checked by reading the new file again; what "
    "the new format cannot hold of the old one is told. Inputs are never changed.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some files failed, 130 interrupted."
)

EXAMPLES = """[b]Examples[/b]

n2d convert cells.tif converted.ome.tif

n2d convert stack.npy named.tif --axes ZYX

n2d convert positions.ome.tif converted --image all

n2d convert recordings converted --to .ome.tif --json

n2d convert cells.tif converted.ome.zarr --max-memory 1GiB"""

Out = Annotated[
    str,
    typer.Argument(
        metavar="OUT", show_default=False,
        help="A file for one input; a folder, created if absent, for several.",
    ),
]  # fmt: skip
To = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="SUFFIX", rich_help_panel=options.FILES,
        help="Format of the files in a folder OUT, such as .ome.tif. Default: as the input, if that can be written.",
    ),
]  # fmt: skip
PixelType = Annotated[
    str | None,
    typer.Option(
        "--dtype", metavar="TYPE", rich_help_panel=options.FILES,
        help="Pixel type of the output: float16, float32, float64, uint8, uint16 or int16. Values are rounded half to "
        "even and clipped, never rescaled. Default: that of the input.",
    ),
]  # fmt: skip

MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory", metavar="SIZE", rich_help_panel=options.HOW,
        help="Memory that pixels may take, such as 512MiB or 4GB. Larger images stay in their files and go through "
        "piece by piece; formats that are read or written whole are refused. Default: images from 256 MiB on stay.",
    ),
]  # fmt: skip


@guarded
def convert(
    inputs: options.Inputs,
    output: Out,
    to: To = None,
    axes: options.Axes = None,
    image: options.Images = None,
    dtype: PixelType = None,
    max_memory: MaxMemory = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Converted files."""
    with loading():
        from noise2detail.cli.converting import Wanted, convert_files
        from noise2detail.cli.images import find_choice
        from noise2detail.cli.pixel_type import find_pixel_type
        from noise2detail.io.names import writable_suffix
        from noise2detail.pipeline.memory_size import parse_size

    wanted = Wanted(
        suffix=None if to is None else writable_suffix(to),
        axes=axes.upper() if axes else None,
        image=find_choice(image),
        pixel_type=find_pixel_type(dtype),
        overwrite=overwrite,
        max_memory=None if max_memory is None else parse_size(max_memory),
    )
    voice = Voice(json=json, quiet=quiet, debug=debug)
    raise typer.Exit(convert_files(inputs, output, wanted, voice))
