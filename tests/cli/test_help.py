"""Every command and every option explains itself."""

import signal
import sys
from typing import Any

import pytest
import typer

from noise2detail.cli.main import app, main
from tests.cli.running import n2d

TOP: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
COMMANDS: dict[str, Any] = {
    f"{name} {own}".strip(): command
    for name, group in TOP.items()
    for own, command in getattr(group, "commands", {"": group}).items()
}
"""By full name, those of groups among them."""


def test_all_commands_are_there() -> None:
    single = {
        "denoise",
        "fit",
        "apply",
        "compare",
        "convert",
        "fiji",
        "figure",
        "report",
        "info",
        "methods",
        "noise",
        "plan",
        "scale",
        "scale-task",
        "watch",
    }
    assert set(COMMANDS) == {*single, "doctor", "bench run", "bench table", "data list", "data fetch"}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_and_options_have_help(name: str) -> None:
    command = COMMANDS[name]
    assert len(command.help) > 30
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name} has no help"
        assert parameter.help.endswith("."), parameter.help


@pytest.mark.parametrize(
    "name",
    [
        "denoise",
        "fit",
        "apply",
        "convert",
        "info",
        "plan",
        "compare",
        "figure",
        "watch",
        "bench run",
        "bench table",
        "data fetch",
    ],
)
def test_commands_for_files_give_examples(name: str) -> None:
    assert f"n2d {name} " in COMMANDS[name].epilog


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_shown(name: str) -> None:
    for option in ("--help", "-h"):
        result = n2d(*name.split(), option)
        assert result.exit_code == 0
        assert "Usage" in result.stdout


def test_no_command_shows_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["n2d"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    said = capsys.readouterr().out
    for name in TOP:
        assert name in said


def test_an_unknown_command_is_wrong_usage() -> None:
    result = n2d("denoize")
    assert result.exit_code == 2
    assert "denoize" in result.stderr
