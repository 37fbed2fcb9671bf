"""A SLURM of one node on this machine, bound to loopback, for as long as a block lasts.

It needs root, and neither systemd nor cgroups: processes are tracked by their parents,
nothing is accounted, and munged is started by hand. The configuration lies where SLURM
looks for it. A machine that has one already is left alone.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
ETC = Path("/etc/slurm")
CONFIG_FILES = ("slurm.conf", "cgroup.conf")
WAIT_SECONDS = 60

# A configuration that begins so is ours: of a run that was killed before it could tidy.
MARK = "# Written by tests/slurm/loopback.py, for as long as it runs.\n"

CONFIG = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
MinJobAge=3600
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
"""


def install() -> str:
    """Install what is missing; why it cannot be had or must not run, or nothing."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    for name in CONFIG_FILES:
        path = ETC / name
        if path.is_file() and not path.read_text().startswith(MARK):
            return f"this machine has a SLURM of its own: {path}"
    if all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch"))):
        return ""
    if shutil.which("apt-get") is None:
        return "slurmctld or munged is missing, and there is no apt-get"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *PACKAGES]
    for command in (["apt-get", "update", "-q"], install):
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
        if run.returncode:
            last = (run.stderr or run.stdout).strip().splitlines()[-1:]
            return f"{' '.join(command[:2])} failed: {''.join(last)}"
    return ""


def version() -> tuple[int, int]:
    """SLURM's year and month, which it is numbered by."""
    text = subprocess.run(["slurmd", "-V"], capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", text)
    if not found:
        raise ValueError(f"slurmd -V says {text!r}, expected a version")
    return int(found[1]), int(found[2])


@contextmanager
def slurm(folder: Path) -> Iterator[None]:
    """A running SLURM; its state and logs are in `folder`.

    Raises
    ------
    RuntimeError
        When it does not start.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    config = CONFIG.format(
        host=socket.gethostname().split(".")[0],
        cpus=os.cpu_count(),
        memory=memory * 9 // 10,
        folder=folder,
    )
    with ExitStack() as stack:
        stack.enter_context(config_file("slurm.conf", config))
        if version() >= (23, 2):  # earlier ones know no such plugin, and need none
            stack.enter_context(config_file("cgroup.conf", "CgroupPlugin=disabled\n"))
        stack.enter_context(munged())
        for daemon, option in (("slurmctld", "-i"), ("slurmd", "-c")):
            stack.callback(end, folder / f"{daemon}.pid")
            run = subprocess.run([daemon, option], capture_output=True, text=True)
            if run.returncode:
                raise RuntimeError(f"{daemon} does not start: {run.stderr.strip()}")
        stack.callback(cancel_jobs)
        wait_for_idle_node(folder)
        yield


@contextmanager
def config_file(name: str, text: str) -> Iterator[None]:
    """A configuration file with this text, for a while."""
    ETC.mkdir(parents=True, exist_ok=True)
    (ETC / name).write_text(MARK + text, encoding="utf-8")
    try:
        yield
    finally:
        (ETC / name).unlink()


def job_states() -> list[tuple[str, str]]:
    """The number and the state of each job of this SLURM, of those that ended, too."""
    command = ["squeue", "--noheader", "--states=all", "--format=%A %T"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [(line.split()[0], line.split()[1]) for line in shown.splitlines()]


def cancel_jobs() -> None:
    """Cancel all jobs and wait until their processes are gone."""
    subprocess.run(["scancel", "--full", "--user=root"], check=False)
    for _ in range(WAIT_SECONDS):
        running = subprocess.run(["squeue", "--noheader"], capture_output=True)
        if not running.stdout:
            return
        time.sleep(1)


@contextmanager
def munged() -> Iterator[None]:
    """MUNGE, by which the daemons know each other: started unless one is running."""
    if subprocess.run(["munge", "-n"], capture_output=True).returncode == 0:
        yield
        return
    socket_folder = Path("/run/munge")
    socket_folder.mkdir(exist_ok=True)
    shutil.chown(socket_folder, "munge", "munge")
    pid = socket_folder / "munged.pid"
    command = ["runuser", "-u", "munge", "--", "munged", f"--pid-file={pid}"]
    try:
        if subprocess.run(command).returncode:
            raise RuntimeError("munged does not start")
        yield
    finally:
        end(pid)


def wait_for_idle_node(folder: Path) -> None:
    """Return when a job could start; RuntimeError with the log's end if none can."""
    states = ["sinfo", "--noheader", "--format=%T"]
    for _ in range(WAIT_SECONDS):
        shown = subprocess.run(states, capture_output=True, text=True).stdout.split()
        if shown == ["idle"]:
            return
        time.sleep(1)
    log = (folder / "slurmd.log").read_text(encoding="utf-8")[-1000:]
    raise RuntimeError(f"the node is not idle but {shown}; slurmd.log ends:\n{log}")


def end(pid_file: Path) -> None:
    """End the process of a pid file and wait until it is gone."""
    if not pid_file.is_file():
        return
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    for _ in range(WAIT_SECONDS * 10):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
