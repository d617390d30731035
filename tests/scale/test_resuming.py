"""Runs that end early or badly, and what the next one makes of it."""

import errno
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.errors import OtherWorkError, OutputExistsError, UnreadableFileError
from noise2detail.scale import plan as planning
from noise2detail.scale.beginning import begin, begin_prepared, begun
from noise2detail.scale.driving import drive
from noise2detail.scale.finishing import finish
from noise2detail.scale.loop import attempt
from noise2detail.scale.markers import UnitDone, done_units, marked, pending
from noise2detail.scale.outcome import ATTEMPTS, Outcome, Results, Silent, Stop, Task
from noise2detail.scale.plan import ScalePlan, plan_from_text, plan_text
from noise2detail.scale.pool import pool
from noise2detail.scale.preparing import prepare
from noise2detail.scale.status import status_of
from noise2detail.scale.unit import check_unit, run_unit
from tests.scale.material import RUN, asked, begun_plan, series, tree, write_store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_store(tmp_path / "a.ome.zarr", series(2, 90, 70))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "b.ome.zarr"


def killed_once(plan: ScalePlan, index: int) -> UnitDone:
    """The unit, unless it is the first that this run sees: then its process kills itself."""
    flag = Path(plan.target).with_name("killed")
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return run_unit(plan, index)


def test_a_pool_makes_the_same_bytes_though_a_worker_is_killed(source: Path, target: Path, tmp_path: Path) -> None:
    assert drive(begun_plan(source, target)).finished
    plan = begun_plan(source, tmp_path / "c.ome.zarr")
    with pool(plan, 2) as execute:

        def killing(task: Task, plan: ScalePlan, units: Sequence[int], results: Results, stop: Stop) -> None:
            execute(killed_once if task is run_unit else task, plan, units, results, stop)

        outcome = drive(plan, killing)
    assert outcome == Outcome(plan.count, 0, (), stopped=False, finished=True)
    assert (tmp_path / "killed").exists()
    assert tree(tmp_path / "c.ome.zarr") == tree(target)


def test_a_unit_is_tried_again_where_that_may_help(source: Path, target: Path) -> None:
    plan, calls = begun_plan(source, target), []

    def flaky(error: Exception) -> Callable[[ScalePlan, int], UnitDone]:
        def task(plan: ScalePlan, index: int) -> UnitDone:
            calls.append(index)
            if len(calls) < ATTEMPTS:
                raise error
            return run_unit(plan, index)

        return task

    results = Results(Silent())
    attempt(flaky(OSError("the network hung")), plan, 0, results)
    assert (len(calls), results.done, results.failed) == (ATTEMPTS, [0], [])
    calls.clear()
    attempt(flaky(UnreadableFileError("c/0", "is damaged")), plan, 1, results)
    assert len(calls) == 1
    assert results.failed[0].reason == "c/0: is damaged"


