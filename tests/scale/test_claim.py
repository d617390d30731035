"""One driver for one output; dead ones are told from living ones without comparing clocks."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from noise2detail.errors import ClaimedError
from noise2detail.io.sidecar import plain
from noise2detail.scale.claim import (
    BEAT,
    PATIENCE,
    Holder,
    Surroundings,
    acquire,
    beat,
    claimed,
    here,
    holder,
    me,
    release,
)
from noise2detail.scale.place import Bucket, Folder, Place

ELSEWHERE = Holder("ab12", "elsewhere", 4242, 1e9, "2031-01-01T00:00:00+00:00", 7)


class Time:
    """A clock that moves when somebody waits, and calls somebody else then."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.seconds, self.meanwhile = 0.0, meanwhile

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.meanwhile()

    def around(self) -> Surroundings:
        return Surroundings("here", lambda: self.seconds, self.wait)


@pytest.fixture(params=["folder", "bucket"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path / "out.n2d")
    return Bucket(f"memory://claims{tmp_path.name}/out.n2d")


def claim_of(work: Place, other: Holder) -> None:
    acquire(work, "out", other, Time().around())


def test_the_second_is_refused_with_the_other_by_name(work: Place) -> None:
    with claimed(work, "out") as mine:
        assert holder(work) == mine
        with pytest.raises(ClaimedError) as caught, claimed(work, "out"):
            pass
        assert (caught.value.host, caught.value.process) == (here().host, os.getpid())
        assert mine.started in str(caught.value)
        assert holder(work) == mine, "he still has it"
    assert holder(work) is None
    with claimed(work, "out"):
        pass


def test_a_dead_process_of_this_machine_loses_its_claim_at_once(work: Place) -> None:
    time = Time()
    mine = me("here")
    dead = replace(mine, token="dead", born=mine.born - 1000)  # its number is used again
    claim_of(work, dead)
    acquire(work, "out", mine, time.around())
    assert holder(work) == mine
    assert time.seconds < BEAT


def test_a_silent_one_elsewhere_loses_it_after_a_while_whatever_its_clock_says(work: Place) -> None:
    claim_of(work, ELSEWHERE)  # started in a future that this machine does not know
    time, mine = Time(), me("here")
    acquire(work, "out", mine, time.around())
    assert holder(work) == mine
    assert time.seconds >= PATIENCE


def test_one_that_beats_elsewhere_keeps_it_whatever_its_clock_says(work: Place) -> None:
    claim_of(work, ELSEWHERE)
    ticks = iter(range(100))

    def lives() -> None:
        if next(ticks) > 10:
            beat(work, ELSEWHERE, 8)

    with pytest.raises(ClaimedError, match="process 4242 on elsewhere"):
        acquire(work, "out", me("here"), Time(lives).around())
    assert (found := holder(work)) is not None
    assert found.token == ELSEWHERE.token


def test_of_two_that_take_over_one_goes(work: Place) -> None:
    claim_of(work, ELSEWHERE)
    faster, time = replace(ELSEWHERE, token="faster", host="third"), Time()

    def third() -> None:
        found = holder(work)
        if found is not None and found.host == "here":  # within the moment after this one has written
            work.write("claim.json", _text(faster))
        elif found is not None and found.host == "third":
            work.write("claim.json", _text(replace(faster, beat=found.beat + 1)))

    time.meanwhile = third
    with pytest.raises(ClaimedError, match="third"):
        acquire(work, "out", me("here"), time.around())
    assert (found := holder(work)) is not None
    assert found.token == "faster"


def _text(one: Holder) -> bytes:
    return json.dumps(plain(one)).encode()


def test_who_was_taken_for_dead_hears_of_it_and_leaves_the_claim(work: Place) -> None:
    mine = me("here")
    claim_of(work, mine)
    assert beat(work, mine, 1)
    work.write("claim.json", _text(ELSEWHERE))
    assert not beat(work, mine, 2)
    release(work, mine)
    assert holder(work) == ELSEWHERE


def test_a_claim_that_was_cut_off_is_none(work: Place) -> None:
    work.write("claim.json", b'{"token": "x')
    with claimed(work, "out"):
        assert holder(work) is not None


def test_nothing_is_left_of_a_claim_that_came_to_nothing(tmp_path: Path) -> None:
    with claimed(Folder(tmp_path / "out.n2d"), "out"):
        pass
    assert not list(tmp_path.iterdir())
