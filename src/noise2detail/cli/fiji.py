"""The command ``n2d fiji``."""

from pathlib import Path
from typing import Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.voice import Voice
from noise2detail.errors import SettingError

HELP = (
    "Put the macro that denoises from within Fiji or ImageJ into their menu Plugins, or say where it is.\n\n"
    "The copy in FOLDER knows this n2d and asks for no other. Start Fiji again, and take Plugins > Denoise with n2d."
)

EXAMPLES = """[b]Examples[/b]

n2d fiji

n2d fiji Fiji.app"""

MACRO = "Denoise_with_n2d.ijm"
OPEN = 'var PROGRAM = "";'
"""The line of the macro that names n2d."""

Folder = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        show_default=False,
        help="Folder of Fiji or ImageJ, with a folder plugins in it; without one, the place of the macro is printed.",
    ),
]


@guarded
def fiji(folder: Folder = None, json: options.Json = False, debug: options.Debug = False) -> None:
    """Place of the macro on standard output."""
    from importlib import resources

    del debug  # the guard reads it
    source = Path(str(resources.files("noise2detail").joinpath("fiji", MACRO)))
    place = source if folder is None else installed(source.read_text(encoding="utf-8"), plugins(folder) / MACRO)
    Voice(json=json).result({"macro": str(place)}, str(place))


def plugins(folder: Path) -> Path:
    """Folder in which Fiji looks for macros.

    Parameters
    ----------
    folder
        Of Fiji, or the one that is meant.

    Raises
    ------
    SettingError
        There is none.
    """
    found = folder if folder.name == "plugins" else folder / "plugins"
    if not found.is_dir():
        raise SettingError(f"{folder}: holds no folder plugins; name the folder in which Fiji or ImageJ is installed")
    return found


def installed(text: str, place: Path) -> Path:
    """Where the macro has been written, in place of an older one.

    Parameters
    ----------
    text
        Of the macro.
    place
        For it.

    Raises
    ------
    SettingError
        Something else is there.
    """
    first = text.partition("\n")[0]
    if place.exists() and not place.read_text(encoding="utf-8", errors="replace").startswith(first):
        raise SettingError(f"{place}: is there and is none of ours; move it away and try again")
    program = this_program().replace("\\", "\\\\").replace('"', '\\"')
    # what reads it takes any end of line
    place.write_text(text.replace(OPEN, f'var PROGRAM = "{program}";'), encoding="utf-8", newline="\n")
    return place


def this_program() -> str:
    """The program ``n2d`` of this environment; empty where there is none."""
    import shutil
    import sysconfig

    return shutil.which("n2d", path=sysconfig.get_path("scripts")) or shutil.which("n2d") or ""