def test_a_damaged_chunk_is_named_and_the_rest_goes_on(source: Path, target: Path) -> None:
    chunk = source / "0" / "c" / "1" / "2" / "0"
    whole = chunk.read_bytes()
    plan = begun_plan(source, target)
    chunk.write_bytes(whole[: len(whole) // 2])
    outcome = drive(plan)
    assert not outcome.finished
    assert not outcome.stopped
    assert outcome.failed
    named = [unit for unit in outcome.failed if unit.index in plan.stages[0]]
    assert all("0/c/1/2/0: " in unit.reason for unit in named)
    assert all("is not done" in unit.reason for unit in outcome.failed if unit not in named), "sizes made of it"
    assert outcome.done == plan.count - len(outcome.failed) > 0
    with pytest.raises(UnreadableFileError, match="units are not done"):
        finish(plan)
    chunk.write_bytes(whole)
    again = drive(begin(asked(source, target)))
    assert again.finished
    assert again.done == len(outcome.failed)
    assert drive(begun_plan(source, target.with_name("c.ome.zarr"))).finished
    assert tree(target) == tree(target.with_name("c.ome.zarr"))


def test_a_unit_that_reads_differently_is_done_again(source: Path, target: Path) -> None:
    plan = begun_plan(source, target)
    assert drive(plan).finished
    before = tree(target)
    victims = [target / "0" / "c" / "0" / "0" / "0", target / "0" / "c" / "1" / "0" / "0"]
    victims[0].write_bytes(victims[0].read_bytes()[:-9])
    victims[1].unlink()
    done = drive(begin(asked(source, target)))
    assert done.finished
    assert done.done == 2
    assert tree(target) == before


def test_an_output_that_was_removed_is_made_again(source: Path, target: Path) -> None:
    assert drive(begun_plan(source, target)).finished
    before = tree(target)
    shutil.rmtree(target)
    assert drive(begin(asked(source, target))).finished
    assert tree(target) == before


def test_a_marker_that_was_cut_off_is_no_marker(source: Path, target: Path) -> None:
    plan = begun_plan(source, target)
    run_unit(plan, 0)
    marker = next(Path(plan.work, "done").iterdir())
    marker.write_bytes(marker.read_bytes()[:20])
    assert marked(plan, 0) is None
    assert check_unit(plan, 0) is None
    assert 0 in pending(plan)


def test_a_full_disk_ends_the_run_and_the_next_goes_on(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, left, replace_file = begun_plan(source, target), [9], Path.replace

    def full(self: Path, place: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace_file(self, place)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        outcome = drive(plan)
    assert not outcome.finished
    assert len(outcome.failed) == 1, "no other unit is tried"
    assert "no space left on the disk" in outcome.failed[0].reason
    assert 0 < outcome.done < plan.count
    assert not list(target.rglob("*.part"))
    assert drive(begin(asked(source, target))).finished
    assert drive(begun_plan(source, target.with_name("c.ome.zarr"))).finished
    assert tree(target) == tree(target.with_name("c.ome.zarr"))


def test_a_read_only_output_is_said_before_any_work(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        begin(asked(source, tmp_path / "file" / "b.ome.zarr"))


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 5}, "seed 0, and 5 is asked for"),
    "method": ({"method": "gaussian"}, "method noise2detail, and gaussian is asked for"),
    "recipe": ({"method": "noise2detail", "recipe": "paper"}, "recipe own, and paper is asked for"),
    "channels": ({"run": replace(RUN, channels="joint")}, "channels each, and joint is asked for"),
    "precision": ({"run": replace(RUN, precision="bfloat16")}, "precision float32, and bfloat16 is asked for"),
    "threads": ({"run": replace(RUN, threads=2)}, "1 threads for a unit, and 2 are asked for"),
}


@pytest.mark.parametrize(("changes", "said"), CHANGES.values(), ids=CHANGES)
def test_another_plan_is_not_mixed(changes: dict[str, Any], said: str, source: Path, target: Path) -> None:
    begun_plan(source, target)
    with pytest.raises(OtherWorkError, match=said) as caught:
        begin(asked(source, target, **changes))
    assert "--overwrite" in str(caught.value)


def test_an_input_that_changed_is_not_mixed(source: Path, target: Path) -> None:
    plan = begun_plan(source, target)
    chunks = [source / "0" / "c" / "0" / "0" / "0", source / "0" / "c" / "1" / "2" / "2"]
    kept = [chunk.read_bytes() for chunk in chunks]
    run_unit(plan, 0)
    chunks[1].write_bytes(kept[0])
    assert begin(asked(source, target)) == plan, "nothing was made of it yet"
    chunks[0].write_bytes(kept[1])
    with pytest.raises(OtherWorkError, match=r"its file 0/c/0/0/0 is another one, and unit 0 was made of it"):
        begin(asked(source, target))
    chunks[0].write_bytes(kept[0])
    described = source / "0" / "zarr.json"
    described.write_text(described.read_text().replace('"fill_value": 0', '"fill_value": 1'))
    with pytest.raises(OtherWorkError, match=r"metadata of .* have changed"):
        begin(asked(source, target))


def test_a_worker_of_another_version_is_refused(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = begun_plan(source, target)
    monkeypatch.setattr(planning, "installed", lambda: dict(plan.libraries) | {"torch": "1.0"})
    results = Results(Silent())
    attempt(run_unit, plan, 0, results)
    assert results.ended
    assert f"made with torch {plan.libraries['torch']}, and here is 1.0" in results.failed[0].reason
    with pytest.raises(OtherWorkError, match="same versions"):
        begin(asked(source, target))
    assert not done_units(plan)


def test_what_is_there_is_replaced_only_when_asked_to(source: Path, target: Path) -> None:
    target.mkdir()
    (target / "precious").touch()
    with pytest.raises(OutputExistsError, match="--overwrite"):
        begin(asked(source, target))
    with pytest.raises(OutputExistsError, match="is the input"):
        begin(asked(source, source), overwrite=True)
    with pytest.raises(OutputExistsError, match="is the input"):
        begin(asked(source, source / "c.ome.zarr"), overwrite=True)
    assert source.is_dir()
    plan = begin(asked(source, target), overwrite=True)
    assert not (target / "precious").exists()
    assert drive(plan).finished
    other = begin(asked(source, target, seed=1), overwrite=True)
    assert not done_units(other)
    assert not target.with_name("b.ome.zarr.n2d.json").exists()


def test_a_plan_is_the_same_after_it_was_written(source: Path, target: Path) -> None:
    made = prepare(asked(source, target, storage={"anon": True, "secret": "hidden", "client_kwargs": {"a": 1}}))
    text = plan_text(made.plan)
    assert b"hidden" not in text
    assert b"hidden" not in repr(made.plan).encode()
    back = plan_from_text("plan.json", text, {"secret": "hidden"})
    assert back.fingerprint == made.plan.fingerprint
    assert back.levels == made.plan.levels
    assert dict(back.storage) == dict(made.plan.storage)
    with pytest.raises(UnreadableFileError, match="changed after it was written"):
        plan_from_text("plan.json", text.replace(b'"halo": 12', b'"halo": 10'))
    with pytest.raises(UnreadableFileError, match="no plan of units"):
        plan_from_text("plan.json", b"{}")
    with pytest.raises(UnreadableFileError, match="damaged"):
        plan_from_text("plan.json", text[:-200])


def test_the_place_of_input_and_output_is_no_part_of_the_fingerprint(source: Path, target: Path) -> None:
    made = prepare(asked(source, target))
    moved = source.rename(source.with_name("moved.ome.zarr"))
    plan = replace(made.plan, source=str(moved), target=str(target.with_name("c.ome.zarr")))
    assert plan.fingerprint == made.plan.fingerprint
    assert drive(begin_prepared(replace(made, plan=plan))).finished


def test_status_tells_how_far_it_is(source: Path, target: Path) -> None:
    plan = begun_plan(source, target)
    with pytest.raises(UnreadableFileError, match="no run"):
        status_of(str(source), {})
    stop = Stop()
    run_unit(plan, 3)
    found = status_of(str(target), {})
    assert (found.done[0], found.finished, found.holder) == (1, False, None)
    assert "1 of" in str(found)
    drive(plan, stop=stop)
    found = status_of(str(target), {})
    assert found.finished
    assert list(found.done) == [one.count for one in plan.levels]
    assert begun(str(target)) == plan
    assert np.isfinite(found.mpx_per_s or np.nan)
