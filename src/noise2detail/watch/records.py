"""What a watch has done, beside its outputs: so that a second start does only what is missing."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.io import write_bytes
from noise2detail.io.atomic import translated
from noise2detail.noise.drift import described
from noise2detail.watch.drifting import Known
from noise2detail.watch.looking import State

NAME = ".n2d-watch.jsonl"
"""In the folder of the outputs: one line with the settings, and one for each output, the newest last."""

_VERSION = 1


@dataclass(frozen=True)
class Entry:
    """One output and what it was made from."""

    output: str
    """Below the folder of the outputs, with slashes."""
    input: str
    """Below the watched folder, with slashes."""
    state: State
    """In which the input was."""
    denoiser: str = ""
    """Name of the file with the denoiser, beside the outputs; empty: the image had a training of its own."""


class Records:
    """The only component that reads and writes the record of a watch.

    Parameters
    ----------
    folder
        Of the outputs; it is there.
    settings
        What decides about the pixels of the outputs.
    renew
        Other settings than those of the outputs that are there begin a new record instead of being refused.

    Raises
    ------
    SettingError
        The folder holds outputs of a watch with other settings.
    UnreadableFileError
        What is there is no such record.
    UnwritableFileError
        The record cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], *, renew: bool) -> None:
        self.path = folder / NAME
        self._entries: dict[str, Entry] = {}
        self._denoisers: dict[str, Known] = {}
        mark = fingerprint(settings)
        if self.path.exists():
            known = self._read()
            if known == mark:
                return
            if not renew:
                raise SettingError(
                    f"{folder} holds the outputs of a watch with other settings, and they should not be mixed; choose "
                    "another folder, or give --overwrite to denoise everything again"
                )
        self._entries, self._denoisers = {}, {}
        head = {"n2d-watch": _VERSION, "settings": mark, "said": settings}
        write_bytes(self.path, (json.dumps(head) + "\n").encode(), overwrite=True)

    def entry(self, output: str) -> Entry | None:
        """What an output was made from, if it was made."""
        return self._entries.get(output)

    @property
    def denoisers(self) -> dict[str, Known]:
        """Names of files with denoisers, the newest last, each with what it has learnt from in numbers."""
        return self._denoisers

    def add(self, entry: Entry) -> None:
        """Note an output that is complete; a line that a kill cuts off costs one look at the output, no more.

        Raises
        ------
        UnwritableFileError
            No space.
        """
        self._keep(entry)
        self._append(asdict(entry))

    def add_denoiser(self, name: str, known: Known) -> None:
        """Note a denoiser that is complete.

        Raises
        ------
        UnwritableFileError
            No space.
        """
        self._denoisers[name] = known
        self._append({"denoiser": name, "known": [one.data() for one in known]})

    def _append(self, said: Mapping[str, Any]) -> None:
        with translated(self.path), self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(said, ensure_ascii=False) + "\n")

    def _keep(self, entry: Entry) -> None:
        self._entries.pop(entry.output, None)  # the newest is the last
        self._entries[entry.output] = entry

    def _read(self) -> str:
        """The mark of the settings; the entries are kept."""
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        try:
            head = json.loads(lines[0])
            mark = str({_VERSION: head["settings"]}[head["n2d-watch"]])
        except (ValueError, KeyError, TypeError) as error:
            raise UnreadableFileError(
                self.path, f"is no record of a watch ({error})", "remove it; outputs are known by what lies beside them"
            ) from error
        for line in lines[1:]:
            with suppress(ValueError, KeyError, TypeError, AttributeError):  # cut off by a kill, or empty
                said = json.loads(line)
                if "known" in said:
                    self._denoisers[str(said["denoiser"])] = tuple(map(described, said["known"]))
                else:
                    self._keep(_entry(said))
        if lines[-1]:  # cut off within a line: the next one must not be glued to it
            with translated(self.path), self.path.open("a", encoding="utf-8") as stream:
                stream.write("\n")
        return mark


def fingerprint(settings: Mapping[str, Any]) -> str:
    """A short mark that is the same for the same settings.

    >>> fingerprint({"seed": 0}) == fingerprint({"seed": 0}), len(fingerprint({}))
    (True, 16)
    """
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _entry(said: dict[str, Any]) -> Entry:
    state = State(**{name: int(value) for name, value in said.pop("state").items()})
    return Entry(**{name: str(value) for name, value in said.items()}, state=state)
