"""What a report is about, and what of it may be named."""

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from noise2detail.plans import Plan, Provenance
from noise2detail.report.pairing import Pair
from noise2detail.types import Pixels

PATIENTS = ("dicom",)
"""Formats whose names of files and folders, like all else in them, may tell who was imaged."""

WITHHELD = "a DICOM image (name withheld)"

FILE = "FILE"
"""Stands for a name that is withheld."""

NAMELESS = frozenset(
    {
        "--method", "-m", "--recipe", "-r", "--set", "--seed", "--channels", "--fit", "--target", "--axes", "--image",
        "--dtype", "--device", "--precision", "--threads", "--max-memory", "--draws", "--repeatability", "--methods",
        "--crop",
    }
)  # fmt: skip
"""Options whose values name no file."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An image before and after, and how the one became the other."""

    pair: Pair
    source: Path
    """The noisy file or folder; only its name is shown."""
    command: str = ""
    """What to type to get the same result."""
    plan: Plan | None = None
    """By which it was denoised; None: by another program, or it is not known."""
    provenance: Provenance | None = None
    """As it stands beside the output."""
    uncertainty: Pixels | None = None
    """Standard deviation of each pixel, in the shape of the image, where it was measured."""
    identity: Mapping[str, str] = field(default_factory=dict)
    """Who was imaged, where that was asked for."""
    identified: bool = False
    """Names are shown also where they may tell who was imaged."""

    @property
    def withheld(self) -> bool:
        """True if names must not be shown."""
        return self.pair.noisy.format in PATIENTS and not self.identified

    @property
    def title(self) -> str:
        """For people."""
        return WITHHELD if self.withheld else self.source.resolve().name

    @property
    def shown_command(self) -> str:
        """The command, without names of files where they are withheld."""
        return nameless(self.command) if self.withheld else self.command


def nameless(command: str) -> str:
    """A command in which nothing is left that may be the name of a file.

    >>> nameless("n2d denoise Doe_Jane -o out --method median --stages --plan=Doe.json")
    'n2d denoise FILE -o FILE --method median --stages --plan=FILE'
    """
    words = shlex.split(command)
    kept = words[:2]
    for before, word in itertools.pairwise(words[1:]):
        option, equals, _ = word.partition("=")
        if word.startswith("-"):
            kept.append(word if not equals or option in NAMELESS else f"{option}={FILE}")
        else:
            kept.append(word if before in NAMELESS else FILE)
    return shlex.join(kept)
