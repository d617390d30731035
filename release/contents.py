"""What a wheel and an sdist must hold, and nothing else: the files that git knows."""

import configparser
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

LEFT_OUT = ("benchmarks/results/",)
"""Of the repository, as ``pyproject.toml`` says for the sdist."""

ADDED = {"src/noise2detail/commit.txt"}
"""What the build writes."""

NEEDED = {"py.typed", "report/assets/page.html.j2", "report/assets/page.css"}
"""Of the package, whatever git says: without them it installs and does not work."""

DATA = {".tif", ".tiff", ".png", ".webp", ".npy", ".npz", ".nii", ".mrc", ".dcm", ".czi", ".h5", ".zarr"}
"""Images have owners: a folder that holds one says whose, in a text beside it."""

TEXTS = ("readme", "license", "licence", "notice", "credits")

LARGEST = {".whl": 10 * 2**20, ".gz": 40 * 2**20}
"""Bytes that nobody should have to download unasked."""


def repository_files(root: Path) -> set[str]:
    """Names of all files that are not ignored, those that were not added yet among them.

    Parameters
    ----------
    root
        Of the repository.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    return {name for name in listed if name and (root / name).is_file()}


def sdist_problems(sdist: Path, known: Iterable[str], commit: bool) -> list[str]:
    """What is missing or foreign in a source distribution.

    Parameters
    ----------
    sdist
        The file.
    known
        Files of the repository.
    commit
        Whether it must say which commit it was made from.
    """
    with tarfile.open(sdist) as archive:
        found = {str(PurePosixPath(*PurePosixPath(one.name).parts[1:])) for one in archive if not one.isdir()}
    expected = {name for name in known if not name.startswith(LEFT_OUT)} | {"PKG-INFO"} | (ADDED if commit else set())
    return _compared(sdist, expected, found) + _too_large(sdist)


def wheel_problems(wheel: Path, known: Iterable[str], commit: bool) -> list[str]:
    """What is missing or foreign in a wheel, and what its entry points name that is not there.

    Parameters
    ----------
    wheel
        The file.
    known
        Files of the repository.
    commit
        Whether it must say which commit it was made from.
    """
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if not name.endswith("/")}
        info = next(name.partition("/")[0] for name in found if ".dist-info/" in name)
        points = archive.read(f"{info}/entry_points.txt").decode()
    own = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    packed = {name for name in set(known) | (ADDED if commit else set()) if name.startswith("src/noise2detail/")}
    expected = {name.removeprefix("src/") for name in packed} | {f"{info}/{name}" for name in own}
    needed = {f"noise2detail/{name}" for name in NEEDED}
    problems = _compared(wheel, expected | needed, found) + _too_large(wheel)
    return problems + entry_point_problems(points, found) + unlicensed(found)


def entry_point_problems(text: str, found: Iterable[str]) -> list[str]:
    """What entry points name that the wheel does not hold: a module of a command, a manifest of napari.

    Parameters
    ----------
    text
        Of ``entry_points.txt``.
    found
        Files of the wheel.
    """
    names, problems = set(found), []
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(text)
    for group in parser.sections():
        for point, target in parser.items(group):
            module, _, rest = target.partition(":")
            path = module.replace(".", "/")
            code = {f"{path}.py", f"{path}/__init__.py"}
            places = {f"{path}/{rest}"} if group == "napari.manifest" else code
            if not places & names:
                problems.append(f"the entry point {group}: {point} = {target} names {min(places)}, which is missing")
    return problems


def unlicensed(found: Iterable[str]) -> list[str]:
    """Images without a text beside them that says whose they are.

    Parameters
    ----------
    found
        Files of the wheel.
    """
    texts = {PurePosixPath(name).parent for name in found if PurePosixPath(name).name.lower().startswith(TEXTS)}
    return [
        f"{name}: an image without README, LICENSE or NOTICE beside or above it that says whose it is"
        for name in sorted(found)
        if DATA & {part.lower() for one in PurePosixPath(name).parts for part in [PurePosixPath(one).suffix]}
        and not texts & set(PurePosixPath(name).parents)
    ]


def declared_version(root: Path) -> str:
    """Version of the source, without importing it.

    Parameters
    ----------
    root
        Of the repository.
    """
    said = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    place = str(said["tool"]["hatch"]["version"]["path"])
    line = next(line for line in (root / place).read_text(encoding="utf-8").splitlines() if "__version__" in line)
    return line.partition("=")[2].strip().strip('"')


def _compared(path: Path, expected: set[str], found: set[str]) -> list[str]:
    missing = [f"{path.name}: {name} is missing" for name in sorted(expected - found)]
    return missing + [f"{path.name}: {name} has no business there" for name in sorted(found - expected)]


def _too_large(path: Path) -> list[str]:
    size, most = path.stat().st_size, LARGEST[path.suffix]
    return [f"{path.name}: {size} bytes, expected at most {most}"] if size > most else []
