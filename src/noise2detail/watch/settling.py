"""Which files have come to rest: the same size and time of change over two looks, or a new name for a file at rest.

It sees looks and readings of a clock that only grows; so a share whose clock is wrong does no harm, and tests need not
wait.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from noise2detail.watch.looking import Look, State


@dataclass(frozen=True)
class _Seen:
    state: State
    since: float
    """Reading of the clock when it was first seen in this state."""
    settled: bool = False


class Settling:
    """What is known of each file from the looks up to now.

    Parameters
    ----------
    settle
        Seconds for which a file must stay as it is.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._seen: dict[Path, _Seen] = {}
        self._temporary: dict[int, _Seen] = {}
        self.changed = False
        """Whether the last look differed from the one before."""

    def see(self, look: Look, now: float) -> tuple[Path, ...]:
        """Files that have come to rest since the look before, in the order of their names.

        Parameters
        ----------
        look
            What is there.
        now
            Reading of the clock when it was.
        """
        before, self.changed = self._seen, False
        self._seen, settled = {}, []
        for path, state in look.units.items():
            known = before.get(path)
            if known is None or known.state != state:
                self.changed = True
                known = _Seen(state, now)
            if not known.settled and (
                now - known.since >= self._settle if path in before else self._renamed(look, path)
            ):
                known = _Seen(state, known.since, settled=True)
                settled.append(path)
            self._seen[path] = known
        self._temporary = {
            inode: _still(self._temporary.get(inode), state, now) for inode, state in look.temporary.items()
        }
        return tuple(settled)

    @property
    def restless(self) -> tuple[Path, ...]:
        """Files that have not come to rest yet."""
        return tuple(path for path, seen in self._seen.items() if not seen.settled)

    def state(self, path: Path) -> State:
        """The state in which a file was last seen."""
        return self._seen[path].state

    def _renamed(self, look: Look, path: Path) -> bool:
        """Whether a file that is new was there before under a name for files being written, in the same state."""
        known = self._temporary.get(look.inodes.get(path, -1))
        return known is not None and known.state == look.units[path]


def _still(known: _Seen | None, state: State, now: float) -> _Seen:
    return known if known is not None and known.state == state else _Seen(state, now)


def names(paths: Iterable[Path], most: int = 3) -> str:
    """Some of them, for a message.

    >>> names([Path("a.tif"), Path("b.tif")]), names(map(Path, "abcde"))
    ('a.tif, b.tif', 'a, b, c and 2 more')
    """
    listed = [path.name for path in paths]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
