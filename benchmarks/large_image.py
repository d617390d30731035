"""Memory and time of one very large image: a fit of a few steps, then all stages over every pixel.

    python benchmarks/large_image.py 16384

It takes a quarter of an hour on two cores. The figures go to ``results/large-image.md``; ``speed.py`` reads them there.
"""

import json
import subprocess
import sys
from pathlib import Path

from record import write_result

RESULT = Path(__file__).resolve().parent / "results" / "large-image.md"

CHILD = """
import json, sys, time
from dataclasses import replace
from pathlib import Path
import numpy as np
import noise2detail as n2d
from noise2detail.methods.noise2detail import Noise2Detail

def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024

side = int(sys.argv[1])
rng = np.random.default_rng(0)
noisy = np.empty((side, side), np.uint16)
for row in range(0, side, 256):
    noisy[row : row + 256] = rng.poisson(300, (len(noisy[row : row + 256]), side))
array = noisy.nbytes / 2**20
fast = Noise2Detail.recipe("fast")
brief = replace(fast, stage1=replace(fast.stage1, steps=20), stage3=replace(fast.stage3, steps=20))
times = []
start = time.perf_counter()


def listen(step):
    times.append((step.stage, time.perf_counter()))


result = n2d.denoise(noisy, method=brief, run=n2d.Run(device="cpu"), on_step=listen)
end = time.perf_counter()
applied = end - max(at for stage, at in times if stage != "applying")
assert result.shape == noisy.shape and result.dtype == noisy.dtype
found = {"side": side, "array_mib": array, "peak_mib": peak(), "apply_seconds": applied, "seconds": end - start}
print(json.dumps(found))
"""


def measured(side: int) -> dict[str, float]:
    """Peak of a fresh process, MiB and seconds."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(side)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def keep(found: dict[str, float]) -> None:
    over = (found["peak_mib"] - found["array_mib"]) / 1024
    rate = found["side"] ** 2 / found["apply_seconds"] / 1e6
    lines = [
        f"| {found['side']:.0f}x{found['side']:.0f} pixels, uint16, all stages | |",
        "|---|---|",
        f"| peak memory of the process over the array itself | {over:.2f} GiB |",
        f"| the array itself | {found['array_mib'] / 1024:.2f} GiB |",
        f"| applying all stages | {found['apply_seconds']:.0f} s, {rate:.2f} Mpx/s |",
    ]
    print("\n".join(lines))
    write_result(RESULT, "One very large image", lines, found)


if __name__ == "__main__":
    keep(measured(int(sys.argv[1])))
