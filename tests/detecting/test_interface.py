"""Live on an interface: every packet that tcpdump captures is judged, an incident is reported while it lasts, and a
stop writes everything.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from iotids.detecting.package.find_package import BOX
from iotids.detecting.running import interface
from iotids.detecting.running.compiling_first import compile_first, scan
from iotids.detecting.running.interface import capture_command, whom_to_become
from tests.detecting.lab import METER, WITHOUT_ANOTHER_ACCOUNT, make_package, scan_records
from tests.detecting.test_following_tcpdump import NAMESPACE
from tests.packets import write_pcap

ROOT = Path(__file__).resolve().parents[2]
AS_SOMEBODY = ("--user", "nobody") if os.geteuid() == 0 else ()
N_PORTS = 300
REPLAY = """
import socket, struct, sys, time
from pathlib import Path
content, at = Path(sys.argv[1]).read_bytes(), 24
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("lo", 0))
while at < len(content):
    length = int.from_bytes(content[at + 8 : at + 12], "little")
    wire.send(content[at + 16 : at + 16 + length])
    at += 16 + length
    time.sleep(3 if len(content) // 2 <= at < len(content) // 2 + 16 + length else 0.001)  # the first half has been silent for long
"""
WATCH_READY = f"""
ip link set lo up
"$@" 2> said &
watcher=$!
until pgrep -P $watcher tcpdump > /dev/null; do kill -0 $watcher || exit 9; sleep 0.2; done
sleep 1
{sys.executable} -c "$REPLAY" scan.pcap
for i in $(seq 300); do grep "^incident " said > while_it_lasts && break; sleep 0.2; done
sleep 1 # what the kernel has just got comes to tcpdump when its block is full or old enough
for process in $watcher $(pgrep -P $watcher tcpdump); do grep ^Uid: /proc/$process/status >> who; done
kill -INT $watcher
wait $watcher
"""


def detect(*words, cwd, namespace=(), environment=None):
    """Run the command line to its end."""
    return subprocess.run(
        [*namespace, sys.executable, "-m", "iotids", "detect", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_without_tcpdump_the_other_ways_are_named(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(interface.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"tcpdump is not installed.*dumpcap -i NAME"):
        capture_command("eth0")


def test_as_root_tcpdump_gives_up_its_rights(monkeypatch):
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(interface.shutil, "which", lambda name: "/usr/bin/tcpdump")
    monkeypatch.setattr(interface.os, "geteuid", lambda: 0)
    words = capture_command("eth0")
    assert words[words.index("-Z") + 1] in ("tcpdump", "nobody")
    someone = next(user for user in interface.pwd.getpwall() if user.pw_uid)
    monkeypatch.setenv("SUDO_UID", str(someone.pw_uid))
    monkeypatch.setenv("SUDO_GID", str(someone.pw_gid))
    words = capture_command("eth0", whom_to_become(None))
    assert (
        words[words.index("-Z") + 1] == someone.pw_name
    )  # whom this process becomes: else it could not end tcpdump
    monkeypatch.setattr(interface.os, "geteuid", lambda: 1000)
    assert "-Z" not in capture_command("eth0")


def test_packets_are_never_parsed_as_root(monkeypatch):
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setattr(interface.os, "geteuid", lambda: 0)
    with pytest.raises(ValueError, match="packets are not parsed as root: call it by sudo .* --user NAME"):
        whom_to_become(None)
    with pytest.raises(ValueError, match="that is root again"):
        whom_to_become("root")
    with pytest.raises(ValueError, match="there is no such account"):
        whom_to_become("nobody-of-this-name")
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    assert whom_to_become(None) == (1234, 1235)
    monkeypatch.setattr(interface.os, "geteuid", lambda: 1000)
    assert whom_to_become(None) == (-1, -1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("user", "environment"), [("nobody", {}), (None, {"SUDO_UID": "65534", "SUDO_GID": "65534"})]
)
def test_root_is_given_up_for_good(user, environment):
    script = (
        "import os; from iotids.detecting.running.interface import give_up_root, whom_to_become\n"
        f"give_up_root(whom_to_become({user!r}))\n"
        "print(os.getresuid(), os.getgroups(), os.getgid() > 0)\n"
        "try: os.setuid(0)\nexcept PermissionError: print('for good')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    number = interface.pwd.getpwnam("nobody").pw_uid
    assert done.stdout.splitlines() == [f"({number}, {number}, {number}) [] True", "for good"]


@pytest.mark.parametrize("words", [["--interface", "lo", "x.pcap"], ["--interface", "lo", "--follow", "x"]])
def test_an_interface_goes_alone(words, tmp_path):
    done = detect(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "or --interface NAME" in done.stderr


@pytest.mark.skipif(not NAMESPACE, reason="no tcpdump here, or no right to capture in a network namespace")
def test_an_interface_that_is_not_there_is_refused_in_one_line(trained, tmp_path):
    words = ("--interface", "nowhere0", "--model", str(trained.folder), *AS_SOMEBODY)
    done = detect(*words, cwd=tmp_path, namespace=NAMESPACE)
    assert done.returncode == 2
    assert "error: --interface nowhere0: there is no such interface; there are lo, any" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_scan_that_is_judged_first_is_a_capture_of_a_flow_for_each_port(trained, tmp_path):
    (tmp_path / "first.pcap").write_bytes(scan(5))
    done = detect("first.pcap", "-o", "v.jsonl", "--model", str(trained.folder), cwd=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert sorted(line["dst_port"] for line in lines) == [1, 2, 3, 4, 5], done.stderr


def test_where_all_is_compiled_nothing_is_said_and_nothing_is_left(trained, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    compile_first(trained.folder)  # on a first run of the tests
    capfd.readouterr()
    compile_first(trained.folder)
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_live_packets_find_everything_compiled(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "code"))
    compile_first(BOX)
    assert "compiling for this processor" in capfd.readouterr().err
    compiled = set((tmp_path / "code").rglob("*.code"))
    assert compiled
    write_pcap(tmp_path / "scan.pcap", scan_records(flows=N_PORTS, seed=3))
    with (tmp_path / "scan.pcap").open("rb") as packets:
        words = ["detect", "-", "-o", "v.jsonl", "--model", str(BOX)]
        subprocess.run(
            [sys.executable, "-m", "iotids", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=packets,
            capture_output=True,
            timeout=300,
            check=False,
        )
    assert len((tmp_path / "v.jsonl").read_text().splitlines()) >= N_PORTS
    assert set((tmp_path / "code").rglob("*.code")) == compiled


def test_what_loads_machine_code_is_read_before_rights_go():
    script = (
        "import sys\n"
        "from iotids.detecting.running import compiling_first, interface\n"
        "interface.check_interface = interface.Interface = compiling_first.compile_first = lambda *_: None\n"
        "interface.whom_to_become = lambda _: (-1, -1)\n"
        "interface.give_up_root = lambda _: sys.exit('read' if 'llvmlite.binding' in sys.modules else 'unread')\n"
        f"sys.argv = ['detect', '--interface', 'lo', '--model', {str(BOX)!r}]\n"
        "from iotids.commands.detect import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr == "read\n"


@pytest.fixture
def prompt(tmp_path):
    """A package whose flows end after a second of silence, not after two minutes."""
    return make_package(tmp_path / "prompt", meter=METER | {"idle_timeout_s": 1.0})


def watch_a_scan(folder, *command):
    """Run a command that watches `lo` while a scan goes by, and stop it; verdicts and states of incidents are written."""
    write_pcap(folder / "scan.pcap", scan_records(flows=N_PORTS, seed=1))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REPLAY": REPLAY}
    script = [*NAMESPACE, "bash", "-c", WATCH_READY, "bash", *command, "-o", "v.jsonl", "--ecs", "e.json"]
    done = subprocess.run(
        script, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr + (folder / "said").read_text()
    assert "10.0.0.77 scans 10.0.0.200" in (folder / "while_it_lasts").read_text()
    flows = [json.loads(line) for line in (folder / "v.jsonl").read_text().splitlines()]
    assert sorted(flow["dst_port"] for flow in flows) == list(range(1, 1 + N_PORTS))
    assert sum(flow["packets"] for flow in flows) == 2 * N_PORTS
    assert {flow["capture"] for flow in flows} == {"lo"}
    states = [json.loads(line)["event"]["action"] for line in (folder / "e.json").read_text().splitlines()]
    assert states[0] == "incident-began"
    assert states[-1] == "incident-ended"
    assert (folder / "v.jsonl.summary.json").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not NAMESPACE, reason="no tcpdump here, or no right to capture in a network namespace")
def test_a_scan_on_an_interface_is_reported_while_it_lasts_and_a_stop_writes_everything(prompt, tmp_path):
    words = ("--interface", "lo", "--model", str(prompt.folder))
    watch_a_scan(tmp_path, sys.executable, "-c", WITHOUT_ANOTHER_ACCOUNT, *words)


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or NAMESPACE != ["unshare", "-n"], reason="only root has another account to become"
)
def test_called_by_root_a_scan_is_judged_as_nobody(prompt):
    compile_first(prompt.folder)  # beside the code: `nobody` has no home, and perhaps may not read Python
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        shutil.copytree(prompt.folder, folder / "package")
        words = ("--interface", "lo", "--model", "package", "--user", "nobody")
        watch_a_scan(folder, sys.executable, "-m", "iotids", "detect", *words)
        number = str(interface.pwd.getpwnam("nobody").pw_uid)
        of_iotids, of_tcpdump = ((line.split()[1:]) for line in (folder / "who").read_text().splitlines())
        assert of_iotids == of_tcpdump == [number] * 4  # real, effective, saved, of the file system
        assert (folder / "v.jsonl").owner() == "nobody"
