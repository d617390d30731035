"""One method as it takes part in a comparison."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

from noise2detail import registry
from noise2detail.errors import SettingError
from noise2detail.method import Method
from noise2detail.pipeline.planning import choose_method
from noise2detail.plans import Target
from noise2detail.settings import with_setting


@dataclass(frozen=True)
class Candidate:
    """A method with its settings and what is done around it."""

    method: str
    """Id of the registry."""
    recipe: str | None = None
    """None: the method's default."""
    settings: tuple[str, ...] = ()
    """``NAME=VALUE`` each."""
    stabilize: bool = False
    """As of ``Run``."""
    label: str = ""
    """Name in tables; empty: made from the rest."""

    @property
    def name(self) -> str:
        """Name in tables, and of files."""
        if self.label:
            return self.label
        parts = [self.method, *([self.recipe] if self.recipe else []), *self.settings]
        return " ".join([*parts, *(["stabilized"] if self.stabilize else [])])

    @property
    def stem(self) -> str:
        """Name for files, on any system."""
        return re.sub(r"[^A-Za-z0-9.=-]+", "_", self.name)

    def build(self) -> tuple[str, Method]:
        """Recipe and method.

        Raises
        ------
        SettingError
            A method, recipe or setting that does not exist.
        """
        _, recipe, method = choose_method(self.method, self.recipe)
        for setting in self.settings:
            name, equals, value = (part.strip() for part in setting.partition("="))
            if not equals:
                raise SettingError(f"{setting!r} is no setting of {self.method}; expected NAME=VALUE")
            method = with_setting(method, name, value)
        return recipe, method


def candidate_from(data: Mapping[str, Any]) -> Candidate:
    """Candidate from a table of a TOML file.

    Raises
    ------
    SettingError
        A key or method that does not exist, a value of another type, or no method.
    """
    known = tuple(field.name for field in fields(Candidate))
    for key in data:
        if key not in known:
            raise SettingError(registry.unknown("key of a method", key, known))
    if not isinstance(data.get("method"), str):
        raise SettingError(f"a method of a case has no id: {dict(data)}; expected method = 'noise2detail' or another")
    content: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    candidate = Candidate(**content)
    candidate.build()
    return candidate


def candidates_from(text: str) -> tuple[Candidate, ...]:
    """Candidates from ``METHOD[:RECIPE][+stabilize|+latent|+captured]`` with commas between, as people type them.

    Examples
    --------
    >>> [c.name for c in candidates_from("gaussian, noise2detail:best, bm3d+stabilize")]
    ['gaussian', 'noise2detail best', 'bm3d stabilized']
    """
    found = []
    for item in (part.strip() for part in text.split(",")):
        if not item:
            continue
        rest, plus, how = item.partition("+")
        if plus and how not in {"stabilize", "stabilized", *get_args(Target)}:
            raise SettingError(
                f"{item!r} is no method; expected METHOD, METHOD:RECIPE, METHOD+stabilize, or METHOD+latent and "
                "METHOD+captured for methods with a target"
            )
        method, _, recipe = rest.partition(":")
        settings = (f"target={how}",) if how in get_args(Target) else ()
        candidate = Candidate(method.strip(), recipe.strip() or None, settings, stabilize=bool(plus and not settings))
        candidate.build()
        found.append(candidate)
    if not found:
        raise SettingError(f"no method is named in {text!r}; methods are: {', '.join(registry.METHODS)}")
    return tuple(dict.fromkeys(found))
