"""The table of cases, ``cases.toml``, as records."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("cases.toml")


@dataclass(frozen=True)
class Data:
    """Where an image comes from, and what may be done with it."""

    name: str
    """In words."""
    origin: str
    """``file`` below the data folder, ``repository`` below this one, ``skimage``, ``scene``, ``phantom``."""
    licence: str
    """In words, with what it asks for."""
    path: str = ""
    """Below the folder that ``origin`` means, or the name of a scene."""
    show: bool = False
    """The licence allows a picture of it to be passed on."""
    reference: str = ""
    """Path of a reference image, beside it."""
    photons: float = 0.0
    """Taken as noise-free, and recorded anew with so many photons at the brightest."""
    planes: tuple[int, int] | None = None
    """First and one past the last that are taken of a series."""
    part: tuple[int, int, int, int] | None = None
    """Top, left, height and width of what is taken of a plane."""
    axes: str = ""
    """Of the file that is written for the command, where the source does not say them."""


@dataclass(frozen=True)
class Wish:
    """One command of a case."""

    name: str
    """By which panels and tables call its result."""
    command: str
    """As typed."""


@dataclass(frozen=True)
class View:
    """One picture: the same part of several images."""

    panels: tuple[str, ...]
    """``noisy``, ``truth``, the name of a run, or a difference of two with `` - ``."""
    crop: tuple[int, int, int, int]
    """Top, left, height, width of what is shown."""
    grey: tuple[float, float]
    """Values shown as black and as white."""
    alt: str
    """The picture in words, for those who do not see it."""
    plane: int = 0
    """Of a series."""
    zoom: int = 2
    per_row: int = 3


@dataclass(frozen=True)
class Case:
    """One image, what is done with it, and what is shown and said of it."""

    id: str
    page: str
    title: str
    data: str
    """Key of the table of data."""
    file: str
    """Name of the image in the commands."""
    runs: tuple[Wish, ...]
    look: tuple[str, ...]
    """What to look at, a sentence or two each."""
    views: tuple[View, ...] = ()
    """Pictures; none where the image must not be shown."""
    shows: str = ""
    """For the table of all cases; none: a failure alone."""
    failure: str = ""
    """What goes wrong, for the table of failures."""
    blamed: str = ""
    """The run that goes wrong; none: the first."""

    def picture(self, number: int) -> str:
        """File name of a picture."""
        return f"{self.id}-{number + 1}.webp"


@dataclass(frozen=True)
class Page:
    """What stands above the cases of a page."""

    title: str
    intro: str


@dataclass(frozen=True)
class Table:
    """All of it."""

    intro: str
    """Above the table of all cases."""
    data: Mapping[str, Data]
    pages: Mapping[str, Page]
    cases: tuple[Case, ...] = field(default=())


def read(path: Path = TABLE) -> Table:
    """The table, checked: pictures only of images that may be shown, and every key known."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    data = {key: Data(**_tuples(one)) for key, one in raw["data"].items()}
    pages = {key: Page(one["title"], one["intro"].strip()) for key, one in raw["page"].items()}
    cases = []
    for one in raw["case"]:
        runs = tuple(Wish(**run) for run in one.pop("runs"))
        views = tuple(View(**_tuples(view)) for view in one.pop("views", ()))
        case = Case(runs=runs, views=views, **_tuples(one))
        if case.views and not data[case.data].show:
            raise ValueError(f"{case.id}: its image must not be shown: {data[case.data].licence}")
        if case.page not in pages:
            raise ValueError(f"{case.id}: there is no page {case.page}")
        cases.append(case)
    return Table(raw["intro"].strip(), data, pages, tuple(cases))


def _tuples(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
