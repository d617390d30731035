"""Reports of images before and after: where they go, what they are about, and what is told where one fails."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from noise2detail.cli.options import typed
from noise2detail.cli.progress import progress_bar
from noise2detail.cli.voice import Voice
from noise2detail.errors import Noise2DetailError, SettingError
from noise2detail.image import Image
from noise2detail.io import write_bytes
from noise2detail.io.dicom_identity import identity
from noise2detail.io.names import refuse_place, split_suffix
from noise2detail.io.source import Source
from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.plans import Provenance, Target
from noise2detail.report.composing import compose
from noise2detail.report.examining import examine
from noise2detail.report.page import Section
from noise2detail.report.pairing import Pair, pair
from noise2detail.report.render import render
from noise2detail.report.repeating import repeated, sections_of_repeats, sentences
from noise2detail.report.repeats import target_of
from noise2detail.report.subject import Subject
from noise2detail.types import Pixels

SUFFIXES = (".html", ".htm")


@dataclass
class Reporting:
    """The wish for reports, and those that could not be written."""

    wanted: str | None = None
    """File that was named; empty: beside each output; None: no report."""
    overwrite: bool = False
    """Replace reports that are there."""
    again: bool = False
    """Denoise again, for what only that can tell."""
    identify: bool = False
    """Show names that may tell who was imaged."""
    failed: list[Path] = field(default_factory=list)
    """Images whose report could not be made."""

    def check(self, *, several: bool) -> None:
        """Raise where the wish cannot be met.

        Raises
        ------
        SettingError
            One page for several images, or a name that is none of a page.
        """
        if self.wanted and several:
            raise SettingError(
                f"--report {self.wanted} names one page, and there are several images; expected --report alone, which "
                "puts a page beside each"
            )
        check_page(self.wanted)

    def place(self, output: Path) -> Path:
        """Where the report on an output goes."""
        return Path(self.wanted) if self.wanted else beside(output)


def check_page(name: str | Path | None) -> None:
    """Raise unless a page can be called so.

    Raises
    ------
    SettingError
        Another suffix.
    """
    if name and not str(name).lower().endswith(SUFFIXES):
        raise SettingError(f"{name} is named like no page; expected a name that ends in .html")


def beside(output: Path) -> Path:
    """Where the report on an output goes where nobody says so.

    >>> beside(Path("cells_denoised.ome.tif")).name
    'cells_denoised_report.html'
    """
    return output.with_name(f"{split_suffix(output)[0]}_report.html")


@dataclass(frozen=True, eq=False)
class Made:
    """An image that was denoised, and everything that a report may say about that."""

    noisy: Image
    denoised: Pixels
    source: Source
    output: Path
    history: Provenance
    noise: tuple[ChannelNoise, ...] = ()
    """As planning found it."""
    uncertainty: Pixels | None = None


def report_on(made: Made, reporting: Reporting, voice: Voice) -> dict[str, Any]:
    """What is to be told about the report on an image that was denoised and written; a failure is told and counted."""
    place = reporting.place(made.output)
    try:
        subject = subject_of(
            pair(made.noisy, replace(made.noisy, array=made.denoised)),
            made.source.path,
            made.history,
            typed(),
            identify=reporting.identify,
        )
        subject = replace(subject, uncertainty=made.uncertainty)
        found = write_report(subject, target_of(made.history.plan), place, reporting, made.noise, voice)
    except Noise2DetailError as error:
        reporting.failed.append(made.output)
        said = voice.error(error, str(place))
        voice.note(f"{made.output} was written and is kept; n2d report makes its page under another name")
        return {"report": None, "report_error": said}
    voice.note("\n".join([f"{found['verdict']}: {place}", *(f"  {one}" for one in in_words(found))]))
    return {"report": str(place), **found}


def in_words(found: dict[str, Any]) -> list[str]:
    """The reasons of a verdict, and what denoising again has told."""
    return [*found["reasons"], *found.get("estimated", [])]


def subject_of(pair: Pair, source: Path, history: Provenance | None, command: str, *, identify: bool) -> Subject:
    """What a report is about.

    Parameters
    ----------
    pair
        The image before and after.
    source
        The noisy file.
    history
        How it was denoised, if that is known.
    command
        What to type to get the same result; empty: nobody knows.
    identify
        Show names that may tell who was imaged.
    """
    return Subject(
        pair,
        source,
        command=command,
        plan=None if history is None else history.plan,
        provenance=history,
        identity=identity(pair.noisy) if identify else {},
        identified=identify,
    )


def write_report(
    subject: Subject,
    target: Target,
    place: Path,
    reporting: Reporting,
    noise: tuple[ChannelNoise, ...],
    voice: Voice,
) -> dict[str, Any]:
    """What was found out about an image, which is now on a page too.

    Raises
    ------
    Noise2DetailError
        The page must not or cannot be written, or the images cannot be judged.
    """
    refuse_place(place, subject.source, reporting.overwrite)
    examined = examine(subject.pair, target, noise)
    facts: dict[str, Any] = {"verdict": examined.verdict.level}
    facts["reasons"] = [reason.sentence for reason in examined.verdict.reasons]
    facts["untested"] = list(examined.verdict.untested)
    more: tuple[Section, ...] = ()
    if reporting.again and subject.plan is not None and subject.plan.frames:
        voice.warning(f"{subject.plan.method} learns from several frames: one plane cannot be denoised again")
    elif reporting.again and subject.plan is not None:
        with progress_bar("denoising again", shown=not voice.quiet) as on_step:
            found = repeated(subject.pair, subject.plan, examined, on_step)
        more = sections_of_repeats(found)
        facts["estimated"] = list(sentences(found))
    write_bytes(place, render(compose(subject, examined, more)), overwrite=reporting.overwrite)
    return facts
