"""A Slurm of one node on this machine, for as long as a block runs: its own key, ports, files and log.

    python benchmarks/one_node_slurm.py FOLDER -- sbatch --wrap hostname

It runs a command with ``SLURM_CONF`` set, and waits until no job is left. It needs Debian's ``slurm-wlm`` and ``munge``
(or the like), and root, since ``slurmd`` and ``munged`` want to be started by those who own them.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo", "squeue")

CONFIGURATION = """ClusterName=here
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
MpiDefault=none
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MaxArraySize={largest_array}
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mib} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Programs that a Slurm needs and this machine has not; root counts as one."""
    found = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    return found + (["root"] if os.geteuid() != 0 else [])


@contextmanager
def one_node(folder: Path, *, port: int = 16817, cores: int | None = None, largest_array: int = 1001) -> Iterator[None]:
    """Block in which ``sbatch`` and the like talk to a Slurm of one node.

    Parameters
    ----------
    folder
        Empty or absent; for everything that Slurm writes. Root's parents must not be writable by others (munged looks).
    port
        Of the controller; the node takes the next one.
    cores
        That the node offers; None: those of this process.
    largest_array
        Slurm's ``MaxArraySize``.
    """
    cores = cores or len(os.sched_getaffinity(0))
    for name in ("munge", "spool", "state"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    facts = {"folder": folder, "port": port, "next_port": port + 1, "cores": cores}
    facts |= {"memory_mib": 4096 * cores, "largest_array": largest_array}
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format_map(facts), encoding="utf-8")
    before = {name: os.environ.get(name) for name in ("SLURM_CONF", "PATH")}
    os.environ |= {"SLURM_CONF": str(configuration), "PATH": _path()}
    started: list[subprocess.Popen[bytes]] = []
    try:
        started += [_start(folder, words) for words in _services(folder, key, configuration)]
        _wait_for_node()
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def wait_until_done(seconds: float) -> None:
    """Nothing, once no job is waiting or running any more."""
    end = time.monotonic() + seconds
    while jobs := _said("squeue", "--noheader"):
        if time.monotonic() > end:
            raise TimeoutError(f"jobs are left after {seconds:.0f} s:\n{jobs}")
        time.sleep(0.5)


def _services(folder: Path, key: Path, configuration: Path) -> list[list[str]]:
    munge = folder / "munge"
    places = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={munge / name}" for option, name in places.items()]
    return [
        ["munged", "--foreground", "--force", f"--key-file={key}", *options],
        ["slurmctld", "-D", "-f", str(configuration)],
        ["slurmd", "-D", "-N", "localhost", "-f", str(configuration)],
    ]


def _start(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    with (folder / f"{words[0]}.out").open("wb") as said:
        return subprocess.Popen(words, stdout=said, stderr=subprocess.STDOUT)


def _wait_for_node() -> None:
    end = time.monotonic() + 60
    while "idle" not in _said("sinfo", "--noheader", "--format=%T"):
        if time.monotonic() > end:
            raise TimeoutError("the node of this Slurm is not idle after a minute; look into its folder")
        time.sleep(0.2)


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def main(words: Sequence[str]) -> None:
    folder, _, *command = words
    if absent := missing():
        sys.exit(f"there is no {', '.join(absent)} here; on Debian: apt-get install slurm-wlm munge")
    with one_node(Path(folder).resolve()):
        subprocess.run(command, check=True)
        wait_until_done(24 * 3600)


if __name__ == "__main__":
    main(sys.argv[1:])
