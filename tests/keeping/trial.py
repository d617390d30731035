"""One format put to the test: a file that says all it can, written back by its library alone, and by us."""

import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.io import open_image, save_image
from noise2detail.types import Pixels

Facts = Mapping[str, Any]
"""What a file says, by the name of the field; None: nothing."""


@dataclass(frozen=True)
class Trial:
    """A format and the two ways of writing it back."""

    title: str
    source: str
    """Name of the file that is made."""
    result: str
    """Name of what is written."""
    bare_words: str
    """What is done with the library alone, for readers."""
    judge: str
    """What reads the files for the comparison."""
    make: Callable[[Path], object]
    bare: Callable[[Path, Path], object]
    facts: Callable[[Path], Facts]
    wanted: Mapping[str, Callable[[Facts, Facts], bool]] = field(default_factory=dict)
    """Fields that must not stay as they were, with what they must be, given the facts before and after."""
    axes: str | None = None
    """For a format that does not tell."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """Fields that we do not keep, and a word of what is told about it."""


@dataclass(frozen=True)
class Outcome:
    """What came of a trial."""

    trial: Trial
    bare: Mapping[str, bool]
    """Of every field, whether it was kept by the library alone."""
    ours: Mapping[str, bool]
    stopped: str
    """The error with which the library alone stopped; empty: none."""
    told: tuple[str, ...]
    """What we say is lost."""


class Listener(logging.Handler):
    """Hears what is told as lost."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the words without the name of the file."""
        said = record.getMessage()
        self.heard.append(said.partition(": not carried over: ")[2] or said.partition(": ")[2])


def denoised(pixels: Any) -> Pixels:
    """Other pixels of the same type, in place of a denoiser."""
    array = np.asarray(pixels)
    return (array // 2).astype(array.dtype) if array.dtype.kind in "iu" else (array / 2).astype(array.dtype)


def told_while(work: Callable[[], object]) -> tuple[str, ...]:
    """What was said to be lost meanwhile."""
    listener, log = Listener(), logging.getLogger("noise2detail")
    log.addHandler(listener)
    try:
        work()
    finally:
        log.removeHandler(listener)
    return tuple(listener.heard)


def run(trial: Trial, folder: Path) -> Outcome:
    """Write the file, both results, and compare."""
    folder.mkdir()
    (folder / "bare").mkdir()
    source, bare, ours = folder / trial.source, folder / "bare" / trial.result, folder / trial.result
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trial.make(source)
        before = trial.facts(source)
        absent = [name for name, value in before.items() if value is None]
        assert not absent, f"the file for {trial.title} lacks {absent}"
        image = open_image(source, trial.axes)
        changed = replace(image, array=denoised(image.array))
        told = told_while(lambda: save_image(changed, ours, source=source))
        stopped = ""
        try:
            trial.bare(source, bare)
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes into the page
            stopped = type(error).__name__
        by_library = {} if stopped else trial.facts(bare)
        by_us = trial.facts(ours)
    return Outcome(
        trial,
        {name: _kept(trial, name, before, by_library) for name in before},
        {name: _kept(trial, name, before, by_us) for name in before},
        stopped,
        told,
    )


def _kept(trial: Trial, name: str, before: Facts, after: Facts) -> bool:
    if after.get(name) is None:
        return False
    right = trial.wanted.get(name)
    return right(before, after) if right is not None else plain(before[name]) == plain(after[name])


def plain(value: Any) -> Any:
    """The same as lists, numbers and text, which can be compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return round(value, 7) if isinstance(value, float) else value
