"""Runs on whole layers, one after the other: requests out, events in, result layers in the viewer."""

import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from noise2detail.errors import Noise2DetailError
from noise2detail.napari.jobs import (
    ENDS,
    Engine,
    Event,
    Failed,
    Finished,
    FitRequest,
    Job,
    PlaneDone,
    Planned,
    RunRequest,
    Settings,
    Stopped,
    UncertaintyDone,
)
from noise2detail.napari.qt_layer_choice import sentence
from noise2detail.napari.qt_relay import Relay
from noise2detail.napari.qt_turns import next_turn
from noise2detail.napari.records import record_of
from noise2detail.napari.resolve import KEY, Subject, changed_words, pyramid_of, result_meta, uncertainty_meta
from noise2detail.napari.swipe import kept_selection

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari.layers import Image

REFRESH_MS = 200
"""Planes that are done are shown this often at most."""


@dataclass(eq=False)
class Work:
    """One layer that is denoised."""

    layer: "Image"
    subject: Subject
    settings: Settings
    job: Job | None = None
    result: "Image | None" = None
    uncertainty: "list[Image]" = field(default_factory=list)
    done: int = 0
    count: int = 0
    finished: Finished | None = None
    told_changed: bool = False


class Runs(QObject):
    """The only component that begins runs, and that adds or renames their result layers."""

    told = Signal(object)
    """Every event, for whoever shows it."""
    began = Signal(str)
    """What begins now, for people."""
    ended = Signal(str)
    """Nothing more is being done; how it ended, for people."""

    def __init__(self, viewer: "ViewerModel", engine: Engine, relay: Relay, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._engine, self._relay = viewer, engine, relay
        self._now: Work | None = None
        self._fitting: Job | None = None
        self._waiting: list[Work] = []
        self._past = 0
        self._learnt_from = ""
        self._more: dict[str, Any] = {}
        self._folder: Path | None = None
        self.last: Work | None = None
        """The newest that is done, for the report and for saving."""
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REFRESH_MS)
        self._redraw.timeout.connect(self._show_done)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def running(self) -> bool:
        """True while anything is being done."""
        return self._now is not None or self._fitting is not None

    def run(self, work: Sequence[Work], *, uncertainty: bool = False, shared: Subject | None = None) -> None:
        """Begin; ``shared`` is the image that one denoiser for all is learnt from, None: each from itself.

        Raises
        ------
        Noise2DetailError
            Something is being done already, or the request is refused.
        """
        self._waiting, self._past, self._more = list(work), 0, {"uncertainty": uncertainty}
        self._learnt_from = shared.name if shared is not None else ""
        if shared is None:
            self._next()
            return
        self._folder = Path(tempfile.mkdtemp(prefix="noise2detail-"))
        path = self._folder / "denoiser.safetensors"
        request = FitRequest(shared.image, path, work[0].settings)
        self._fitting = self._engine.fit(request, self._relay.listener(self._take_fit))
        self._more["denoiser"] = path
        self.began.emit(f"Learning from {shared.name}")

    def cancel(self) -> None:
        """Stop; what is done is kept."""
        self._waiting = []
        for job in (self._fitting, self._now.job if self._now else None):
            if job is not None:
                job.cancel()

    def disconnect_all(self) -> None:
        """Hear nothing more of the viewer, and leave nothing behind."""
        self._redraw.stop()
        with contextlib.suppress(ValueError, RuntimeError):
            self._viewer.layers.events.removed.disconnect(self._on_removed)
        if self._now is not None:
            self._now.layer.events.data.disconnect(self._on_data)
        self._tidy()

    def _next(self) -> None:
        work = self._waiting.pop(0)
        request: RunRequest = work.subject.request(work.settings, **self._more)
        work.job = self._engine.run(request, self._relay.listener(lambda event: self._take(work, event)))
        self._now = work
        work.layer.events.data.connect(self._on_data)
        self.began.emit(f"Denoising {work.subject.name}")

    def _take_fit(self, event: Event) -> None:
        self.told.emit(event)
        if isinstance(event, ENDS):
            self._fitting = None
            if isinstance(event, Finished) and self._waiting:
                self._go_on()
            else:
                self._end(event, None)

    def _take(self, work: Work, event: Event) -> None:
        """What the engine tells of a run; where its results are shown is decided here."""
        if work is not self._now:
            return
        if isinstance(event, Planned):
            work.count = event.planes
        elif isinstance(event, PlaneDone):
            work.done, work.count = event.done, event.count
            self._add_result(work)
            if not self._redraw.isActive():
                self._redraw.start()
        elif isinstance(event, UncertaintyDone):
            self._add_uncertainty(work)
        self.told.emit(event)
        if isinstance(event, ENDS):
            self._close(work, event)

    def _close(self, work: Work, event: Event) -> None:
        self._redraw.stop()
        work.layer.events.data.disconnect(self._on_data)
        self._now = None
        if isinstance(event, Finished):
            work.finished, self.last, self._past = event, work, self._past + 1
        elif isinstance(event, Stopped):
            work.done, work.count = event.done, event.count or work.count
        self._settle(work)
        if isinstance(event, Finished) and self._waiting:
            self._go_on()
        else:
            self._end(event, work)

    def _go_on(self) -> None:
        try:
            self._next()
        except Noise2DetailError as error:
            self._end(Failed(str(error)), None)

    def _end(self, event: Event, work: Work | None) -> None:
        """Nothing more is done: say how it ended."""
        left, self._waiting = len(self._waiting), []
        self._tidy()
        words = "Done."
        if isinstance(event, Failed):
            words = "Failed." if not self._past else f"Failed after {self._past} layers were done."
            show_error(sentence(event.message) + (f" {left} further layers were not begun." if left else ""))
        elif isinstance(event, Stopped):
            words = (
                "Cancelled: nothing was done."
                if work is None or not work.done
                else (f"Cancelled: {work.done} of {work.count} planes are denoised, the others are as they were.")
            )
        self.ended.emit(words)

    def _add_result(self, work: Work) -> None:
        """A layer above the noisy one, with the first plane.

        Not before: napari needs a fifth of a second to take it away again where a run is cancelled at once.
        """
        if work.result is not None or work.job is None or work.job.result is None:
            return
        from napari.layers import Image

        meta = result_meta(work.subject)
        layer = Image(pyramid_of(work.job.levels), **{**meta, "visible": False})
        layer.name = f"{layer.name} (running)"
        work.result = layer
        with kept_selection(self._viewer):
            self._insert_above(work.layer, layer)
        # added in this turn and drawn in the next: napari needs a tenth of a second for both
        next_turn(lambda: setattr(layer, "visible", meta.get("visible", True)))

    def _insert_above(self, noisy: "Image", layer: "Image") -> None:
        """Over results of earlier runs too, which would hide it."""
        layers = self._viewer.layers
        below = [
            number
            for number, one in enumerate(layers)
            if one is noisy or one.metadata.get(KEY, {}).get("layer") == noisy.name
        ]
        layers.insert(max(below, default=len(layers) - 1) + 1, layer)

    def _add_uncertainty(self, work: Work) -> None:
        pixels = work.job.uncertainty if work.job is not None else None
        if pixels is None:
            return
        with kept_selection(self._viewer):
            added = self._viewer.add_image(pixels, **uncertainty_meta(work.subject), visible=False)
        work.uncertainty = list(added) if isinstance(added, list) else [added]

    def _show_done(self) -> None:
        work = self._now
        if work is not None and work.result is not None and work.result in self._viewer.layers:
            work.result.refresh(extent=False, thumbnail=False)

    def _settle(self, work: Work) -> None:
        """Give the result layer its last name and say in its metadata what was done."""
        layer = work.result
        if layer is None or layer not in self._viewer.layers:
            return
        record = None
        if work.finished is not None:
            learnt = self._learnt_from if self._learnt_from != work.subject.name else ""
            record = record_of(work.subject, work.settings, work.finished.plan, work.finished.seconds, denoiser=learnt)
        meta = result_meta(work.subject, record)
        if work.finished is None:
            meta["name"] += f" ({work.done} of {work.count} planes)"
            meta["metadata"] = {
                **meta["metadata"],
                KEY: {"layer": work.subject.name, "planes_done": work.done, "planes": work.count},
            }
        layer.name, layer.metadata = meta["name"], meta["metadata"]
        layer.refresh()

    def _on_data(self) -> None:
        work = self._now
        if work is not None and not work.told_changed:
            work.told_changed = True
            show_warning(sentence(changed_words(work.subject, gone=False)))

    def _on_removed(self, event: Any) -> None:
        work = self._now
        if work is None:
            return
        if event.value is work.result:  # whoever deletes the result does not want it
            work.done = 0
            self.cancel()
        elif event.value is work.layer and not work.told_changed:
            work.told_changed = True
            show_warning(sentence(changed_words(work.subject, gone=True)))

    def _tidy(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
