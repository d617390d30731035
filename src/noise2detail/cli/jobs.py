"""Inputs to outputs: what will be read and written, settled and refused before any work begins."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from noise2detail.cli.images import chosen_images, labelled
from noise2detail.errors import FileError, OutputExistsError, SettingError, UnreadableFileError, UnwritableFileError
from noise2detail.io import default_output, find_images, refuse_output, sidecar_path
from noise2detail.io.dicom_series import is_series
from noise2detail.io.names import FOLDERS, output_format, result_suffix, split_suffix
from noise2detail.io.open import is_image_folder
from noise2detail.io.several import Choice

_LISTED = 5
"""Refused outputs that are named one by one."""

_ONLY = {".png": {"uint8", "uint16"}, ".bmp": {"uint8"}}
"""All pixel types of formats that know few."""


@dataclass(frozen=True)
class Job:
    """One image to read and one to write."""

    source: Path
    """Input."""
    output: Path
    """Neither there nor the input, unless it may be overwritten."""
    image: Choice | None = None
    """Which one, of a source with several."""


@dataclass(frozen=True)
class Jobs:
    """Everything that a command line names."""

    jobs: tuple[Job, ...]
    """In the order in which they are done."""
    skipped: tuple[tuple[Path, str], ...]
    """Other files of the folders, each with the reason."""
    absent: tuple[UnreadableFileError, ...]
    """Inputs that are not there, or the first where none holds an image."""
    several: bool
    """Outputs keep their names in a folder, and a failure does not end the run."""


def plan_jobs(
    inputs: Sequence[Path],
    output: str | None,
    *,
    overwrite: bool,
    pixel_type: np.dtype[np.generic] | None = None,
    suffix: str | None = None,
    again: bool = False,
    image: Choice | None = None,
) -> Jobs:
    """What is to be read and written; a folder for the outputs is created.

    Parameters
    ----------
    inputs
        Files and folders. A folder of DICOM slices is many images, or one volume where the output is a file.
    output
        As it was typed: a trailing slash says that it is a folder.
    overwrite
        Replace outputs of earlier runs.
    pixel_type
        Of the outputs; decides about the suffix of outputs whose name is not given.
    suffix
        Of outputs in a folder; None: that of the input where such a file can be written.
    again
        Results of this program are inputs too, where a folder holds any.
    image
        Of files with several: one of them, or ``ALL``, each with an output named by it.

    Raises
    ------
    SettingError
        Several inputs or images for one output file, or a suffix and the name of a file.
    OutputExistsError, UnwritableFileError
        An output must not or cannot be written; nothing was done.
    """
    volume = output is not None and len(inputs) == 1 and _names_file(Path(output)) and is_series(inputs[0])
    sources, skipped, absent = ((inputs[0],), (), ()) if volume else _sources(inputs, again)
    several = len(inputs) > 1 or (_is_collection(inputs[0]) and not volume)
    if not sources:
        empty = UnreadableFileError(
            inputs[0], "holds no image", "expected image files in it, such as TIFF, PNG or DICOM"
        )
        return Jobs((), skipped, absent or (empty,), several)
    jobs = _jobs(sources, output, several, pixel_type, suffix)
    if image is not None:
        jobs = tuple(one for job in jobs for one in _of_images(job, image, output))
    created = _create_folder(Path(output)) if output is not None and _is_folder(output, several) else None
    try:
        _refuse(jobs, overwrite)
    except FileError:
        if created is not None:
            created.rmdir()
        raise
    return Jobs(jobs, skipped, absent, several or len(jobs) > 1)


def _sources(
    inputs: Sequence[Path], again: bool
) -> tuple[tuple[Path, ...], tuple[tuple[Path, str], ...], tuple[UnreadableFileError, ...]]:
    sources: dict[Path, Path] = {}
    skipped: list[tuple[Path, str]] = []
    absent: list[UnreadableFileError] = []
    for path in inputs:
        try:
            found = find_images([path])
        except UnreadableFileError as error:
            absent.append(error)
            continue
        skipped += found.skipped
        for image in found.images:
            if _is_collection(path) and not again and sidecar_path(image).exists():
                skipped.append((image, "an earlier result of this program"))
            else:
                sources.setdefault(image.resolve(), image)
    return tuple(sources.values()), tuple(skipped), tuple(absent)


def _jobs(
    sources: Sequence[Path],
    output: str | None,
    several: bool,
    pixel_type: np.dtype[np.generic] | None,
    suffix: str | None,
) -> tuple[Job, ...]:
    if output is None:
        return tuple(Job(source, _holding(default_output(source), pixel_type)) for source in sources)
    if _is_folder(output, several):
        return tuple(Job(source, Path(output) / _kept_name(source, pixel_type, suffix)) for source in sources)
    if suffix is not None:
        raise SettingError(f"{output} names a file and so its format; expected a folder, or no other suffix ({suffix})")
    return (Job(sources[0], Path(output)),)


def _of_images(job: Job, image: Choice, output: str | None) -> Iterator[Job]:
    """The same for each image that is meant; an output that was named by the user keeps its name."""
    named = output is not None and job.output == Path(output)
    chosen = chosen_images(job.source, image)
    if named and len(chosen) > 1:
        raise SettingError(
            f"{output} is named like a file, and {job.source} holds {len(chosen)} images; expected a folder"
        )
    for one, label in chosen:
        yield replace(job, image=one, output=job.output if named else labelled(job.output, label))


def _is_folder(output: str, several: bool) -> bool:
    path = Path(output)
    if _names_store(path):
        if several:
            raise SettingError(f"{output} is named like one image, and there are several inputs; expected a folder")
        return False
    if path.is_dir() or output.endswith(("/", os.sep)) or not path.suffix:
        return True
    if not several:
        return False
    # `results.v2` may well be a folder, `results.tif` or `results.jpeg` is a mistake
    if path.is_file() or re.fullmatch(r"\.[A-Za-z]{2,11}", path.suffix):
        raise SettingError(
            f"{output} is named like a file, and the inputs are a folder or several files; expected a folder"
        )
    return True


def _is_collection(path: Path) -> bool:
    return path.is_dir() and not is_image_folder(path)


def _names_file(path: Path) -> bool:
    """Whether a name is that of a file of a format that can be written."""
    try:
        return bool(split_suffix(path)[1] and output_format(path))
    except UnwritableFileError:
        return False


def _names_store(path: Path) -> bool:
    """Whether a name is that of one image that is a folder, there or not."""
    try:
        return bool(path.suffix) and output_format(path) in FOLDERS
    except UnwritableFileError:
        return False


def _kept_name(source: Path, pixel_type: np.dtype[np.generic] | None, suffix: str | None) -> Path:
    """Name of the input, with the suffix that is wished, or else one that can be written."""
    return (
        _holding(Path(split_suffix(source)[0] + result_suffix(source)), pixel_type)
        if suffix is None
        else Path(split_suffix(source)[0] + suffix)
    )


def _holding(name: Path, pixel_type: np.dtype[np.generic] | None) -> Path:
    """The name, as a TIFF where a file named like this could not hold the pixel type that was asked for."""
    held = _ONLY.get(name.suffix.lower())
    return name if pixel_type is None or held is None or str(pixel_type) in held else name.with_suffix(".tif")


def _create_folder(folder: Path) -> Path | None:
    if folder.is_dir():
        return None
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnwritableFileError(folder, f"the folder cannot be created ({reason})", "choose another one") from error
    return folder


def _refuse(jobs: Sequence[Job], overwrite: bool) -> None:
    inputs = {job.source.resolve() for job in jobs}
    taken: dict[str, Path] = {}
    refused: list[FileError] = []
    for job in jobs:
        try:
            _refuse_one(job, inputs, taken, overwrite)
        except FileError as error:
            refused.append(error)
    if len(refused) == 1:
        raise refused[0]
    if refused:
        first = refused[0]
        names = ", ".join(error.path.name for error in refused[:_LISTED]) + (" ..." if len(refused) > _LISTED else "")
        raise type(first)(
            first.path, first.found, f"{first.remedy}; the same or similar for {len(refused)} outputs: {names}"
        )


def _refuse_one(job: Job, inputs: set[Path], taken: dict[str, Path], overwrite: bool) -> None:
    name = os.path.normcase(job.output.resolve())
    if name in taken:
        raise OutputExistsError(
            job.output,
            f"two inputs would be written to it: {taken[name]} and {job.source}",
            "rename one, or write them into different folders",
        )
    taken[name] = job.source
    refuse_output(job.output, job.source, overwrite)
    if job.output.resolve() in inputs:
        raise OutputExistsError(
            job.output, "the output is another input of this run", "choose another folder; inputs are never changed"
        )
