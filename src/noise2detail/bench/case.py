"""A benchmark as a file says it: data sets, methods, seeds, metrics, and what others have published."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from noise2detail.bench.candidate import Candidate, candidate_from
from noise2detail.bench.scoring import METRICS
from noise2detail.errors import Noise2DetailError, SettingError, UnreadableFileError
from noise2detail.registry import unknown

QUICK = "quick"
"""Table of a file that holds what differs in the reduced form."""


@dataclass(frozen=True, eq=False)
class Case:
    """What is run, on what, and what it is compared with."""

    name: str
    """Of the file, without its ending."""
    title: str
    """One line for people."""
    data: tuple[Mapping[str, Any], ...]
    """Data sets, each as ``load_pairs`` takes it, with a ``name``."""
    methods: tuple[Candidate, ...]
    """In the order of the tables."""
    metrics: tuple[str, ...] = ("psnr", "ssim")
    """Names of ``METRICS``; the first is the one that tables lead with."""
    seeds: tuple[int, ...] = (0,)
    """Each method runs with each."""
    unclip: bool = False
    """Where noise is clipped, show every method also with the mean of the clipped noise undone."""
    note: str = ""
    """What a reader of the tables must know."""
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By data set and method, what was published for the first metric."""
    source: str = ""
    """Where that was published."""
    quick: bool = False
    """The reduced form."""


def read_case(path: Path, *, quick: bool = False) -> Case:
    """The case of a TOML file.

    Parameters
    ----------
    path
        Keys as of ``Case``; data sets as ``[[data]]``, methods as ``[[methods]]``. A table ``[quick]`` replaces
        some of them in the reduced form.
    quick
        Read the reduced form.

    Raises
    ------
    UnreadableFileError
        Absent, no TOML, or something in it that does not exist; the message names the file.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnreadableFileError(path, f"it is no benchmark case ({error})", "expected a TOML file") from error
    reduced = content.pop(QUICK, {})
    if quick and not reduced:
        raise UnreadableFileError(path, "it has no reduced form", "run it in full, or give it a table [quick]")
    try:
        return _case(path.stem, content | (reduced if quick else {}), quick)
    except Noise2DetailError as error:
        raise UnreadableFileError(path, f"it is no benchmark case ({error})", "mend the file") from error


def _case(name: str, content: Mapping[str, Any], quick: bool) -> Case:
    known = tuple(f.name for f in fields(Case) if f.name not in {"name", "quick"})
    for key in content:
        if key not in known:
            raise SettingError(unknown("key", key, known))
    for key in ("title", "data", "methods"):
        if not content.get(key):
            raise SettingError(f"it has no {key}")
    for metric in content.get("metrics", ()):
        if metric not in METRICS:
            raise SettingError(unknown("metric", metric, tuple(METRICS)))
    lists: dict[str, Any] = {key: tuple(content[key]) for key in ("metrics", "seeds") if key in content}
    methods = tuple(candidate_from(one) for one in content["methods"])
    names = [one.get("name") for one in content["data"]]
    if None in names or len(set(names)) < len(names):
        raise SettingError(f"its data sets are named {names}; expected a name for each, and none twice")
    return Case(
        **{**content, **lists, "data": tuple(content["data"]), "methods": methods, "name": name, "quick": quick}
    )
