"""What a watch does with a file that has come to rest: known, foreign, not complete, or denoised."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noise2detail.cli.batch import report_done, report_failure
from noise2detail.cli.denoising import Writing, denoise_image
from noise2detail.cli.experiment import Application, apply_to_image
from noise2detail.cli.images import ALL, chosen_images, labelled
from noise2detail.cli.inputs import absolute
from noise2detail.cli.jobs import Job
from noise2detail.cli.outputs import below
from noise2detail.cli.pixel_type import check_holdable
from noise2detail.cli.progress import progress_bar
from noise2detail.cli.recorded import recorded
from noise2detail.cli.voice import Voice
from noise2detail.cli.watch_denoisers import Denoisers
from noise2detail.cli.wishes import Settled
from noise2detail.errors import FileError, OutputExistsError, UnreadableFileError, UnwritableFileError
from noise2detail.image import Image
from noise2detail.io.atomic import refuse_space
from noise2detail.io.dicom import begins_like_dicom
from noise2detail.io.dicom_tree import by_series
from noise2detail.io.lazy import nbytes
from noise2detail.io.listing import why_skipped
from noise2detail.io.ndtiff import is_ndtiff, unfinished
from noise2detail.io.ome_sets import whole_of
from noise2detail.io.open import is_image_folder
from noise2detail.io.source import Source, digest, open_source
from noise2detail.watch.looking import EMPTY, State, state_of
from noise2detail.watch.records import Entry, Records
from noise2detail.watch.watching import Did, Outcome

_RANK = (Outcome.FAILED, Outcome.BLOCKED, Outcome.UNFINISHED, Outcome.DONE, Outcome.KNOWN, Outcome.FOREIGN)
"""Of several images in one place, the first of these stands for all."""

_OME = (".ome.tif", ".ome.tiff")


@dataclass(frozen=True)
class Places:
    """What is watched, and where outputs go."""

    folder: Path
    """The watched one."""
    output: Path
    """The folder of the outputs."""
    suffix: str | None = None
    """Of the outputs; None: that of the input where such a file can be written."""
    overwrite: bool = False
    """Inputs that were changed are denoised again."""


class Worker:
    """Does one file after the other.

    Parameters
    ----------
    places, settled
        What to denoise, where to, and how.
    records
        Of what was done before.
    denoisers
        That every file goes through; None: each has a training of its own.
    voice
        Hears of results and failures.
    """

    def __init__(
        self, places: Places, settled: Settled, records: Records, denoisers: Denoisers | None, voice: Voice
    ) -> None:
        self._places, self._settled, self._records = places, settled, records
        self._denoisers, self._voice = denoisers, voice
        self._told: set[str] = set()

    def __call__(self, path: Path) -> Did:
        """What came of whatever is at a path: a file, or a folder that is an image or holds DICOM slices."""
        if not path.is_dir() and (reason := why_skipped(path)):
            return self._foreign(path, reason)
        try:
            dids = [self._one(job) for source in self._sources(path) for job in self._jobs(source)]
        except FileError as error:
            dids = [Did(Outcome.UNFINISHED, error.found)]
        if not dids:
            return Did(Outcome.FOREIGN)
        return min(dids, key=lambda did: _RANK.index(did.outcome))

    def _foreign(self, path: Path, reason: str) -> Did:
        if not path.exists():
            return Did(Outcome.FOREIGN)
        if reason.startswith(("it is empty", "named like an image", "cannot be read")):
            return Did(Outcome.UNFINISHED, reason)  # its first bytes are yet to come
        self._once(f"ignored {path}: {reason}", about=reason)
        return Did(Outcome.FOREIGN)

    def _sources(self, path: Path) -> Sequence[Source]:
        if not path.is_dir():
            return (Source(whole_of(path)),)
        if is_image_folder(path):
            return (Source(path),)
        if path.suffix.lower() == ".zarr":
            raise UnreadableFileError(path, "it is no Zarr store yet", "wait until it is complete")
        entries = sorted(path.iterdir())
        scans = [file for file in entries if file.is_file() and begins_like_dicom(file)]
        found = by_series(path, scans)
        for file, reason in found.skipped:
            self._once(f"ignored {file}: {reason}", about=reason)
        for folder, about in found.told:
            self._once(f"{folder}: {about}", about=about)
        if len(found.sources) == 1 and len(found.sources[0].parts) == len(entries):
            return (replace(found.sources[0], label=""),)  # as in other commands: the only one has the folder's name
        return found.sources

    def _jobs(self, source: Source) -> list[Job]:
        """An output for each image of a source, at its place below the folder of the outputs."""
        places = self._places
        output = below(places.output, source, absolute(places.folder), self._settled.pixel_type, places.suffix)
        images = chosen_images(source, ALL)
        if len(images) == 1:
            return [Job(source, output)]
        return [Job(replace(source, image=one), labelled(output, label)) for one, label in images]

    def _one(self, job: Job) -> Did:
        """What came of one image."""
        state, started = _state(job.image), time.perf_counter()
        try:
            if self._is_known(job, state):
                return Did(Outcome.KNOWN)
            opened = self._opened(job, state)
        except (UnreadableFileError, FileNotFoundError) as error:
            return Did(Outcome.UNFINISHED, error.found if isinstance(error, FileError) else str(error))
        except Exception as error:  # noqa: BLE001 - told, counted, and the others go on
            return self._fail(job, error)
        try:
            with self._voice.warnings_shown():
                told = self._denoised(opened, job)
            self._records.add(Entry(self._name(job), self._input(job), state, str(told.get("denoiser", ""))))
        except OutputExistsError as error:
            return self._fail(job, error)
        except UnwritableFileError as error:
            return Did(Outcome.BLOCKED, str(error))
        except Exception as error:  # noqa: BLE001
            return self._fail(job, error) if job.source.exists() else Did(Outcome.BLOCKED, "it is gone")
        report_done(job, told, time.perf_counter() - started, self._voice)
        return Did(Outcome.DONE)

    def _fail(self, job: Job, error: Exception) -> Did:
        report_failure(job.source, error, self._voice)
        return Did(Outcome.FAILED, str(error))

    def _is_known(self, job: Job, state: State) -> bool:
        """Whether an image was denoised before.

        Raises
        ------
        OutputExistsError
            An output is there that was made from something else.
        """
        if not job.output.exists():
            return False
        entry, again = self._records.entry(self._name(job)), self._places.overwrite
        if entry is not None and entry.state == state:
            return True
        if again:
            return False
        if entry is not None:
            self._once(f"{job.source} was changed after it was denoised; --overwrite denoises it again")
            return True
        history = recorded(job.output)
        if history is None or history.input_sha256 != digest(job.image):
            raise OutputExistsError(
                job.output, "is there already, and was not made from this file", "choose another folder or --overwrite"
            )
        self._records.add(Entry(self._name(job), self._input(job), state))
        return True

    def _opened(self, job: Job, state: State) -> Image:
        """The image, if it is complete.

        Raises
        ------
        UnreadableFileError
            It is not, or not yet.
        """
        image = open_source(job.image, self._settled.axes)
        name = job.source.name.lower()
        why = unfinished(job.source) if is_ndtiff(job.source) else ""
        if name.endswith(_OME) and image.format != "ome-tiff":
            why = "it is named like an OME-TIFF, and has no OME-XML yet"
        elif not why and _state(job.image) != state:
            why = "it was changed while it was read"
        if why:
            raise UnreadableFileError(job.source, why, "wait until it is complete")
        return image

    def _denoised(self, opened: Image, job: Job) -> Mapping[str, Any]:
        settled, overwrite = self._settled, self._places.overwrite
        check_holdable(opened, opened.array.dtype if settled.pixel_type is None else settled.pixel_type, job.output)
        job.output.parent.mkdir(parents=True, exist_ok=True)
        refuse_space(job.output, nbytes(opened.array))
        if self._denoisers is None:
            return denoise_image(opened, job, job.source.name, settled, Writing(overwrite), self._voice)
        image = opened.in_memory()
        with progress_bar(job.source.name, shown=not self._voice.quiet) as on_step:
            chosen = self._denoisers.of(image, job.source.name, on_step)
        application = Application(settled.run, settled.axes, settled.pixel_type, overwrite)
        told = apply_to_image(image, job, job.source.name, chosen.fitted, chosen.path, application, self._voice)
        return {**told, "denoiser": chosen.path.name}

    def _name(self, job: Job) -> str:
        return job.output.relative_to(self._places.output).as_posix()

    def _input(self, job: Job) -> str:
        return absolute(job.source).relative_to(absolute(self._places.folder)).as_posix()

    def _once(self, text: str, about: str = "") -> None:
        """Say something about a file once, and about further files for the same reason only to the curious."""
        if text in self._told:
            return
        say = self._voice.detail if about and about in self._told else self._voice.note
        self._told |= {text, about}
        say(text)


def _state(source: Source) -> State:
    """In which an image is now."""
    if not source.parts:
        return state_of(source.path)
    total = EMPTY
    for part in source.parts:
        total += state_of(part)
    return total
