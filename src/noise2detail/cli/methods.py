"""The command ``n2d methods``."""

import json as json_format
from typing import Any

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.voice import Voice, aligned

HELP = (
    "List the methods: recipes (the first is the default), seconds, year, what each does, who published it, and where "
    "the code comes from.\n\n"
    "Seconds are of the default recipe for 512x512 pixels on two cores; an asterisk: trained less than published, to "
    "end within a minute (recipe paper does it as published)."
)


@guarded
def methods(json: options.Json = False, debug: options.Debug = False) -> None:
    """List of methods on standard output."""
    from noise2detail.registry import DEFAULT, METHODS

    for_programs: list[dict[str, Any]] = [
        {
            "method": name,
            "default": name == DEFAULT,
            "recipes": list(entry.recipes),
            "title": entry.title,
            "paper": entry.paper,
            "year": entry.year,
            "seconds": entry.seconds,
            "reduced": entry.reduced,
            "licence": entry.licence,
        }
        for name, entry in METHODS.items()
    ]
    rows = [("method", "recipes", "seconds", "year")] + [
        (
            f"{name} (default)" if name == DEFAULT else name,
            ", ".join(entry.recipes),
            f"{entry.seconds:g}{'*' * entry.reduced}",
            str(entry.year),
        )
        for name, entry in METHODS.items()
    ]
    del debug  # the guard reads it
    if json:
        print(json_format.dumps(for_programs))  # noqa: T201
        return
    head, *lines = aligned(rows).splitlines()
    told = [
        f"{line}\n    {e.title}\n    {e.paper}; {e.licence}" for line, e in zip(lines, METHODS.values(), strict=True)
    ]
    Voice().result({}, "\n".join([head, *told, "* trained less than published, to end within a minute"]))
