"""The loop of a watch: look, wait until files have come to rest, have them worked on, and know when to end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from noise2detail.errors import check_setting
from noise2detail.watch.looking import Look
from noise2detail.watch.settling import Settling

_LONGEST = 60.0
"""Seconds between two tries of a file that was not complete, at most, or the settling time if that is longer."""


class Outcome(Enum):
    """What came of a file."""

    DONE = "done"
    KNOWN = "known"
    """It was done before."""
    FOREIGN = "foreign"
    """It is no image."""
    UNFINISHED = "unfinished"
    """It does not open as a whole yet."""
    BLOCKED = "blocked"
    """The file is fine, but nothing can be written or read now: no space, or the folder is gone."""
    FAILED = "failed"


@dataclass(frozen=True)
class Did:
    """What came of a file, and why."""

    outcome: Outcome
    why: str = ""
    """A sentence for people where it was not done."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds of a clock that only grows."""

    interval: float = 2.0
    """From one look to the next."""
    settle: float = 5.0
    """For which a file must not change before it is opened."""
    idle: float | None = None
    """Without anything new, after which the watch ends; None: never."""
    gone: float = 600.0
    """For which the folder may be gone."""
    once: bool = False
    """End when what is there has been done."""

    def __post_init__(self) -> None:
        check_setting("interval", self.interval, lowest=0.05)
        check_setting("settle", self.settle, lowest=0)
        check_setting("the time to wait for the folder", self.gone, lowest=0)
        if self.idle is not None:
            check_setting("until-idle", self.idle, lowest=0)


@dataclass(frozen=True)
class Hands:
    """Everything that the loop does to the world; tests bring their own."""

    look: Callable[[], Look]
    """Lists the folder; raises ``OSError`` where it is gone."""
    work: Callable[[Path], Did]
    """Denoises what has come to rest."""
    tell: Callable[[str], None]
    """Says something to people."""
    clock: Callable[[], float]
    """Seconds that only grow."""
    wait: Callable[[float], None]
    """Lets time pass, less if the watch is to end."""
    stopped: Callable[[], bool]
    """Whether it is to end after the file in flight."""


@dataclass(frozen=True)
class Ended:
    """How a watch ended."""

    done: int
    failed: int
    known: int = 0
    """Files that were done by an earlier watch."""
    unfinished: Mapping[Path, str] = field(default_factory=dict)
    """Files that never became complete or could not be written, each with what was last found."""
    gone: bool = False
    """The folder did not come back."""


@dataclass(frozen=True)
class _Waiting:
    did: Did
    due: float
    delay: float


class Watching:
    """A watch in progress.

    Parameters
    ----------
    hands
        What it does to the world.
    patience
        How long it waits.
    """

    def __init__(self, hands: Hands, patience: Patience) -> None:
        self._hands, self._patience = hands, patience
        self._settling = Settling(patience.settle)
        self._waiting: dict[Path, _Waiting] = {}
        self._told: set[Path] = set()
        self._failed: dict[Path, str] = {}
        self._done = 0
        self._known: set[Path] = set()
        self._gone_since: float | None = None
        self._begun = self._active = hands.clock()
        self._looks = 0

    def run(self) -> Ended:
        """Look and work until there is a reason to end."""
        hands, patience = self._hands, self._patience
        while not hands.stopped():
            self.step()
            if self._over():
                break
            hands.wait(max(patience.settle, 0.0) if patience.once else patience.interval)
        restless = dict.fromkeys(self._settling.restless, "it was still changing at the end")
        left = restless | {path: one.did.why for path, one in self._waiting.items()}
        return Ended(self._done, len(self._failed), len(self._known), left, gone=self._gone_since is not None)

    def step(self) -> None:
        """One look, and work on everything that is ready."""
        hands = self._hands
        now = hands.clock()
        try:
            look = hands.look()
        except OSError as error:
            self._miss(now, error)
            return
        if self._gone_since is not None:
            hands.tell("the watched folder is back")
            self._gone_since, self._active = None, now
        ready = self._settling.see(look, now)
        self._looks += 1
        self._active = now if self._settling.changed else self._active
        self._forget(look)
        due = tuple(path for path, one in self._waiting.items() if one.due <= now)
        for path in dict.fromkeys((*ready, *due)):
            if hands.stopped():
                break
            self._take(path)

    def _take(self, path: Path) -> None:
        """Have one file worked on, and remember what is to be tried again."""
        did, hands = self._hands.work(path), self._hands
        before = self._waiting.pop(path, None)
        self._failed.pop(path, None)
        if did.outcome is Outcome.DONE:
            self._done += 1
            self._active = hands.clock()
        elif did.outcome is Outcome.KNOWN:
            self._known.add(path)
        elif did.outcome is Outcome.FAILED:
            self._failed[path] = did.why
            self._active = hands.clock()
        elif did.outcome in {Outcome.UNFINISHED, Outcome.BLOCKED}:
            if path not in self._told:  # a file that grows for hours is told of once
                self._told.add(path)
                hands.tell(f"waiting for {path}: {did.why}")
            longest = max(_LONGEST, self._patience.settle)
            delay = min(2 * before.delay, longest) if before else max(self._patience.settle, self._patience.interval)
            self._waiting[path] = _Waiting(did, hands.clock() + delay, delay)

    def _forget(self, look: Look) -> None:
        """What is gone needs no waiting; what changed is waited for by its coming to rest."""
        restless = set(self._settling.restless)
        for path in [path for path in self._waiting if path not in look.units or path in restless]:
            del self._waiting[path]

    def _miss(self, now: float, error: OSError) -> None:
        if self._gone_since is None:
            self._gone_since = now
            self._hands.tell(
                f"the watched folder cannot be listed ({error.strerror or error}): it was moved, or its share is "
                f"disconnected; waiting up to {self._patience.gone:g} s for its return"
            )

    def _over(self) -> bool:
        now, patience = self._hands.clock(), self._patience
        if self._gone_since is not None:
            return now - self._gone_since >= patience.gone
        if patience.once:
            return self._looks >= 2 and (not self._settling.restless or now - self._begun > 2 * patience.settle)
        quiet = not self._settling.restless
        return patience.idle is not None and quiet and now - self._active >= patience.idle
