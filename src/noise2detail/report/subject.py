"""What a report is about, and what of it may be named."""

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
        if not self.withheld:
            return self.command
        words = shlex.split(self.command)
        return shlex.join(words[:1] + [FILE if _may_name(word) else word for word in words[1:]])


def _may_name(word: str) -> bool:
    """Whether a word of a command is the name of a file or holds one."""
    return (not word.startswith("-") and (any(sign in word for sign in "./\\") or Path(word).exists())) or "=" in word
