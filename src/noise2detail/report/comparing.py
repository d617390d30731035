"""Many results of one image on one page: any two side by side, and the verdict on each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.plans import Target
from noise2detail.report.composing import CAUTION, facts_of, in_viewer, weakest
from noise2detail.report.examining import Examination, examine, measured
from noise2detail.report.page import Page, Section, Table
from noise2detail.report.pairing import pair
from noise2detail.report.pictures import viewer_of
from noise2detail.report.subject import Subject
from noise2detail.version import __version__

REASONS = 3
"""Of each verdict, the gravest, that stand in the table."""


@dataclass(frozen=True, eq=False)
class Result:
    """What one method made of the image."""

    name: str
    """Of the method."""
    image: Image
    target: Target = "captured"
    """What it estimates where noise was cut off."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """Further columns of the table by their heads, such as seconds."""


def compose_comparison(
    noisy: Image, results: tuple[Result, ...], source: Path, *, reference: Image | None = None, command: str = ""
) -> Page:
    """The page of one image and what many methods made of it.

    Parameters
    ----------
    noisy
        The image before.
    results
        At least one.
    source
        The noisy file; only its name is shown, and not even that where it may tell who was imaged.
    reference
        The same scene with less noise.
    command
        What to type to get the same.

    Raises
    ------
    InputError
        No result, or one of another shape.
    """
    if not results:
        raise InputError("no method has given a result; there is nothing to compare")
    whole = pair(noisy, noisy)
    noise = measured(whole)
    judged = {one.name: _judged(noisy, one, noise) for one in results}
    examined = next((one for one in judged.values() if isinstance(one, Examination)), None)
    chosen = None if examined is None else in_viewer(whole, examined.chosen)
    subject = Subject(whole, source, command)
    images = {"noisy": noisy} | {one.name: one.image for one in results}
    images |= {} if reference is None else {"reference": reference}
    viewer = viewer_of(images, noise=tuple(weakest(noise)), chosen=chosen)
    return Page(
        title=subject.title,
        viewer=viewer,
        facts={name: said for name, said in facts_of(subject).items() if name != "method"},
        sections=(_methods(results, judged), Section("What this page cannot tell", text=(CAUTION,))),
        command=subject.shown_command,
        made_by=f"noise2detail {__version__}",
    )


def _judged(noisy: Image, result: Result, noise: tuple[ChannelNoise, ...]) -> Examination | InputError:
    """What was found out about a result, or why it cannot be judged."""
    try:
        return examine(pair(noisy, result.image), result.target, noise)
    except InputError as error:
        return error


def _methods(results: tuple[Result, ...], judged: Mapping[str, Examination | InputError]) -> Section:
    more = tuple(dict.fromkeys(name for one in results for name in one.figures))
    rows = []
    for one in results:
        found = judged[one.name]
        level, said = ("not judged", str(found)) if isinstance(found, InputError) else _in_words(found)
        rows.append((one.name, level, *(one.figures.get(name, "") for name in more), said))
    return Section("Methods", table=Table(("method", "verdict", *more, "reasons"), tuple(rows)))


def _in_words(found: Examination) -> tuple[str, str]:
    return found.verdict.level, "; ".join(reason.sentence for reason in found.verdict.reasons[:REASONS])
