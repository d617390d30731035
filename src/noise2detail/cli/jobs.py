"""Inputs to outputs: what will be read and written, settled and refused before any work begins."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from noise2detail.cli.images import chosen_images, labelled
from noise2detail.cli.inputs import Inputs, absolute, common_root, find_inputs
from noise2detail.cli.outputs import PixelType, alone, below, beside, is_folder, names_file
from noise2detail.errors import FileError, OutputExistsError, SettingError, UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import refuse_output
from noise2detail.io.dicom_series import is_series
from noise2detail.io.several import Choice
from noise2detail.io.source import Source, open_source

_LISTED = 5
"""Refused outputs that are named one by one."""


@dataclass(frozen=True)
class Job:
    """One image to read and one to write."""

    image: Source
    """The input."""
    output: Path
    """Neither there nor the input, unless it may be overwritten."""
    further: tuple[Path, ...] = ()
    """Other files that are written besides, of which the same is true."""

    @property
    def source(self) -> Path:
        """Where the input lies: a file, or the folder that holds its parts."""
        return self.image.path

    def open(self, axes: str | None) -> Image:
        """The image of the input; see :func:`open_source`.

        Raises
        ------
        AxesError, UnreadableFileError
            It cannot be read.
        """
        return open_source(self.image, axes)


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
    """Outputs keep their places in a folder, and a failure does not end the run."""
    told: tuple[tuple[Path, str], ...] = ()
    """Folders, and what people should know about their images."""


def plan_jobs(
    inputs: Sequence[Path],
    output: str | None,
    *,
    overwrite: bool,
    pixel_type: PixelType = None,
    suffix: str | None = None,
    again: bool = False,
    image: Choice | None = None,
    further: Callable[[Path], tuple[Path, ...]] = lambda _: (),
) -> Jobs:
    """What is to be read and written; folders for the outputs are created.

    Parameters
    ----------
    inputs
        Files, folders and patterns. A series of DICOM slices in a folder is one volume, if it can be.
    output
        As it was typed: a trailing slash says that it is a folder.
    overwrite
        Replace outputs of earlier runs.
    pixel_type
        Of the outputs; decides about the suffix of outputs whose name is not given.
    suffix
        Of outputs in a folder; None: that of the input where such a file can be written.
    again
        Results of this program are inputs too, where a folder or a pattern leads to any.
    image
        Of files with several: one of them, or ``ALL``, each with an output named by it.
    further
        Files that are written besides an output.

    Raises
    ------
    SettingError
        Several inputs or images for one output file, or a suffix and the name of a file.
    OutputExistsError, UnwritableFileError
        An output must not or cannot be written; nothing was done.
    """
    found = find_inputs(inputs, without=None if output is None else Path(output), again=again)
    volume = None if output is None else _volume(found, Path(output))
    several = found.collection and volume is None
    if volume is None and not found.sources:
        empty = UnreadableFileError(
            inputs[0], "holds no image", "expected image files in it, such as TIFF, PNG or DICOM"
        )
        return Jobs((), found.skipped, found.absent or (empty,), several, found.told)
    jobs = (volume,) if volume else _jobs(found, output, several, pixel_type, suffix)
    if image is not None:
        jobs = tuple(one for job in jobs for one in _of_images(job, image, output))
    jobs = tuple(replace(job, further=further(job.output)) for job in jobs)
    into = output is not None and volume is None and is_folder(output, several=several)
    created = _create_folders(jobs) if into else []
    try:
        _refuse(jobs, overwrite)
    except FileError:
        for folder in reversed(created):
            folder.rmdir()
        raise
    return Jobs(jobs, found.skipped, found.absent, several or len(jobs) > 1, found.told)


def _volume(found: Inputs, output: Path) -> Job | None:
    """The one job, where a folder is to become one file."""
    if len(found.paths) != 1 or not names_file(output):
        return None
    if len(found.sources) == 1 and found.sources[0].parts:
        return Job(found.sources[0], output)
    return (
        Job(Source(found.paths[0]), output) if is_series(found.paths[0]) else None
    )  # whoever opens it is told what is wrong


def _jobs(
    found: Inputs, output: str | None, several: bool, pixel_type: PixelType, suffix: str | None
) -> tuple[Job, ...]:
    sources = found.sources
    if output is None:
        return tuple(Job(one, beside(one, pixel_type)) for one in sources)
    if is_folder(output, several=several):
        folder, root = Path(output), common_root(found.paths)
        if len(sources) == 1 and suffix is None and alone(folder, sources[0], root):
            return (Job(sources[0], folder),)
        return tuple(Job(one, below(folder, one, root, pixel_type, suffix)) for one in sources)
    if suffix is not None:
        raise SettingError(f"{output} names a file and so its format; expected a folder, or no other suffix ({suffix})")
    return (Job(sources[0], Path(output)),)


def _create_folders(jobs: Sequence[Job]) -> list[Path]:
    """Folders that were not there, outer before inner."""
    created: list[Path] = []
    for folder in dict.fromkeys(job.output.parent for job in jobs):
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            for one in reversed(created):
                one.rmdir()
            reason = error.strerror or str(error)
            raise UnwritableFileError(
                folder, f"the folder cannot be created ({reason})", "choose another one"
            ) from error
        created += reversed(missing)
    return created


def _of_images(job: Job, image: Choice, output: str | None) -> Iterator[Job]:
    """The same for each image that is meant; an output that was named by the user keeps its name."""
    named = output is not None and job.output == Path(output)
    chosen = chosen_images(job.image, image)
    if named and len(chosen) > 1:
        raise SettingError(
            f"{output} is named like a file, and {job.source} holds {len(chosen)} images; expected a folder"
        )
    for one, label in chosen:
        yield Job(replace(job.image, image=one), job.output if named else labelled(job.output, label))


def _refuse(jobs: Sequence[Job], overwrite: bool) -> None:
    inputs = {path.resolve() for job in jobs for path in (job.source, *job.image.parts)}
    taken: dict[str, tuple[Job, Path]] = {}
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


def _refuse_one(job: Job, inputs: set[Path], taken: dict[str, tuple[Job, Path]], overwrite: bool) -> None:
    for output in (job.output, *job.further):
        name = _anywhere(output)
        if name in taken:
            first, own = taken[name]
            case = "" if own == output else f", which is {own} where capitals do not count"
            raise OutputExistsError(
                output,
                f"two inputs would be written to it{case}: {first.source} and {job.source}",
                "rename one, or write them into different folders",
            )
        taken[name] = job, output
        refuse_output(output, job.source, overwrite)
        if output.resolve() in inputs:
            raise OutputExistsError(
                output, "the output is another input of this run", "choose another folder; inputs are never changed"
            )


def _anywhere(path: Path) -> str:
    """A name that two paths share where they are one and the same on some system."""
    return unicodedata.normalize("NFC", str(absolute(path.parent.resolve() / path.name))).casefold()
