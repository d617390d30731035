"""Empty environments with the wheel in them, one for every Python on this machine."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MINORS = (11, 12, 13, 14)
"""Of Python 3, as the classifiers say."""


@dataclass(frozen=True)
class Python:
    """An interpreter."""

    path: Path
    """Its program."""
    version: str
    """Such as 3.12.1."""


@dataclass(frozen=True)
class Installed:
    """An environment in which the wheel is installed."""

    python: Path
    """Its interpreter."""
    without_torch: str = ""
    """Why PyTorch is not in it."""


class InstallError(RuntimeError):
    """The wheel cannot be installed; the message is what pip said."""


def pythons(wished: list[Path]) -> list[Python]:
    """The interpreters that were named, or the newest of every minor version that is at hand.

    Parameters
    ----------
    wished
        Programs; none: look on the path and among those of pyenv.
    """
    if wished:
        return [python for path in wished if (python := asked(path))]
    found = [python for minor in MINORS for path in candidates(minor) if (python := asked(path))]
    newest: dict[tuple[int, ...], Python] = {}
    for python in found:
        minor = numbers(python.version)[:2]
        if minor not in newest or numbers(python.version) > numbers(newest[minor].version):
            newest[minor] = python
    return [newest[minor] for minor in sorted(newest) if minor[1] in MINORS]


def candidates(minor: int) -> list[Path]:
    """Where an interpreter of a minor version might be.

    Parameters
    ----------
    minor
        Of Python 3.
    """
    name = f"python3.{minor}"
    on_path = [Path(folder, name) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}"))
    own = [Path(sys.executable)] if sys.version_info[1] == minor else []
    return [path for path in [*of_pyenv, *on_path, *own] if path.is_file()]


def asked(path: Path) -> Python | None:
    """An interpreter that says its version; None for one that does not start.

    Parameters
    ----------
    path
        Its program.
    """
    code = "import sys, venv, ensurepip; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Python(path, done.stdout.strip()) if done.returncode == 0 else None


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared.

    >>> numbers("3.12.1")
    (3, 12, 1)
    """
    return tuple(int(part) for part in version.split("."))


def installed(python: Python, folder: Path, wheel: Path, constraints: Path, torch_index: str) -> Installed:
    """An environment with the wheel and what it requires, and nothing else.

    Without PyTorch where only its build for NVIDIA cards is to be had, which takes gigabytes: then the rest is tested.

    Parameters
    ----------
    python
        Interpreter.
    folder
        Of the environment, which is made.
    wheel
        To be installed.
    constraints
        The tested versions.
    torch_index
        Where to look for PyTorch besides the package index.

    Raises
    ------
    InstallError
        pip fails.
    """
    said([str(python.path), "-m", "venv", str(folder)])
    own = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(own), "-m", "pip", "--disable-pip-version-check", "install", "-c", str(constraints)]
    pip += ["--extra-index-url", torch_index] if torch_index else []
    reason = no_torch(pip, constraints)
    if not reason:
        said([*pip, str(wheel)])
        said([str(own), "-m", "pip", "check"])
    else:
        required = json.loads(said([*pip, "--dry-run", "--no-deps", "--quiet", "--report", "-", str(wheel)]))
        wanted = [one for one in required["install"][0]["metadata"]["requires_dist"] if "extra ==" not in one]
        said([*pip, *(one for one in wanted if not re.match(r"torch\b", one))])
        said([*pip, "--no-deps", str(wheel)])
    return Installed(own, reason)


def no_torch(pip: list[str], constraints: Path) -> str:
    """Why PyTorch is not installed; nothing where a build without CUDA is to be had.

    Parameters
    ----------
    pip
        The command that installs.
    constraints
        The tested versions.
    """
    version = re.search(r"^torch==(\S+)", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    wish = f"torch=={version[1]}" if version else "torch"
    try:
        report = json.loads(
            said([*pip, "--dry-run", "--no-deps", "--only-binary", ":all:", "--quiet", "--report", "-", wish])
        )
    except InstallError as error:
        return f"{wish} is not to be had: {str(error).strip().splitlines()[-1]}"
    needed = report["install"][0]["metadata"].get("requires_dist", [])
    if sys.platform == "linux" and any(re.match(r"nvidia|cuda", one) for one in needed):
        return f"the {wish} of the index is the build with gigabytes of CUDA; name another with TORCH_INDEX"
    return ""


def said(command: list[str]) -> str:
    """What a command prints.

    Parameters
    ----------
    command
        To be run.

    Raises
    ------
    InstallError
        It fails.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InstallError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout
