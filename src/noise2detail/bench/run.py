"""Run a case: every method on every image, each figure written down as soon as it is known."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.bench.candidate import Candidate
from noise2detail.bench.case import Case
from noise2detail.bench.circumstances import circumstances
from noise2detail.bench.datasets import Pair, find_pairs
from noise2detail.bench.results import Results, begin, key_of
from noise2detail.bench.scoring import Shown, scores
from noise2detail.bench.undoing import clipped_model, undone
from noise2detail.bench.worker import Outcome, Task, Worker
from noise2detail.method import Step
from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.run import Run

log = logging.getLogger(__name__)

KEPT = 64
"""Images that are kept in memory: every method comes back to each of them."""

RAW = "noisy"
"""Name of the row that shows the image as it was."""


@dataclass(frozen=True)
class Place:
    """How far a run is, for people."""

    number: int
    """Of the method on an image that is being run, from 1."""
    count: int
    candidate: str
    image: str
    step: Step | None = None
    """None: it begins."""


Listener = Callable[[Place], None]

Row = dict[str, Any]
"""What is written down of one method on one image."""


def ignore_row(row: Row) -> None:
    """Do nothing: the listener for those who do not want to know."""
    del row


@dataclass(frozen=True)
class Order:
    """Where a case finds its data, where its results go, and how it runs."""

    root: Path
    """Folder that the paths of the data sets start from."""
    output: Path
    """JSON lines."""
    command: str = ""
    """As it was typed, to be kept with the results."""
    run: Run = Run()  # noqa: RUF009 - frozen
    """Device, precision, threads."""
    resume: bool = False
    """Do not run again what the output holds already."""
    overwrite: bool = False
    """Replace an output that is there."""
    on_row: Callable[[Row], None] = ignore_row
    """Hears of every result."""


def ignore_place(place: Place) -> None:
    """Do nothing: the listener for those who do not want to know."""
    del place


def run_case(case: Case, order: Order, on_place: Listener = ignore_place) -> Results:
    """Results of a case, written down as they come.

    Parameters
    ----------
    case
        What to run.
    order
        On which data, and where to write.
    on_place
        Hears of every method and step; may raise to stop, and what was done stays.

    Raises
    ------
    Noise2DetailError
        The data cannot be read or the results not be written. A method that fails is a row.
    """
    head = described(case) | circumstances(order.command)
    entries = [(str(spec["name"]), entry) for spec in case.data for entry in find_pairs(spec, order.root)]
    load = lru_cache(KEPT)(lambda place: entries[place][1].load())
    results = begin(order.output, head, resume=order.resume, overwrite=order.overwrite)
    done = results.done
    for number, (data, _) in enumerate(entries):
        _add_raw(results, done, case, data, load(number))
    todo = [(c, seed, number) for c in case.methods for seed in case.seeds for number in range(len(entries))]
    with Worker() as worker:
        for number, (candidate, seed, entry) in enumerate(todo, 1):
            data, pair = entries[entry][0], load(entry)
            place = Place(number, len(todo), candidate.name, f"{data} {pair.name}")
            on_place(place)
            trial = _Trial(case, candidate, data, pair, Task(pair.noisy, "YX", candidate, seed, order.run))
            for row in trial.rows(worker, done, inside(place, on_place)):
                results.add(row)
                order.on_row(row)
    return results


def inside(place: Place, on_place: Listener) -> Callable[[Step], None]:
    """Listener for the steps of the method at a place."""
    return lambda step: on_place(replace(place, step=step))


def described(case: Case) -> dict[str, Any]:
    """What a reader of the results needs of their case."""
    plain = ("title", "quick", "metrics", "seeds", "note", "published", "source")
    return {"case": case.name} | {name: getattr(case, name) for name in plain}


def _add_raw(results: Results, done: set[tuple[Any, ...]], case: Case, data: str, pair: Pair) -> None:
    row = _row(data, pair, RAW, 0, unclipped=False)
    if key_of(row) not in done:
        shown = Shown(pair.noisy, pair.noisy, pair.reference, pair.span)
        results.add(row | scores(shown, case.metrics))


def _row(data: str, pair: Pair, method: str, seed: int, *, unclipped: bool) -> dict[str, Any]:
    return {
        "data": data,
        "subset": pair.subset,
        "image": pair.name,
        "method": method,
        "unclipped": unclipped,
        "seed": seed,
        "size": list(pair.noisy.shape),
    }


@dataclass(frozen=True, eq=False)
class _Trial:
    """One method on one image."""

    case: Case
    candidate: Candidate
    data: str
    pair: Pair
    task: Task

    def rows(
        self, worker: Worker, done: set[tuple[Any, ...]], on_step: Callable[[Step], None]
    ) -> Iterator[dict[str, Any]]:
        """What is not done yet: the result, and where noise is clipped the result with that undone."""
        plain, other = (
            _row(self.data, self.pair, self.candidate.name, self.task.seed, unclipped=flag) for flag in (False, True)
        )
        model = clipped_model(self.pair.noisy) if self.case.unclip else None
        wanted = [row for row in (plain, *([other] if model else [])) if key_of(row) not in done]
        if not wanted:
            return
        outcome = worker.do(self.task, on_step)
        if plain in wanted:
            yield self._scored(plain, outcome)
        if other in wanted and model is not None:
            yield self._scored(other, self._undone(outcome, model, worker, on_step))

    def _undone(self, outcome: Outcome, model: NoiseModel, worker: Worker, on_step: Callable[[Step], None]) -> Outcome:
        if self.candidate.stabilize:
            # two inverses in a chain are none: the stabilised method runs again, with the one inverse that does both
            return worker.do(replace(self.task, run=replace(self.task.run, unclip=True)), on_step)
        if outcome.denoised is None:
            return outcome
        return replace(outcome, denoised=undone(outcome.denoised, model))

    def _scored(self, row: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
        candidate, pair, case = self.candidate, self.pair, self.case
        facts = {
            "id": candidate.method,
            "recipe": candidate.recipe,
            "settings": list(candidate.settings),
            "stabilize": candidate.stabilize,
            "seconds": round(outcome.seconds, 3),
            "peak_mib": round(outcome.peak_mib, 1),
            "device": outcome.device,
            "precision": outcome.precision,
            "threads": outcome.threads,
            "at": round(time.time()),
        }
        if outcome.denoised is None:
            log.warning("%s on %s: %s", candidate.name, pair.name, outcome.error)
            return row | facts | {"error": outcome.error}
        if not np.isfinite(outcome.denoised).all():
            return row | facts | {"error": "the result holds values that are no numbers"}
        return row | facts | scores(Shown(outcome.denoised, pair.noisy, pair.reference, pair.span), case.metrics)
