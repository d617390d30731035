"""What stands beside every figure, so that it can be measured again."""

import os
import platform
from datetime import UTC, datetime

from noise2detail.host.processor import processor
from noise2detail.host.versions import commit, libraries
from noise2detail.version import __version__


def circumstances(command: str) -> dict[str, str | int | None]:
    """Command, date, commit, versions and machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "commit": commit(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": cores,
        **libraries(),
    }
