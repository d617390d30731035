"""The command ``n2d report``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.loading import loading
from noise2detail.cli.voice import Voice

if TYPE_CHECKING:
    from noise2detail.image import Image
    from noise2detail.plans import Provenance, Target

HELP = (
    "Say how far a denoised image can be trusted, and write a page that shows why.\n\n"
    "The images are compared with the noise that is measured on the noisy one; no clean image is needed. The page is "
    "one HTML file that loads nothing and can be opened anywhere: both images with a slider, maps of what was taken "
    "away, figures, and the verdict with its reasons. Results of other programs are judged as well, as long as pixels "
    "and intensities fit. Names of DICOM files and patients are not shown unless --identify asks for it."
)

EXAMPLES = """[b]Examples[/b]

n2d report cells.tif cells_denoised.tif

n2d report cells.tif from_elsewhere.tif -o cells_report.html

n2d report cells.tif cells_denoised.tif --again --json"""

Noisy = Annotated[Path, typer.Argument(metavar="NOISY", help="The image before.", show_default=False)]
Denoised = Annotated[
    Path, typer.Argument(metavar="DENOISED", help="The image after, by any program.", show_default=False)
]
Page = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE.html", rich_help_panel=options.FILES,
        help="The page. Default: DENOISED_report.html beside the denoised image.",
    ),
]  # fmt: skip


@guarded
def report(
    noisy: Noisy,
    denoised: Denoised,
    output: Page = None,
    again: options.Again = False,
    target: options.Target = None,
    axes: options.Axes = None,
    image: options.Image = None,
    identify: options.Identify = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """The verdict on standard output, and a page."""
    with loading():
        from noise2detail.cli.reporting import Reporting, beside, check_page, in_words, subject_of, write_report
        from noise2detail.io.names import refuse_place
        from noise2detail.report.pairing import pair
        from noise2detail.report.repeats import target_of

    del debug  # the guard reads it
    voice = Voice(json=json, quiet=quiet)
    check_page(output)
    place = output or beside(denoised)
    for source in (noisy, denoised):
        refuse_place(place, source, overwrite)
    with voice.warnings_shown():
        history = history_of(noisy, denoised, voice)
        before, after = images(noisy, denoised, axes, image)
        both = pair(before, after)
        voice_told(both.told, voice)
        subject = subject_of(both, noisy, history, repeat_command(noisy, denoised, history), identify=identify)
        aim = find_target(target) or (target_of(history.plan) if history else "captured")
        wish = Reporting(str(place), overwrite, again=again_possible(again, history, voice), identify=identify)
        found = write_report(subject, aim, place, wish, (), voice)
    record = {"noisy": str(noisy), "denoised": str(denoised), "report": str(place), **found}
    voice.result(record, "\n".join([found["verdict"], *(f"  {one}" for one in in_words(found)), f"-> {place}"]))


def images(noisy: Path, denoised: Path, axes: str | None, choice: str | None) -> "tuple[Image, Image]":
    """Both images; where the file of the second does not say what its axes are, they are those of the first."""
    from noise2detail.cli.images import find_choice
    from noise2detail.errors import AxesError
    from noise2detail.io import open_image

    before = open_image(noisy, axes.upper() if axes else None, find_choice(choice))
    try:
        return before, open_image(denoised)
    except AxesError:
        return before, open_image(denoised, before.axes)


def history_of(noisy: Path, denoised: Path, voice: Voice) -> "Provenance | None":
    """How the denoised image was made, as far as what lies beside it tells and it is about this input."""
    from noise2detail.cli.recorded import recorded
    from noise2detail.errors import UnreadableFileError
    from noise2detail.io import find_images
    from noise2detail.io.source import digest

    try:
        found = recorded(denoised)
    except UnreadableFileError as error:
        voice.warning(str(error))
        return None
    if found is not None and found.input_sha256 not in {digest(one) for one in find_images([noisy]).sources}:
        voice.warning(f"{denoised} was made of {found.input_name}, which was another file than {noisy} is now")
        return None
    return found


def repeat_command(noisy: Path, denoised: Path, history: "Provenance | None") -> str:
    """What to type to get the denoised image again; empty where that is not known."""
    import shlex

    from noise2detail.io.sidecar import sidecar_path

    if history is None:
        return ""
    words = ["n2d", "denoise", noisy.name, "-o", denoised.name, "--plan", sidecar_path(denoised).name]
    return shlex.join(words)


def again_possible(wanted: bool, history: "Provenance | None", voice: Voice) -> bool:
    """Whether to denoise again, which only results of this program allow for."""
    if wanted and history is None:
        voice.warning("--again needs the .n2d.json beside the denoised image: how it was made is not known")
    return wanted and history is not None


def find_target(name: str | None) -> "Target | None":
    """The target of that name.

    Raises
    ------
    SettingError
        No target.
    """
    from noise2detail.errors import SettingError

    if name not in (None, "latent", "captured"):
        raise SettingError(f"--target is {name!r}; expected latent or captured")
    return None if name is None else ("latent" if name == "latent" else "captured")


def voice_told(sentences: tuple[str, ...], voice: Voice) -> None:
    """Say what people should know about how the images were brought together."""
    for sentence in sentences:
        voice.note(sentence)
