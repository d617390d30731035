"""A watch from its settings to its exit code, and the signals that end it."""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.voice import Voice
from noise2detail.cli.watch_denoisers import Denoisers
from noise2detail.cli.watch_work import Places, Worker
from noise2detail.cli.wishes import Settled, imitation
from noise2detail.errors import SettingError, UnreadableFileError, UnwritableFileError
from noise2detail.io import sha256
from noise2detail.settings import to_data
from noise2detail.watch.looking import Looker
from noise2detail.watch.records import Records
from noise2detail.watch.settling import names
from noise2detail.watch.watching import Ended, Hands, Patience, Watching

_NAP = 0.2
"""Seconds between two looks at whether the watch is to end: a signal comes between two naps."""


@dataclass(frozen=True)
class Learning:
    """Where the denoisers of a watch come from."""

    fit_on: Literal["first", "each"] = "first"
    """One training on the first file for all, or one for each file."""
    denoiser: Path | None = None
    """What ``n2d fit`` has written, instead of a training."""
    refit: bool = True
    """Train again on a file that has drifted away; else only say so."""


def find_learning(fit_on: str, denoiser: Path | None, on_drift: str | None) -> Learning:
    """What is meant.

    Raises
    ------
    SettingError
        Something that does not exist, or two wishes that contradict each other.
    """
    if fit_on not in ("first", "each"):
        raise SettingError(f"--fit-on is {fit_on!r}; expected first or each")
    if on_drift not in (None, "refit", "keep"):
        raise SettingError(f"--on-drift is {on_drift!r}; expected refit or keep")
    if denoiser is not None and fit_on == "each":
        raise SettingError("--denoiser and --fit-on each exclude each other; expected one of them")
    refit = on_drift == "refit" or (on_drift is None and denoiser is None)
    return Learning("each" if fit_on == "each" else "first", denoiser, refit)


class Ending:
    """Whether somebody asked for the end: once, to finish the file in flight first; twice, to leave it."""

    def __init__(self, voice: Voice) -> None:
        self._voice, self.asked = voice, False

    def __call__(self) -> bool:
        """As ``Hands.stopped``."""
        return self.asked

    def wait(self, seconds: float) -> None:
        """Let time pass, less if the end was asked for."""
        due = time.monotonic() + seconds
        while not self.asked and (left := due - time.monotonic()) > 0:
            time.sleep(min(_NAP, left))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Ctrl-C and the request to terminate ask for the end, until the block ends."""
        here = threading.current_thread() is threading.main_thread()  # no other one may set handlers
        wanted = (signal.SIGINT, signal.SIGTERM) if here else ()
        before = {number: signal.signal(number, self._hear) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: object) -> None:
        del frame
        if self.asked:
            raise KeyboardInterrupt(number)
        self.asked = True
        self._voice.note("ending after the file in flight; once more to leave it undone")


def watch_folder(places: Places, settled: Settled, learning: Learning, patience: Patience, voice: Voice) -> ExitCode:
    """Watch a folder until the end is asked for, or nothing new comes, or the folder stays away.

    Raises
    ------
    SettingError, FileError
        Nothing can be begun.
    """
    check_places(places)
    if learning.denoiser is not None and not learning.denoiser.exists():
        raise UnreadableFileError(learning.denoiser, "there is no such file", "expected one that n2d fit has written")
    voice.warning(imitation(settled.run))
    records = Records(places.output, settings_of(settled, learning), renew=places.overwrite)
    denoisers = None
    if learning.denoiser is not None or learning.fit_on == "first":
        denoisers = Denoisers(records, learning.denoiser, settled, refit=learning.refit, voice=voice)
    ending = Ending(voice)
    hands = Hands(
        look=Looker(places.folder, places.output),
        work=Worker(places, settled, records, denoisers, voice),
        tell=voice.note,
        clock=time.monotonic,
        wait=ending.wait,
        stopped=ending,
    )
    with ending.listening():
        voice.note(f"watching {places.folder}, results go to {places.output}; Ctrl-C ends it")
        return tell_end(Watching(hands, patience).run(), patience, voice)


def check_places(places: Places) -> None:
    """Raise where the folders do not fit; that of the outputs is created.

    Raises
    ------
    SettingError
        The watched folder is that of the outputs, or lies in it.
    UnreadableFileError
        There is no folder to watch.
    UnwritableFileError
        The other one cannot be created.
    """
    folder, output = places.folder, places.output
    if not folder.is_dir():
        found = "is a file; expected a folder" if folder.exists() else "there is no such folder"
        raise UnreadableFileError(folder, found, "name the folder that the microscope writes to")
    if output.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise SettingError(
            f"{output} is the watched folder or holds it, so results would be taken for inputs; expected another "
            "folder, or one in it"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnwritableFileError(output, f"the folder cannot be created ({reason})", "choose another one") from error


def settings_of(settled: Settled, learning: Learning) -> Mapping[str, Any]:
    """What decides about the pixels of the outputs, besides the machine."""
    given = learning.denoiser
    own = {"method": to_data(settled.method), "recipe": settled.recipe, "seed": settled.seed}
    run = settled.run
    modes = {"stabilize": run.stabilize, "unclip": run.unclip, "target": run.target, "channels": run.channels}
    return {
        "axes": settled.axes,
        "pixel type": None if settled.pixel_type is None else str(settled.pixel_type),
        "learnt": {"denoiser": sha256(given)} if given else {"on": learning.fit_on, **own, **modes, "fit": run.fit},
    }


def tell_end(ended: Ended, patience: Patience, voice: Voice) -> ExitCode:
    """The exit code, after a word on what was and was not done."""
    for path, why in ended.unfinished.items():
        voice.warning(f"{path} was not denoised: {why}")
    if ended.gone:
        voice.warning(f"the watched folder did not come back within {patience.gone:g} s")
    left = f", {len(ended.unfinished)} left ({names(ended.unfinished)})" if ended.unfinished else ""
    before = f", {ended.known} done before" if ended.known else ""
    voice.note(f"{ended.done} done{before}, {ended.failed} failed{left}")
    if not (ended.failed or ended.unfinished or ended.gone):
        return ExitCode.DONE
    return ExitCode.SOME_FAILED if ended.done or ended.known else ExitCode.FAILED
