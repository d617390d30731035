"""What was done to a file: a JSON file beside the output, and one line inside it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.plans import Provenance

SIDECAR_SUFFIX = ".n2d.json"

_ORDER = ("version", "commit", "input_name", "input_sha256", "seconds_denoise", "libraries", "plan")
_BLOCK = 2**20


def sidecar_path(output: Path) -> Path:
    """Where the provenance of an output lies: its whole name and ``.n2d.json``."""
    return output.with_name(output.name + SIDECAR_SUFFIX)


def sidecar_text(provenance: Provenance) -> str:
    """The provenance as JSON, ends with a newline."""
    said = plain(provenance)
    if not provenance.holds:
        del said["holds"]
    ordered = {key: said[key] for key in _ORDER} | said
    return json.dumps(ordered, indent=2, ensure_ascii=False) + "\n"


def summary(provenance: Provenance) -> str:
    """One line for the place that a format has for a description."""
    plan, what = provenance.plan, provenance.holds.get("what")
    return (f"{what}. " if what else "") + (
        f"Denoised with noise2detail {provenance.version}: method {plan.method}, recipe {plan.recipe}, seed {plan.seed}"
    )


def sha256(path: Path | str) -> str:
    """Digest of a file, in hexadecimal; of a folder, that of the lines that ``sha256sum`` prints for its files.

    The files of a folder come in the order of their paths, which have slashes and begin below the folder.

    Raises
    ------
    UnreadableFileError
        The file cannot be read.
    """
    digest, source = hashlib.sha256(), Path(path)
    try:
        if source.is_dir():
            files = {file.relative_to(source).as_posix(): file for file in source.rglob("*") if file.is_file()}
            for name in sorted(files):
                digest.update(f"{sha256(files[name])}  {name}\n".encode())
            return digest.hexdigest()
        with source.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except UnreadableFileError:
        raise
    except OSError as error:
        raise UnreadableFileError(
            path, f"cannot be read ({error.strerror})", "check its name and permissions"
        ) from error
    return digest.hexdigest()


def plain(value: Any) -> Any:
    """The value as JSON can hold it: records as objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.item() if hasattr(value, "item") else str(value)
