"""How far a result can be trusted, in one call: numpy in, words and a page out."""

from dataclasses import dataclass, field
from pathlib import Path

from noise2detail.image import Image
from noise2detail.io import write_bytes
from noise2detail.pipeline.input import take
from noise2detail.pipeline.layout import lay_out
from noise2detail.plans import Target
from noise2detail.report.composing import compose
from noise2detail.report.examining import Examination, examine
from noise2detail.report.pairing import pair
from noise2detail.report.render import render
from noise2detail.report.subject import Subject
from noise2detail.report.verdict import Level
from noise2detail.types import Pixels


@dataclass(frozen=True, eq=False)
class Judgement:
    """A verdict in words, and the page that shows why."""

    level: Level
    """``trust``, ``look closer`` or ``do not trust``."""
    reasons: tuple[str, ...]
    """Each with its figure, the gravest first."""
    untested: tuple[str, ...]
    """What could not be tested, and why."""
    subject: Subject = field(repr=False)
    examined: Examination = field(repr=False)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """The path of the page, one HTML file that loads nothing and opens anywhere.

        Parameters
        ----------
        path
            Its name, ending in ``.html``.
        overwrite
            Replace what is there.

        Raises
        ------
        OutputExistsError, UnwritableFileError
            It must not or cannot be written.
        """
        return write_bytes(Path(path), render(compose(self.subject, self.examined)), overwrite=overwrite)

    def __str__(self) -> str:
        return "\n".join([self.level, *(f"  {reason}" for reason in self.reasons)])


def judge(
    noisy: Pixels | Image,
    denoised: Pixels | Image,
    *,
    axes: str | None = None,
    target: Target = "captured",
    name: str = "image",
) -> Judgement:
    """Whether a denoised image lost structure, kept noise, invented something or bent intensities; ``print`` it.

    Parameters
    ----------
    noisy
        The image before: an array, or an ``Image``.
    denoised
        The image after, by any program, of the same shape and scale of intensities.
    axes
        As for ``denoise``.
    target
        What the denoised image estimates where noise was cut off: ``captured`` or ``latent``.
    name
        Above the page.

    Raises
    ------
    InputError, AxesError
        Images that do not fit each other.
    """
    before, after = (_image(one, axes) for one in (noisy, denoised))
    both = pair(before, after)
    examined = examine(both, target)
    said = examined.verdict
    reasons = tuple(reason.sentence for reason in said.reasons)
    return Judgement(said.level, reasons, said.untested, Subject(both, Path(name)), examined)


def _image(noisy: Pixels | Image, axes: str | None) -> Image:
    if isinstance(noisy, Image):
        return noisy
    array, known = take(noisy, axes)
    return Image(array, lay_out(array, known).axes)
