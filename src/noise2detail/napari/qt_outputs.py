"""What is written of a result: a page that opens in the browser, and files."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QWidget

from noise2detail.errors import InputError, Noise2DetailError
from noise2detail.napari.files import write_image
from noise2detail.napari.jobs import ENDS, Engine, Event, Failed, Finished, Job, ReportRequest, ReportWritten, Stopped
from noise2detail.napari.qt_layer_choice import sentence
from noise2detail.napari.qt_relay import Relay
from noise2detail.napari.records import command_of

if TYPE_CHECKING:
    from napari.layers import Image
    from noise2detail.napari.qt_running import Work


KINDS = "OME-TIFF (*.ome.tif);;OME-Zarr (*.ome.zarr);;TIFF (*.tif);;NIfTI (*.nii.gz);;MRC (*.mrc);;NumPy (*.npz)"
"""What a result can be saved as, in the words of Qt."""


class Outputs(QObject):
    """Asks where to write, and has it written without stopping the window."""

    began = Signal(str)
    told = Signal(object)
    ended = Signal(str)

    def __init__(self, engine: Engine, relay: Relay, parent: QWidget) -> None:
        super().__init__(parent)
        self._engine, self._relay, self._window = engine, relay, parent
        self._job: Job | None = None
        self._saving: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """True while something is written."""
        return self._job is not None or self._saving is not None

    def ask_report(self, work: "Work | None") -> None:
        """Ask for the name of the page and have it written.

        Raises
        ------
        InputError
            There is no result.
        """
        work = _done(work)
        name = self._ask("Write the report", proposed(work, "_report.html"), "Web page (*.html)", ".html")
        if name is not None:
            self.report(work, name)

    def report(self, work: "Work", path: Path) -> None:
        """Have the page written; it is opened when it is there."""
        if work.job is None or work.job.result is None or work.finished is None:
            return
        denoised = replace(work.subject.image, array=work.job.result)
        request = ReportRequest(
            work.subject.image,
            denoised,
            path,
            plan=work.finished.plan,
            command=command_of(work.subject, work.settings),
            uncertainty=work.job.uncertainty,
        )
        self._job = self._engine.report(request, self._relay.listener(self._take))
        self.began.emit(f"Writing {path.name}")

    def ask_save(self, work: "Work | None") -> None:
        """Ask for a file and write the result.

        Raises
        ------
        InputError
            There is no result.
        """
        work = _done(work)
        path = self._ask("Save the result", proposed(work, "_denoised.ome.tif"), KINDS, ".ome.tif")
        if path is not None and work.result is not None:
            self.save(work.result, path)

    def save(self, layer: "Image", path: Path) -> None:
        """Write a result layer, in a thread of its own: it may be large."""
        data, meta, _ = layer.as_layer_data_tuple()
        meta["source"] = layer.source
        told = self._relay.listener(self._take_saved)

        def write() -> None:
            try:
                write_image(str(path), data, meta)
            except (Noise2DetailError, OSError, MemoryError) as error:
                told(Failed(str(error)))
            else:
                told(ReportWritten(path))

        self._saving = threading.Thread(target=write, name="noise2detail-save")
        self._saving.start()
        self.began.emit(f"Writing {path.name}")

    def cancel(self) -> None:
        """Stop writing the page; a file that is being saved is finished."""
        if self._job is not None:
            self._job.cancel()

    def _take(self, event: Event) -> None:
        self.told.emit(event)
        if isinstance(event, ReportWritten):
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(event.path)))
        if not isinstance(event, ENDS):
            return
        self._job = None
        if isinstance(event, Failed):
            show_error(sentence(event.message))
        words = {Finished: "The report is written.", Stopped: "Cancelled: no report was written."}
        self.ended.emit(words.get(type(event), "The report could not be written."))

    def _take_saved(self, event: Event) -> None:
        if self._saving is not None:
            self._saving.join()
        self._saving = None
        if isinstance(event, Failed):
            show_error(sentence(event.message))
            self.ended.emit("Not saved.")
        elif isinstance(event, ReportWritten):
            show_info(f"Saved {event.path}")
            self.ended.emit(f"Saved {event.path.name}.")

    def _ask(self, title: str, proposal: Path, kinds: str, suffix: str) -> Path | None:
        """A name with a suffix; None where the dialog was closed."""
        name, _ = QFileDialog.getSaveFileName(self._window, title, str(proposal), kinds)
        if not name:
            return None
        path = Path(name)
        return path if path.suffix else path.with_name(path.name + suffix)


def proposed(work: "Work", ending: str) -> Path:
    """Beside the file that the layer came from, or where napari was started."""
    source = Path(work.subject.path) if work.subject.path else Path(work.subject.name)
    name = source.name
    while (stem := Path(name).stem) != name:
        name = stem
    folder = source.parent if work.subject.path and source.parent.is_dir() else Path.home()
    return folder / f"{name}{ending}"


def _done(work: "Work | None") -> "Work":
    if work is None or work.finished is None:
        raise InputError("there is no result yet; run on a layer first")
    return work
