"""Which files have come to rest, by looks and readings of a clock that the test brings."""

from pathlib import Path

from noise2detail.watch.looking import Look, State
from noise2detail.watch.settling import Settling

A, B = Path("a.tif"), Path("b.tif")


def look(**sizes: int) -> Look:
    return Look({Path(f"{name}.tif"): State(size, 7) for name, size in sizes.items()})


def test_two_looks_and_the_settling_time() -> None:
    settling = Settling(5)
    assert settling.see(look(a=1), 0) == ()
    assert settling.see(look(a=1), 4) == ()
    assert settling.see(look(a=1, b=1), 5) == (A,)
    assert settling.see(look(a=1, b=1), 9) == ()
    assert settling.restless == (B,)
    assert settling.see(look(a=1, b=1), 10) == (B,)
    assert not settling.restless


def test_a_file_that_grows_starts_again_and_is_told_again_when_it_grew_later() -> None:
    settling = Settling(5)
    settling.see(look(a=1), 0)
    assert settling.see(look(a=2), 5) == ()
    assert settling.see(look(a=2), 10) == (A,)
    assert not settling.see(look(a=3), 11)
    assert settling.changed
    assert settling.see(look(a=3), 16) == (A,)
    assert not settling.changed


def test_the_same_size_at_another_time_is_a_change_whichever_way_the_clock_of_the_share_went() -> None:
    settling = Settling(5)
    settling.see(Look({A: State(1, 10**18)}), 0)
    assert settling.see(Look({A: State(1, 5)}), 5) == ()  # an hour back, or years
    assert settling.see(Look({A: State(1, 5)}), 10) == (A,)


def test_one_look_is_never_enough() -> None:
    settling = Settling(0)
    assert settling.see(look(a=1), 0) == ()
    assert settling.see(look(a=1), 0) == (A,)


def test_a_file_that_was_gone_settles_again() -> None:
    settling = Settling(5)
    settling.see(look(a=1), 0)
    settling.see(look(a=1), 5)
    settling.see(look(), 6)
    assert settling.see(look(a=1), 7) == ()
    assert settling.see(look(a=1), 12) == (A,)


def test_renamed_into_place_is_at_rest_at_once_if_it_was_before() -> None:
    part, done = State(9, 3), Look({A: State(9, 3)}, {}, {A: 77})
    settling = Settling(5)
    settling.see(Look({}, {77: State(4, 2)}), 0)
    settling.see(Look({}, {77: part}), 1)
    assert settling.see(done, 2) == (A,)
    other = Settling(5)
    other.see(Look({}, {77: State(4, 2)}), 1)
    assert other.see(done, 2) == ()  # it was written to between the looks
    assert other.see(done, 7) == (A,)
