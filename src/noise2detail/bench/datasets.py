"""Data sets of a benchmark: what a table of a case file names, as pairs of a noisy image and its reference."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from noise2detail.bench.biosr import BioSr
from noise2detail.bench.fmd import Fmd, FmdSample
from noise2detail.bench.folders import Clean, Noise2Fast, Pairs
from noise2detail.bench.pair import Entry, Pair, check_pair, cropped
from noise2detail.bench.spec import record_from
from noise2detail.bench.volumes import Ct
from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.registry import unknown

__all__ = ["LAYOUTS", "DataSet", "Entry", "Layout", "Pair", "find_pairs", "load_pairs", "read_spec"]


class Layout(Protocol):
    """How the files of a data set lie; a frozen dataclass whose fields are the keys of its table."""

    EXPECTED: ClassVar[str]
    """The files it looks for, for messages."""

    def entries(self, folder: Path) -> Iterable[Entry]:
        """What is there, in order."""


LAYOUTS: Mapping[str, type[Any]] = {
    "fmd": Fmd,
    "fmd-sample": FmdSample,
    "ct": Ct,
    "biosr": BioSr,
    "pairs": Pairs,
    "clean": Clean,
    "noise2fast": Noise2Fast,
}
"""Every layout by the name that cases use."""


@dataclass(frozen=True)
class DataSet:
    """What all layouts have in common."""

    layout: str
    """One of ``LAYOUTS``."""
    path: str
    """Folder or file, relative to the folder of all data sets, or absolute."""
    name: str = ""
    """In tables; not used here."""
    only: str | tuple[str, ...] = ()
    """Images whose names hold one of these texts; empty: all."""
    count: int | None = None
    """At most so many of each subset, spread evenly over it from its first."""
    crop: tuple[int, int, int, int] | None = None
    """Top, left, height and width of the part that is used, in pixels; noise is added before."""

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise SettingError(f"count is {self.count}; expected at least 1")
        if self.crop is not None and (min(self.crop) < 0 or min(self.crop[2:]) < 1):
            raise SettingError(f"crop is {list(self.crop)}; expected top, left, height and width of a part")


def read_spec(spec: Mapping[str, Any]) -> tuple[DataSet, Layout]:
    """What a table says, checked without looking at any file.

    Raises
    ------
    SettingError
        An unknown layout or key, or a value that does not fit.
    """
    known = {field.name for field in fields(DataSet)}
    common = record_from(DataSet, {key: value for key, value in spec.items() if key in known}, "data")
    if common.layout not in LAYOUTS:
        raise SettingError(unknown("layout", common.layout, tuple(LAYOUTS)))
    own = {key: value for key, value in spec.items() if key not in known}
    keys = (*(field.name for field in fields(LAYOUTS[common.layout])), *sorted(known))
    for key in own:
        if key not in keys:
            raise SettingError(f"layout {common.layout!r}: {unknown('key', key, keys)}")
    return common, record_from(LAYOUTS[common.layout], own, f"layout {common.layout!r}")


def find_pairs(spec: Mapping[str, Any], root: Path) -> tuple[Entry, ...]:
    """What a table names, in order; nothing is read yet but what must be to count it.

    Parameters
    ----------
    spec
        ``layout``, ``path``, ``only``, ``count``, ``crop`` and the keys of the layout.
    root
        Folder that ``path`` starts from.

    Raises
    ------
    SettingError
        As for ``read_spec``, or names that nothing has.
    UnreadableFileError
        A folder that is missing, or laid out differently.
    """
    common, layout = read_spec(spec)
    folder = root / common.path
    if not folder.exists():
        raise UnreadableFileError(
            folder, "there is no such folder", f"the layout {common.layout!r} expects there {layout.EXPECTED}"
        )
    entries = tuple(layout.entries(folder))
    if not entries:
        raise UnreadableFileError(
            folder, f"holds nothing of the layout {common.layout!r}", f"expected {layout.EXPECTED}"
        )
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise SettingError(f"{folder}: {common.layout!r} finds images of the same name: {_some(names)}")
    chosen = _spread(_named(entries, common.only), common.count)
    return tuple(replace(entry, load=_Finished(entry, common.crop)) for entry in chosen)


def load_pairs(spec: Mapping[str, Any], root: Path) -> Iterator[Pair]:
    """The pairs that a table names, each read when its turn comes.

    Parameters
    ----------
    spec, root
        As for ``find_pairs``.

    Raises
    ------
    InputError
        While reading: planes of different shapes or ranges of values.
    SettingError, UnreadableFileError
        As for ``find_pairs``, at once; a damaged file when its turn comes.
    """
    return (entry.load() for entry in find_pairs(spec, root))


@dataclass(frozen=True, eq=False)
class _Finished:
    """Reads a pair, checks it, and cuts it."""

    entry: Entry
    crop: tuple[int, int, int, int] | None

    def __call__(self) -> Pair:
        return cropped(check_pair(self.entry.load()), self.crop)


def _named(entries: Sequence[Entry], only: str | tuple[str, ...]) -> list[Entry]:
    texts = (only,) if isinstance(only, str) else only
    for text in texts:
        if not any(text in entry.name for entry in entries):
            raise SettingError(
                f"only is {text!r}, which no image has in its name; images are: {_some([e.name for e in entries])}"
            )
    return [entry for entry in entries if not texts or any(text in entry.name for text in texts)]


def _spread(entries: Sequence[Entry], count: int | None) -> list[Entry]:
    """At most ``count`` entries of each subset, evenly spread, in their order."""
    if count is None:
        return list(entries)
    subsets: dict[str, list[Entry]] = {}
    for entry in entries:
        subsets.setdefault(entry.subset, []).append(entry)
    kept = [
        group[round(place * (len(group) - 1) / max(1, count - 1))] if count < len(group) else group[place]
        for group in subsets.values()
        for place in range(min(count, len(group)))
    ]
    return sorted(kept, key=list(entries).index)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
