"""Sizes, clocks, memory, messages."""

import doctest
import logging
import time
from types import SimpleNamespace

import psutil
import pytest

from noise2detail import errors
from noise2detail.cli import guard, voice
from noise2detail.errors import InputError, SettingError, UnreadableFileError
from noise2detail.host import usage as measure
from noise2detail.pipeline import memory_size


@pytest.mark.parametrize("module", [memory_size, voice], ids=lambda module: module.__name__)
def test_doctests(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    ("text", "size"), [("2000000000", 2 * 10**9), ("4gb", 4 * 10**9), ("4 GiB", 2**32), ("0.5M", 500_000), ("1k", 1000)]
)
def test_sizes(text: str, size: int) -> None:
    assert memory_size.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "4XB", "0", "4 G B", "1e9"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(SettingError, match="is not an amount of memory; expected one such as 4GB"):
        memory_size.parse_size(text)


def test_the_age_of_this_process() -> None:
    by_psutil = time.time() - psutil.Process().create_time()
    assert measure.seconds_since_start() == pytest.approx(by_psutil, abs=1.5)


@pytest.mark.parametrize("age", [-5.0, 0.0, 1e9], ids=str)
def test_a_clock_that_cannot_be_right_is_not_believed(age: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_age_by_boot_clock", lambda: age)
    process = SimpleNamespace(create_time=lambda: time.time() - age)
    monkeypatch.setattr(psutil, "Process", lambda: process)
    assert 0 < measure.seconds_since_start() < 3600


def test_peak_memory_is_at_least_what_is_held_now() -> None:
    assert measure.peak_mib() >= psutil.Process().memory_info().rss / 2**20 * 0.9


def test_messages_without_words() -> None:
    assert (
        guard.in_words(KeyError()) == "unexpected KeyError: no details; run again with --debug and report what it shows"
    )
    assert not errors.is_out_of_memory(ValueError("out of memory"))


@pytest.mark.parametrize(("quiet", "said"), [(False, "warning: a.tif: tags are lost\n"), (True, "")])
def test_what_the_library_logs_is_shown(quiet: bool, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with voice.Voice(quiet=quiet).warnings_shown():
        logging.getLogger("noise2detail.io.save").warning("%s: tags are lost", "a.tif")
        logging.getLogger("noise2detail.io.save").info("not that")
    assert capsys.readouterr() == ("", said)
    assert not logging.getLogger("noise2detail").handlers


def test_an_error_names_the_file_once(capsys: pytest.CaptureFixture[str]) -> None:
    speaker = voice.Voice(quiet=True)
    assert speaker.error(UnreadableFileError("a.tif", "is damaged"), "a.tif") == "a.tif: is damaged"
    assert speaker.error(InputError("all pixels are NaN"), "a.tif") == "a.tif: all pixels are NaN"
    assert capsys.readouterr().err == "error: a.tif: is damaged\nerror: a.tif: all pixels are NaN\n"
