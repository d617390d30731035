"""The command as a process: exit codes, interruption, pipes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.running import LONG, QUICK, environment, left, process, write

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_help_and_version_need_no_pytorch() -> None:
    code = (
        "import sys\nfrom noise2detail.cli.main import main\nsys.argv = ['n2d', {!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "assert not {{'torch', 'numpy', 'tifffile'}} & set(sys.modules)"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(option)], capture_output=True, text=True, env=environment(), check=False
        )
        assert done.returncode == 0, done.stderr
        assert "n2d" in done.stdout or "noise2detail" in done.stdout


def test_from_the_shell_to_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.tif")
    running = process("denoise", "a.tif", "no.tif", "-o", "out", "--json", *QUICK, cwd=tmp_path)
    said, told = running.communicate(timeout=60)
    assert running.returncode == 3, told
    assert [json.loads(line)["output"] is None for line in said.splitlines()] == [True, False]
    assert "Traceback" not in told
    assert left(tmp_path / "out") == ["a.tif", "a.tif.n2d.json"]


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "terminate"])
def test_interruption_leaves_nothing(number: signal.Signals, code: int, tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif")
    (tmp_path / "out").mkdir()
    with process("denoise", source, "-o", tmp_path / "out" / "b.tif", "-v", *LONG) as running:
        try:
            assert running.stderr is not None
            for line in running.stderr:
                if line.startswith("run "):  # of the plan, printed right before the training
                    break
            time.sleep(0.3)
            running.send_signal(number)
            said, told = running.communicate(timeout=30)
        finally:
            running.kill()  # or it would train on beside all other tests
    assert running.returncode == code, told
    assert f"interrupted: nothing was written for {source}" in told
    assert "Traceback" not in told
    assert said == ""
    assert left(tmp_path / "out") == []
    assert left(tmp_path) == ["a.tif", "out"]


@posix
def test_a_closed_pipe_is_no_traceback() -> None:
    with process("methods") as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == ""
    assert running.returncode == 1
