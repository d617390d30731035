"""What a file announced, as the readers were told by it and went on: the measure for the memory that they may take."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from unittest.mock import patch

_CHECKS = ("check_announced", "check_held", "check_memory")


class Announced:
    """The most bytes of pixels whose check was passed since the last entering.

    Every reader checks the size that a file announces before it allocates; this listens to those checks wherever they
    are called. What a check refused is not counted, since nothing may be allocated for it.
    """

    def __init__(self) -> None:
        self.most = 0
        modules = [module for name, module in sorted(sys.modules.items()) if name.startswith("noise2detail.io.")]
        self._places = [(module, check) for module in modules for check in _CHECKS if hasattr(module, check)]

    def __enter__(self) -> "Announced":
        self.most = 0
        with ExitStack() as stack:
            for module, check in self._places:
                stack.enter_context(patch.object(module, check, self._heard(getattr(module, check))))
            self._restore = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._restore.close()

    def _heard(self, check: Callable[..., Any]) -> Callable[..., Any]:
        def checked(path: Any, announced: int, *arguments: Any, **options: Any) -> Any:
            result = check(path, announced, *arguments, **options)
            self.most = max(self.most, announced)
            return result

        return checked
