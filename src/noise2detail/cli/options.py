"""The options that several commands share, each described once."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from noise2detail.errors import SettingError

WHAT, HOW, FILES, SHOWN = "What is computed", "How it runs", "Files", "What is shown"
"""Panels of the help."""

Method = Annotated[
    str | None,
    typer.Option("--method", "-m", help="Method id; `n2d methods` lists them. Default: auto.", rich_help_panel=WHAT),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe", "-r", help="Published or recommended settings: fast, paper, ... Default: the method's first.",
        rich_help_panel=WHAT,
    ),
]  # fmt: skip
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", rich_help_panel=WHAT,
        help="Change one setting of the method, with dots for nested ones: --set stage1.steps=500. Repeatable.",
    ),
]  # fmt: skip
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Same seed, device and thread count: same bits.", rich_help_panel=WHAT)
]
Channels = Annotated[
    str,
    typer.Option(
        "--channels", metavar="joint|each", help="Channels trained together or one by one.", rich_help_panel=WHAT
    ),
]
Fit = Annotated[
    str,
    typer.Option(
        "--fit", metavar="auto|plane|shared|warm", rich_help_panel=WHAT,
        help="For stacks: one training for each plane; one shared by all of a file; warm, which starts each from the "
        "one before, and anew where noise or content changed; auto measures and decides.",
    ),
]  # fmt: skip
Neighbours = Annotated[
    str,
    typer.Option(
        "--neighbours", metavar="auto|0|N", rich_help_panel=WHAT,
        help="For stacks: planes on each side that help to denoise one, for the method auto. `auto` measures whether "
        "their noise is independent and what they save; 0: each plane by itself; 2: two on each side, as Z2 or T2 "
        "where there are both axes.",
    ),
]  # fmt: skip
Stabilize = Annotated[
    bool,
    typer.Option(
        "--stabilize", rich_help_panel=WHAT,
        help="Measure gain and offset of the noise, make it the same everywhere (generalised Anscombe) for the method, "
        "and undo that exactly. For photon noise and methods that expect none, such as bm3d.",
    ),
]  # fmt: skip
Unclip = Annotated[
    bool,
    typer.Option(
        "--unclip", rich_help_panel=WHAT,
        help="Where the noise was cut off at a lowest or highest value, undo its effect on the mean.",
    ),
]  # fmt: skip
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="latent|captured", rich_help_panel=WHAT,
        help="What is estimated where noise was cut off at a lowest or highest value: the signal before that, or the "
        "mean of many such recordings. Default: as the method has it; only methods with a setting `target` know both.",
    ),
]  # fmt: skip
Anyway = Annotated[
    bool,
    typer.Option(
        "--anyway", rich_help_panel=WHAT,
        help="Denoise also where that would do harm: no noise found, a mask, labels, or nothing but traces of JPEG. "
        "Only methods that look at the noise refuse such images.",
    ),
]  # fmt: skip
ToReplay = Annotated[
    Path | None,
    typer.Option(
        "--plan", metavar="PLAN.json", rich_help_panel=WHAT,
        help="Do what a plan says, from `n2d plan -o` or the .n2d.json beside an output: method, settings, seed, "
        "device, precision, threads. Only options under 'How it runs' and 'Files' may be given besides.",
    ),
]  # fmt: skip
Frames = Annotated[
    list[Path] | None,
    typer.Option(
        "--frames", metavar="FILE", rich_help_panel=FILES,
        help="Another recording of the same scene, for methods that learn from several, such as noise2noise. "
        "Repeatable.",
    ),
]  # fmt: skip
Axes = Annotated[
    str | None,
    typer.Option(
        "--axes", metavar="AXES", rich_help_panel=FILES,
        help="What the dimensions are, one letter of TCZYXS each, where the file does not say it or is wrong: ZYX.",
    ),
]  # fmt: skip
Image = Annotated[
    str | None,
    typer.Option(
        "--image", metavar="N|NAME", rich_help_panel=FILES,
        help="Which one of a file with several images, scenes or positions: its number, counted from 0, or its name. "
        "`n2d info` lists them.",
    ),
]  # fmt: skip
Images = Annotated[
    str | None,
    typer.Option(
        "--image", metavar="N|NAME|all", rich_help_panel=FILES,
        help="Which one of a file with several images, scenes or positions: its number, counted from 0, or its name; "
        "`n2d info` lists them. Or all: each becomes a file of its own, such as NAME.0.ome.tif.",
    ),
]  # fmt: skip
PixelType = Annotated[
    str | None,
    typer.Option(
        "--dtype", metavar="TYPE", rich_help_panel=FILES,
        help="Pixel type of the output: float32 keeps the decimals. Default: that of the input. Also float16, float64, "
        "uint8, uint16, int16.",
    ),
]  # fmt: skip
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace outputs that are there already.", rich_help_panel=FILES)
]
Again = Annotated[
    bool,
    typer.Option(
        "--again", rich_help_panel=WHAT,
        help="Denoise one plane again for the report, three times for each channel: tells an estimated PSNR with its "
        "interval, and the resolution.",
    ),
]  # fmt: skip
Identify = Annotated[
    bool,
    typer.Option(
        "--identify", rich_help_panel=SHOWN,
        help="Show in the report what may tell who was imaged: names of DICOM files, the patient, the date.",
    ),
]  # fmt: skip
Report = Annotated[
    str | None,
    typer.Option(
        "--report", metavar="[FILE.html]", rich_help_panel=FILES, show_default=False,
        help="Also write a page that says and shows how far the result can be trusted. Without a name: "
        "OUT_report.html beside the output.",
    ),
]  # fmt: skip
Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="IN", show_default=False,
        help="Image files, patterns such as '*.tif', or folders, which are searched with all below them. A series of "
        "DICOM slices in a folder is one image.",
    ),
]  # fmt: skip
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="OUT", rich_help_panel=FILES,
        help="A file for one input; a folder, created if absent, for several, in which they keep their places. "
        "Default: NAME_denoised beside the input.",
    ),
]  # fmt: skip
OutDir = Annotated[
    str | None,
    typer.Option(
        "--out-dir", metavar="FOLDER", rich_help_panel=FILES,
        help="The same, and always a folder, whatever it is called: each output keeps its place in the tree of inputs.",
    ),
]  # fmt: skip
Device = Annotated[
    str,
    typer.Option("--device", help="auto (a GPU if there is one), cpu, cuda, cuda:1, mps.", rich_help_panel=HOW),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision", metavar="auto|float32|bfloat16", rich_help_panel=HOW,
        help="Arithmetic; auto takes bfloat16 where this machine is faster with it.",
    ),
]  # fmt: skip
Threads = Annotated[
    str | None,
    typer.Option(
        "--threads", metavar="N", rich_help_panel=HOW,
        help="Processor threads; fewer can be faster where other programs compute. Default: what PyTorch chooses, by "
        "OMP_NUM_THREADS and the cores that it may use.",
    ),
]  # fmt: skip
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory", metavar="SIZE", rich_help_panel=HOW,
        help="Memory on top of the image itself, such as 512MiB or 4GB; smaller tiles give the same result.",
    ),
]  # fmt: skip
StorageOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--storage-option", metavar="NAME=VALUE", rich_help_panel=FILES,
        help="For the storage of an address, as fsspec takes it: endpoint_url=http://localhost:9000, anon=true. "
        "Repeatable. Better leave credentials to the environment: they are never written down.",
    ),
]  # fmt: skip
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object a line on standard output, nothing else.", rich_help_panel=SHOWN
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and JSON).", rich_help_panel=SHOWN)
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the plan and its reasons too.", rich_help_panel=SHOWN)
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Print the traceback of an error too, to report it.", rich_help_panel=SHOWN)
]


PLANNED = ("method", "recipe", "settings", "stabilize", "unclip", "target", "seed", "fit", "neighbours", "channels")
"""Arguments that a plan has decided."""


def contradicting(context: typer.Context, planned: tuple[str, ...] = PLANNED) -> tuple[str, ...]:
    """Options that were typed although a plan has decided what they say: of these arguments."""
    names = {parameter.name: max(parameter.opts, key=len) for parameter in context.command.params}
    return tuple(names[name] for name in typed_of(context, planned))


def refuse_contradiction(plan: str | Path, contradicting: Sequence[str]) -> None:
    """Raise where options were typed that say what a plan has decided.

    Raises
    ------
    SettingError
        Names them.
    """
    if contradicting:
        raise SettingError(
            f"--plan {plan} has decided what {', '.join(contradicting)} would say; leave out the one or the other"
        )


def typed_of(context: typer.Context, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some arguments that stood on the command line."""
    sources = {name: context.get_parameter_source(name) for name in names}
    return tuple(name for name, source in sources.items() if source and source.name == "COMMANDLINE")


def typed() -> str:
    """The command line of this process, as it would be typed again."""
    return shlex.join(["n2d", *sys.argv[1:]])


UNSAID = ("overwrite", "json", "quiet", "debug")
"""Arguments that change nothing in an output."""


def named(context: typer.Context) -> str:
    """The command of a context as it would be typed again in the folder of its files: of paths the names alone."""
    words = ["n2d", str(context.info_name)]
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if not source or source.name != "COMMANDLINE" or parameter.name in UNSAID:
            continue
        value = context.params[parameter.name or ""]
        option = [max(parameter.opts, key=len)] if parameter.param_type_name == "option" else []
        for one in value if isinstance(value, list | tuple) else [value]:
            words += option
            words += [] if one is True else [one.name if isinstance(one, Path) else f"{one}"]
    return shlex.join(words)
