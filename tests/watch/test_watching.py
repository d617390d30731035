"""The loop of a watch with a folder, a clock and hands of paper: nothing here takes time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from noise2detail.errors import SettingError
from noise2detail.watch.looking import Look, State
from noise2detail.watch.watching import Did, Ended, Hands, Outcome, Patience, Watching

A, B = Path("a.tif"), Path("b.tif")
DONE = Did(Outcome.DONE)


@dataclass
class World:
    """A folder that is looked at, and everything that is done to it."""

    folder: dict[Path, State] = field(default_factory=dict)
    outcomes: dict[Path, list[Did]] = field(default_factory=dict)
    """What comes of a file, one after the other; the last again and again."""
    script: dict[float, Callable[[], None]] = field(default_factory=dict)
    """What happens at which time."""
    now: float = 0.0
    gone: bool = False
    end_at: float = 10_000.0
    worked: list[tuple[float, Path]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    looked: list[float] = field(default_factory=list)

    def put(self, path: Path, size: int = 1) -> None:
        self.folder[path] = State(size, 0)

    def look(self) -> Look:
        self.looked.append(self.now)
        if self.gone:
            raise FileNotFoundError(2, "No such file or directory")
        return Look(dict(self.folder))

    def work(self, path: Path) -> Did:
        self.worked.append((self.now, path))
        left = self.outcomes.get(path, [DONE])
        return left.pop(0) if len(left) > 1 else left[0]

    def wait(self, seconds: float) -> None:
        for at in sorted(at for at in self.script if at <= self.now + seconds):
            self.script.pop(at)()
        self.now += seconds

    def watch(self, **patience: float | bool) -> Ended:
        hands = Hands(
            self.look, self.work, self.said.append, lambda: self.now, self.wait, lambda: self.now >= self.end_at
        )
        return Watching(hands, Patience(**{"interval": 1, "settle": 3, **patience})).run()  # type: ignore[arg-type]

    def times(self, path: Path) -> Sequence[float]:
        return [at for at, one in self.worked if one == path]


def test_files_are_done_once_when_they_are_at_rest() -> None:
    world = World(end_at=20)
    world.put(A)
    world.script = {5: lambda: world.put(B), 6: lambda: world.put(B, 2), 7: lambda: world.put(B, 3)}
    ended = world.watch()
    assert (ended.done, ended.failed, ended.unfinished) == (2, 0, {})
    assert world.times(A) == [3]
    assert world.times(B) == [10]


def test_a_file_that_changes_again_is_worked_on_again() -> None:
    world = World(end_at=20)
    world.put(A)
    world.script = {9: lambda: world.put(A, 2)}
    world.watch()
    assert world.times(A) == [3, 12]


def test_it_ends_when_nothing_new_comes() -> None:
    world = World()
    world.put(A)
    world.script = {50: lambda: world.put(B)}
    ended = world.watch(idle=60)
    assert ended.done == 2
    assert world.now == 53 + 60


def test_idle_does_not_end_while_a_file_grows() -> None:
    world = World()
    world.put(A)
    world.script = {float(at): (lambda at=at: world.put(A, at)) for at in range(1, 100)}  # type: ignore[misc]
    assert world.watch(idle=10).done == 1
    assert world.times(A) == [102]


def test_once_takes_what_is_there_and_leaves_what_grows() -> None:
    world = World()
    world.put(A)
    world.put(B)
    world.script = {float(at): (lambda at=at: world.put(B, at)) for at in range(1, 100)}  # type: ignore[misc]
    ended = world.watch(once=True)
    assert ended.done == 1
    assert ended.unfinished == {B: "it was still changing at the end"}
    assert world.now <= 9


def test_once_with_an_empty_folder_ends() -> None:
    assert World().watch(once=True) == Ended(0, 0)


def test_an_incomplete_file_is_tried_again_ever_less_often_and_told_of_once() -> None:
    world = World(end_at=400)
    world.put(A)
    world.outcomes = {A: [Did(Outcome.UNFINISHED, f"found {n} of 9 planes") for n in range(8)] + [DONE]}
    assert world.watch().done == 1
    waits = [later - before for before, later in zip(world.times(A), world.times(A)[1:], strict=False)]
    assert waits == [3, 6, 12, 24, 48, 60, 60, 60]
    assert world.said == ["waiting for a.tif: found 0 of 9 planes"]


def test_a_file_that_never_completes_is_told_at_the_end() -> None:
    world = World()
    world.put(A)
    world.outcomes = {A: [Did(Outcome.UNFINISHED, "found 3 of 9 planes")]}
    assert world.watch(idle=20).unfinished == {A: "found 3 of 9 planes"}


def test_an_incomplete_file_that_grows_is_tried_when_it_has_come_to_rest() -> None:
    world = World(end_at=30)
    world.put(A)
    world.outcomes = {A: [Did(Outcome.UNFINISHED, "half"), DONE]}
    world.script = {5: lambda: world.put(A, 2)}
    assert world.watch().done == 1
    assert world.times(A) == [3, 8]


def test_an_error_is_counted_and_the_others_go_on() -> None:
    world = World(end_at=10)
    world.put(A)
    world.put(B)
    world.outcomes = {A: [Did(Outcome.FAILED, "constant")]}
    ended = world.watch()
    assert (ended.done, ended.failed) == (1, 1)
    assert world.times(A) == [3]


def test_a_failed_file_that_is_replaced_by_a_good_one_is_no_failure() -> None:
    world = World(end_at=20)
    world.put(A)
    world.outcomes = {A: [Did(Outcome.FAILED, "constant"), DONE]}
    world.script = {6: lambda: world.put(A, 2)}
    assert world.watch() == Ended(1, 0)


def test_a_full_disk_is_waited_for() -> None:
    world = World(end_at=60)
    world.put(A)
    world.outcomes = {A: [Did(Outcome.BLOCKED, "no space"), Did(Outcome.BLOCKED, "no space"), DONE]}
    assert world.watch() == Ended(1, 0)
    assert world.said == ["waiting for a.tif: no space"]


def test_a_folder_that_comes_back_goes_on_where_it_was() -> None:
    world = World(end_at=60)
    world.put(A)

    def away(gone: bool) -> Callable[[], None]:
        return lambda: setattr(world, "gone", gone)

    world.script = {10: away(True), 20: away(False), 21: lambda: world.put(B)}
    ended = world.watch(gone=30)
    assert (ended.done, ended.gone) == (2, False)
    assert world.times(A) == [3]
    assert "waiting up to 30 s for its return" in world.said[0]
    assert world.said[1:] == ["the watched folder is back"]


def test_a_folder_that_stays_away_ends_the_watch() -> None:
    world = World()
    world.put(A)
    world.script = {10: lambda: setattr(world, "gone", True)}
    ended = world.watch(gone=30)
    assert ended.gone
    assert ended.done == 1
    assert 40 <= world.now <= 42


def test_the_end_comes_after_the_file_in_flight() -> None:
    world = World(end_at=3.5)
    world.put(A)
    world.put(B)
    work = world.work

    def slow(path: Path) -> Did:
        world.now += 1
        return work(path)

    world.work = slow  # type: ignore[method-assign]
    ended = world.watch()
    assert ended.done == 1
    assert [path for _, path in world.worked] == [A]


@pytest.mark.parametrize(
    ("patience", "said"),
    [
        ({"interval": 0}, "interval is 0"),
        ({"settle": -1}, "settle is -1"),
        ({"idle": float("nan")}, "until-idle is nan"),
    ],
)
def test_times_that_are_none(patience: dict[str, float], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Patience(**patience)  # type: ignore[arg-type]
