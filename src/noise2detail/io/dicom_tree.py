"""DICOM files as they lie around: which of a folder are slices of one volume, and which are images of their own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.io.dicom import NO_IMAGE, read_header
from noise2detail.io.dicom_series import refuse_no_volume
from noise2detail.io.source import Source


@dataclass(frozen=True)
class Sorted:
    """What the DICOM files of one folder are."""

    sources: tuple[Source, ...]
    """Volumes and single images."""
    skipped: tuple[tuple[Path, str], ...]
    """Files without an image, each with the reason."""
    told: tuple[tuple[Path, str], ...]
    """Folders with series that are no volume, and why."""


def by_series(folder: Path, files: Sequence[Path]) -> Sorted:
    """The images of the DICOM files of a folder: one for each series, or for each file where that is no volume.

    Parameters
    ----------
    folder
        Where the files lie.
    files
        DICOM files; an index of files is none of them.
    """
    headers: dict[Path, Any] = {}
    sources: list[Source] = []
    skipped: list[tuple[Path, str]] = []
    for path in files:
        try:
            headers[path] = read_header(path)
        except UnreadableFileError as error:
            if error.found.startswith(NO_IMAGE):
                skipped.append((path, error.found))
            else:
                sources.append(Source(path))  # whoever opens it is told what is wrong
    series: dict[str, list[Path]] = {}
    for path, header in headers.items():
        series.setdefault(str(header.get("SeriesInstanceUID") or path.name), []).append(path)
    labels = _labels([headers[paths[0]] for paths in series.values()])
    told: list[tuple[Path, str]] = []
    for paths, label in zip(series.values(), labels, strict=True):
        refusal = _refusal(folder, {path: headers[path] for path in paths})
        if len(paths) > 1 and not refusal:
            sources.append(Source(folder, tuple(paths), label))
            continue
        sources += [Source(path) for path in paths]
        if refusal:
            told.append((folder, f"{len(paths)} slices of {label} are images of their own: {refusal}"))
    order = {path: number for number, path in enumerate(files)}
    sources.sort(key=lambda one: order[(one.parts or (one.path,))[0]])
    return Sorted(tuple(sources), tuple(skipped), tuple(told))


def _refusal(folder: Path, headers: Mapping[Path, Any]) -> str:
    """Why files are no volume; empty where they are one, or a single image."""
    try:
        if len(headers) > 1:
            refuse_no_volume(folder, headers)
    except UnreadableFileError as error:
        return f"{error.path.name} {error.found}" if error.path != folder else error.found
    return ""


def _labels(headers: Sequence[Any]) -> list[str]:
    """Names for series: their numbers where each has one of its own, else their places."""
    numbers = [str(header.get("SeriesNumber", "")) for header in headers]
    unique = all(number.isdecimal() and times == 1 for number, times in Counter(numbers).items())
    return [f"series_{own if unique else place}" for place, own in enumerate(numbers, start=1)]
