"""Write ``command-line.md`` from the commands themselves; a test keeps both equal.

python docs/reference/command_line.py
"""

import re
from pathlib import Path
from typing import Any

import typer.main

from noise2detail.cli.main import app

PAGE = Path(__file__).with_name("command-line.md")

HEAD = """# Command line

Written by `python docs/reference/command_line.py` from the commands' own help; `n2d COMMAND --help` shows the same.
"""


def page() -> str:
    """Markdown for all commands."""
    return "\n".join([HEAD, *(section(name, command) for name, command in commands().items())])


def commands() -> dict[str, Any]:
    """Every command by its full name, those of groups among them."""
    top: Any = typer.main.get_command(app)
    found: dict[str, Any] = {}
    for name, command in top.commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {own}": one for own, one in inner.items()} if inner else {name: command}
    return found


def section(name: str, command: Any) -> str:
    """Markdown for one command."""
    arguments = [p.metavar + "..." * (p.nargs == -1) for p in command.params if p.param_type_name == "argument"]
    usage = " ".join(["n2d", name, *arguments, "[OPTIONS]"])
    lines = [f"## n2d {name}", "", f"    {usage}", "", plain(command.help or ""), ""]
    lines += ["| argument or option | |", "|---|---|"]
    lines += [row(parameter) for parameter in command.params]
    examples = [line for line in plain(command.epilog or "").splitlines() if line.startswith("n2d ")]
    if examples:
        lines += ["", "```console", *(f"$ {line}" for line in examples), "```"]
    return "\n".join([*lines, ""])


def row(parameter: Any) -> str:
    """Table row for an argument or option."""
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "option":
        value = ", ".join(sorted(parameter.opts, key=len)) + ("" if parameter.is_flag else f" {value}")
    cells = (f"`{value}`", plain(parameter.help or ""))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def plain(text: str) -> str:
    """Text without the marks that only a terminal shows."""
    return re.sub(r"\[/?b\]", "", text).strip()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
