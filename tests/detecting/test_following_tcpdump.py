"""Of 3,000 packets that a real tcpdump writes to rotating files while they are sent, `detect --follow` judges 3,000."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

N_PACKETS, FIRST_PORT, BURSTS = 3000, 2000, 3
PORT = 4999  # of the receiver
PAUSE_S = 1.5  # between bursts; longer than the second after which `-G 1` rotates
SEND = f"""
import socket, time
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", {PORT}))
for number in range({N_PACKETS}):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", {FIRST_PORT + PORT} + number))
        sender.sendto(bytes(1000), ("127.0.0.1", {PORT}))
    receiver.recv(2000)
    if number % 10 == 9:
        time.sleep(0.005)
    if number % {N_PACKETS // BURSTS} == {N_PACKETS // BURSTS - 1}:
        time.sleep({PAUSE_S})
"""
CAPTURE = f"""
ip link set lo up
tcpdump -i lo -B 20000 "$@" udp dst port {PORT} &
dump=$!
sleep 1
{sys.executable} -c "$SEND"
kill -INT $dump
wait $dump
"""
WAYS = {
    "-C": ["-C", "1", "-w", "ring/x.pcap"],
    "-C -W, unbuffered": ["-C", "1", "-W", "2", "-U", "-w", "ring/x.pcap"],
    "-C -W, a longer ring": ["-C", "1", "-W", "12", "-w", "ring/x.pcap"],
    "-G, names of the second": ["-G", "1", "-w", "ring/x-%H%M%S.pcap"],
    "-G -C": ["-G", "2", "-C", "1", "-U", "-w", "ring/x-%H%M%S.pcap"],
    "moved in when it is finished": ["-C", "1", "-z", "./move", "-w", "spool/x.pcap"],
}
OVERWRITTEN = {  # tcpdump empties the very file that it has just written: who reads may be too late
    "-G, one name again and again": ["-G", "1", "-U", "-w", "ring/x.pcap"],
    "-G, names of the minute": ["-G", "1", "-U", "-w", "ring/x-%M.pcap"],
}


def namespace() -> list[str]:
    """Words that give a command a network of its own; none where that is not allowed."""
    if shutil.which("tcpdump") is None or shutil.which("ip") is None:
        return []
    for options in (["-n"], ["-rn"]):
        words = ["unshare", *options]
        test = [*words, "sh", "-c", "ip link set lo up && timeout 0.2 tcpdump -i lo -c 1; test $? = 124"]
        if subprocess.run(test, capture_output=True, check=False).returncode == 0:
            return words
    return []


NAMESPACE = namespace()
pytestmark = pytest.mark.skipif(
    not NAMESPACE, reason="no tcpdump here, or no right to capture in a network namespace"
)


def follow(folder: Path, package: Path) -> subprocess.Popen[str]:
    """`detect --follow` on the folder's `ring`, when it has begun to look."""
    words = ["detect", "--follow", "ring", "-o", "verdicts.jsonl", "--model", str(package)]
    process = subprocess.Popen(
        [sys.executable, "-m", "iotids", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 120
    while not list(folder.glob("*verdicts*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "does not begin"
        time.sleep(0.1)
    return process


def judged(folder: Path, package: Path, options: list[str]) -> tuple[list[int], int, str]:
    """Source ports of the judged packets in order, exit code, and what `detect --follow` says of a capture of all."""
    for name in ("ring", "spool"):
        (folder / name).mkdir()
    (folder / "move").write_text('#!/bin/sh\nexec mv "$1" ring/\n')
    (folder / "move").chmod(0o755)
    process = follow(folder, package)
    user = ["-Z", "root"] if os.geteuid() == 0 else []
    try:
        subprocess.run(
            [*NAMESPACE, "bash", "-c", CAPTURE, "bash", *user, *options],
            cwd=folder,
            env={**os.environ, "SEND": SEND},
            capture_output=True,
            check=True,
            timeout=120,
        )
        for left in (folder / "spool").iterdir():  # tcpdump does not call -z for its last file
            left.rename(folder / "ring" / left.name)
    finally:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    table = folder / ("verdicts.incomplete.jsonl" if process.returncode else "verdicts.jsonl")
    lines = [json.loads(line) for line in table.read_text().splitlines()]
    return sorted(line["src_port"] for line in lines), process.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_packet_of_a_live_tcpdump_is_judged(tmp_path, trained, way):
    ports, code, said = judged(tmp_path, trained.folder, WAYS[way])
    assert (code, ports) == (0, [FIRST_PORT + PORT + i for i in range(N_PACKETS)]), said
    assert "unseen" not in said


@pytest.mark.slow
@pytest.mark.parametrize("way", OVERWRITTEN)
def test_nothing_is_unseen_without_a_word_where_tcpdump_empties_the_file_it_has_just_written(
    tmp_path, trained, way
):
    ports, code, said = judged(tmp_path, trained.folder, OVERWRITTEN[way])
    assert set(ports) <= {FIRST_PORT + PORT + i for i in range(N_PACKETS)}
    assert len(ports) == len(set(ports)), "a packet was judged twice"
    assert len(ports) > N_PACKETS // 2
    assert "may be unseen" in said or (code, len(ports)) == (0, N_PACKETS), (code, len(ports), said)
