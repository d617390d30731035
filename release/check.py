"""Everything that can be known of a release before it is published: ``make release-check``.

Builds sdist and wheel, compares what they hold with what git knows, has the metadata checked, installs the wheel in an
empty environment of every Python at hand, and runs ``installed_tests.py`` there. Leaves both files in ``dist/``.
"""

import argparse
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from changelog import ChangelogError, fragments, section
from commit_hook import unchanged_commit
from contents import declared_version, repository_files, sdist_problems, wheel_problems
from environments import Installed, InstallError, Python, installed, pythons, said

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ROOT / "constraints.txt"


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 where all is well."""
    parser = argparse.ArgumentParser(description="Build a release and test what was built.")
    parser.add_argument("--python", type=Path, action="append", default=[], help="only these interpreters")
    parser.add_argument("--torch-index", default="", help="where to look for PyTorch besides the package index")
    wish = parser.parse_args(arguments)
    commit = unchanged_commit(ROOT)
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sdist, wheel = built(folder / "dist")
        tell(f"built {sdist.name} and {wheel.name}, {commit or 'of files that are in no commit'}")
        for problem in [*of_distributions(sdist, wheel, commit is not None), *of_changes()]:
            problems.append(problem)
            tell(f"PROBLEM: {problem}")
        for python in pythons(wish.python) or [Python(Path(sys.executable), "of this script")]:
            failed = of_installed(python, folder / python.version, wheel, commit, wish.torch_index)
            problems += [f"Python {python.version}: {failed}"] if failed else []
        if not problems:
            (ROOT / "dist").mkdir(exist_ok=True)
            for path in (sdist, wheel):
                shutil.copy(path, ROOT / "dist" / path.name)
    tell(f"release-check: {len(problems) or 'no'} problem{'s' * (len(problems) != 1)}")
    return 1 if problems else 0


def built(folder: Path) -> tuple[Path, Path]:
    """Sdist, and the wheel that is built from it, with the backend of this environment.

    Parameters
    ----------
    folder
        For both.
    """
    said([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)])
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def of_distributions(sdist: Path, wheel: Path, commit: bool) -> Iterator[str]:
    """Problems of contents and metadata.

    Parameters
    ----------
    sdist, wheel
        The files.
    commit
        Whether they must name one.
    """
    known = repository_files(ROOT)
    yield from sdist_problems(sdist, known, commit)
    yield from wheel_problems(wheel, known, commit)
    version = declared_version(ROOT)
    if f"-{version}-" not in wheel.name:
        yield f"{wheel.name}: the version of the source is {version}"
    try:
        said([sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)])
    except InstallError as error:
        yield f"metadata: {error}"
    tell(f"contents and metadata compared, twine {importlib.metadata.version('twine')}")


def of_changes() -> Iterator[str]:
    """Problems of the fragments, of which the change log is made."""
    try:
        found = fragments(ROOT / "changes")
        if any(found.values()):
            section(declared_version(ROOT), datetime.now(UTC).date(), found)
    except ChangelogError as error:
        yield f"changes/{error}"


def of_installed(python: Python, folder: Path, wheel: Path, commit: str | None, torch_index: str) -> str:
    """What went wrong with an interpreter; nothing where all went well.

    Parameters
    ----------
    python
        Interpreter.
    folder
        For its environment.
    wheel
        To be installed.
    commit
        That it must name.
    torch_index
        Where to look for PyTorch besides the package index.
    """
    tell(f"Python {python.version} ({python.path})")
    try:
        environment = installed(python, folder, wheel, CONSTRAINTS, torch_index)
        tell(f"  without PyTorch: {environment.without_torch}" if environment.without_torch else "  with PyTorch")
        passed = tested(environment, folder, commit)
    except InstallError as error:
        tell(f"  FAILED: {error}")
        return str(error).splitlines()[0]
    return "" if passed else "tests of the installed package failed"


def tested(environment: Installed, folder: Path, commit: str | None) -> bool:
    """Whether the installed package passes its tests, far from the source.

    Parameters
    ----------
    environment
        With the package.
    folder
        Of the environment.
    commit
        That the package must name.
    """
    said([str(environment.python.with_name("n2d")), "--version"])  # before anything else is installed
    pip = [str(environment.python), "-m", "pip", "--disable-pip-version-check", "install", "-c", str(CONSTRAINTS)]
    said([*pip, "pytest", "npe2"])
    desk = folder / "desk"
    desk.mkdir()
    for path in (ROOT / "release" / "installed_tests.py", ROOT / "examples" / "brain_section.tif"):
        shutil.copy(path, desk)
    (desk / "pytest.ini").write_text("[pytest]\n")  # and no configuration from further up
    facts = {"N2D_VERSION": declared_version(ROOT), "N2D_COMMIT": commit or ""}
    command = [str(environment.python), "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider"]
    command += ["-W", "ignore", "installed_tests.py"]  # warnings of others are none of a release's business
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=desk, env=quiet | facts, check=False).returncode == 0


def tell(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
