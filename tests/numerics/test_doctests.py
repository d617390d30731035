"""The examples in the docstrings of the index helpers run and say the truth."""

import doctest
import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import noise2detail.numerics
import noise2detail.tiling


def with_examples() -> list[Any]:
    """Every function of the two packages whose docstring holds an example."""
    found = []
    for package in (noise2detail.numerics, noise2detail.tiling):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, function in inspect.getmembers(importlib.import_module(info.name), inspect.isfunction):
                if function.__module__ == info.name and ">>>" in (function.__doc__ or ""):
                    found.append(pytest.param(function, id=name))
    return found


def test_there_are_examples() -> None:
    assert {"pair_downsample", "shuffle_apart", "reflected_indices", "spans"} <= {case.id for case in with_examples()}


@pytest.mark.parametrize("function", with_examples())
def test_examples_say_the_truth(function: Any) -> None:
    names = {function.__name__: function}
    (examples,) = doctest.DocTestFinder(recurse=False).find(function, function.__name__, module=False, globs=names)
    outcome = doctest.DocTestRunner().run(examples)
    assert outcome.attempted > 0
    assert outcome.failed == 0
