"""The process that methods run in."""

import os
import signal
import time

import numpy as np
import pytest

from noise2detail.bench.candidate import Candidate
from noise2detail.bench.worker import Task, Worker
from noise2detail.errors import Cancelled
from noise2detail.method import Step
from noise2detail.pipeline.denoise import denoise
from tests.material import CPU, noisy_array

QUICK = Candidate("zs_n2n", settings=("training.steps=2", "width=4"))
LONG = Candidate("zs_n2n", settings=("training.steps=100000",))


def test_the_result_is_that_of_the_library_and_failures_are_told() -> None:
    noisy, heard = noisy_array(24, 20), list[Step]()
    with Worker() as worker:
        found = worker.do(Task(noisy, "YX", QUICK, seed=3, run=CPU), heard.append)
        process = worker._process.pid
        failed = worker.do(Task(noisy, "ZYX", QUICK, run=CPU))
        again = worker.do(Task(noisy, "YX", QUICK, seed=3, run=CPU))
        assert worker._process.pid == process
    assert found.denoised is not None
    np.testing.assert_array_equal(found.denoised, denoise(noisy, method=QUICK.build()[1], seed=3, run=CPU))
    np.testing.assert_array_equal(found.denoised, again.denoised)
    assert heard
    assert found.seconds > 0
    assert 50 < found.peak_mib < 5000
    assert failed.denoised is None
    assert "ZYX" in failed.error


def test_a_process_that_dies_is_a_failure_and_the_next_task_runs() -> None:
    with Worker() as worker:

        def kill(step: Step) -> None:
            os.kill(worker._process.pid, signal.SIGKILL)

        died = worker.do(Task(noisy_array(64, 64), "YX", LONG, run=CPU), kill)
        found = worker.do(Task(noisy_array(24, 20), "YX", QUICK, run=CPU))
    assert died.denoised is None
    assert "memory" in died.error
    assert found.denoised is not None


def test_cancelling_ends_the_process() -> None:
    def stop(step: Step) -> None:
        raise Cancelled

    with Worker() as worker:
        with pytest.raises(Cancelled):
            worker.do(Task(noisy_array(64, 64), "YX", LONG, run=CPU), stop)
        assert worker._process is None
    begun = time.monotonic()
    Worker().stop()
    assert time.monotonic() - begun < 1
