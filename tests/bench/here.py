"""A worker that works in the process that asks: no start-up, and recipes stay as a test has made them."""

from collections.abc import Callable

from noise2detail.bench.worker import Outcome, Task, Worker, done
from noise2detail.method import Step


class Here(Worker):
    """What ``Worker`` does, without a process."""

    def _ask(self, task: Task, on_step: Callable[[Step], None]) -> Outcome:
        return done(task, on_step)
