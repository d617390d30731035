"""What users import, and what importing costs them."""

import importlib
import subprocess
import sys

import pytest

import noise2detail as n2d


def test_there_are_at_most_twenty_names() -> None:
    assert len(n2d.__all__) == len(set(n2d.__all__)) <= 20
    assert sorted(dir(n2d)) == sorted(n2d.__all__)


@pytest.mark.parametrize("name", n2d.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(n2d, name)
    assert isinstance(value, str) or (value.__doc__ or "").strip()


@pytest.mark.parametrize("name", sorted(n2d._HOME))
def test_every_name_has_the_home_that_is_written_down(name: str) -> None:
    module, _, attribute = n2d._HOME[name].partition(":")
    assert getattr(importlib.import_module(f"noise2detail.{module}"), attribute or name) is getattr(n2d, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'denoize'"):
        _ = n2d.denoize


@pytest.mark.parametrize("statement", ["import noise2detail", "import noise2detail; noise2detail.__version__"])
def test_importing_does_not_wait_for_pytorch(statement: str) -> None:
    script = f"{statement}; import sys; print([m for m in ('torch', 'numpy', 'tifffile') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
