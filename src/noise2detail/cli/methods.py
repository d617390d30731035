"""The command ``n2d methods``."""

import json as json_format
from typing import Any

from noise2detail.cli import options
from noise2detail.cli.guard import guarded
from noise2detail.cli.voice import Voice, aligned

HELP = "List the methods with their recipes; the first recipe of each is its default."


@guarded
def methods(json: options.Json = False, debug: options.Debug = False) -> None:
    """List of methods on standard output."""
    from noise2detail.registry import DEFAULT, METHODS

    for_programs: list[dict[str, Any]] = [
        {"method": name, "default": name == DEFAULT, "recipes": list(entry.recipes), "title": entry.title}
        for name, entry in METHODS.items()
    ]
    rows = [("method", "recipes", "what it does")] + [
        (f"{name} (default)" if name == DEFAULT else name, ", ".join(entry.recipes), entry.title)
        for name, entry in METHODS.items()
    ]
    del debug  # the guard reads it
    if json:
        print(json_format.dumps(for_programs))  # noqa: T201
    else:
        Voice().result({}, aligned(rows))
