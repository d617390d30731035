"""Write ``methods.md`` from the registry and the records of settings; a test keeps both equal.

python docs/reference/method_settings.py
"""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from noise2detail.registry import METHODS, Entry

PAGE = Path(__file__).with_name("methods.md")

HEAD = """# Methods and their settings

Written by `python docs/reference/method_settings.py` from the program itself. A method is chosen with `--method`, one
of its recipes with `--recipe` (the first is the default), and any setting with `--set NAME=VALUE`, as often as needed.
Settings that are records have names with a dot: `--set stage1.steps=500`. In Python a method is a frozen dataclass of
the same settings, and `dataclasses.replace` changes one. Values are those of the default recipe. Seconds are for
512x512 pixels on two cores with bfloat16 arithmetic, as [measured](../../benchmarks/results/peers.md); a star marks
trainings that are shorter than published, to end within a minute. [Which to take when](../how-to/which-method.md) is
told elsewhere.
"""


def page() -> str:
    """Markdown for all methods, and for the records that their settings hold."""
    shown = {name: entry for name, entry in METHODS.items() if name != "bm3d_reference"}
    found: dict[str, type[Any]] = {}
    parts = [HEAD, *(section(name, entry, found) for name, entry in shown.items())]
    parts.append("## Records within settings\n")
    while waiting := sorted(set(found) - {part.split("\n")[0].removeprefix("### ") for part in parts}):
        parts += [f"### {name}\n\n" + "\n".join(table(found[name], None, found)) + "\n" for name in waiting]
    return "\n".join(parts)


def section(name: str, entry: Entry, found: dict[str, type[Any]]) -> str:
    """Markdown for one method; records within its settings are added to ``found``."""
    year = "" if str(entry.year) in entry.paper else f" ({entry.year})"
    source = "[Of this project](../explanation/auto.md)" if entry.licence == "own" else f"{entry.paper}{year}"
    licence = "" if entry.licence == "own" else f"; {entry.licence}"
    recipes, seconds = ", ".join(f"`{one}`" for one in entry.recipes), f"{entry.seconds:g} s{'*' * entry.reduced}"
    about = [
        f"{entry.title[0].upper()}{entry.title[1:]}. {source}{licence}.",
        "",
        f"Recipes: {recipes}. {seconds}. In Python `{entry.method.__module__}.{entry.method.__qualname__}`.",
    ]
    settings = entry.method.recipe(entry.recipes[0])
    return "\n".join([f"## {name}", "", *about, "", *table(entry.method, settings, found), ""])


def table(record: type[Any], settings: Any, found: dict[str, type[Any]]) -> Iterator[str]:
    """Rows for the fields of a record, with their values where there are any; records in them go to ``found``."""
    told, hints = meanings(record), get_type_hints(record)
    yield "| setting | value | meaning |" if settings is not None else "| setting | meaning |"
    yield "|---|---|---|" if settings is not None else "|---|---|"
    for field in dataclasses.fields(record):
        if not field.init or field.name not in told:
            continue
        inside = list(leaves(hints[field.name]))
        found |= {one.__name__: one for one in inside if dataclasses.is_dataclass(one) and isinstance(one, type)}
        choices = [f"`{one}`" for one in inside if isinstance(one, str)]
        records = [link(one) for one in inside if dataclasses.is_dataclass(one) and isinstance(one, type)]
        cells = [f"`{field.name}`"]
        if settings is not None:
            cells.append(shown(getattr(settings, field.name)))
        several = choices or (records if settings is None or len(records) > 1 else [])
        cells.append(f"{told[field.name]} {' or '.join(several)}." if several else told[field.name])
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def leaves(hint: Any) -> Iterator[Any]:
    """The types and the choices that a type is made of."""
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    elif get_args(hint):
        for part in get_args(hint):
            yield from leaves(part)
    else:
        yield hint


def link(record: type[Any]) -> str:
    """Name of a record, which leads to its table."""
    return f"[{record.__name__}](#{record.__name__.lower()})"


def shown(value: Any) -> str:
    """A value as it is typed, or the name of its record with a link to that."""
    if dataclasses.is_dataclass(value):
        return link(type(value))
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`" if value else "none"
    return f"`{value}`"


def meanings(record: type[Any]) -> dict[str, str]:
    """The text under each field of a record, in one line; Python itself does not keep it."""
    (defined,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(defined, ast.ClassDef)
    found = {}
    for field, text in pairwise(defined.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            told = ast.literal_eval(text.value)
            found[field.target.id] = re.sub(r"\s+", " ", told.replace("``", "`")).strip()
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
