"""Every packet of a folder of rotating captures is judged once, whatever the files are called; what cannot be
is said.
"""

import contextlib
import gzip
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from iotids.detecting.following import piece as piece_module
from iotids.detecting.following.folder import FollowedFolder
from iotids.detecting.following.growing_file import GrowingFile, Known, header_of
from iotids.detecting.following.watch import FolderWatch
from tests.detecting.lab import METER, flood_records
from tests.packets import Record, ng_block, ng_interface, ng_packet, ng_section, pcap_bytes

HEADER = 24


class Follower:
    """Follows a folder in a thread of its own, as detect does, and counts what it was given."""

    def __init__(self, folder, **options):
        self.packets, self.faults, self.notices, self.numbers = [], [], [], []
        self._stop = threading.Event()
        self.folder = FollowedFolder(
            folder, stopped=self._stop.is_set, notice=self.notices.append, lose=self.faults.append
        )
        self._thread = threading.Thread(target=self._run, kwargs={"max_bytes": 0, **options}, daemon=True)

    def _run(self, max_bytes):
        for piece in self.folder.pieces(METER, max_bytes=max_bytes):
            meter = piece.open()
            for batch in meter.batches():
                for row in batch.select(["src_port", "first_packet"]).to_pylist():
                    self.packets.append((Path(piece.path).name, row["src_port"]))
                    self.numbers.append(row["first_packet"] + piece.packets_before)
            if fault := piece.close(meter.ledger.as_dict()):
                self.faults.append(fault)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "it does not end"

    def read(self):
        """Packets that were metered into flows that are over, or read from pieces that are."""
        return len(self.packets)


def records(n, first=0):
    """A flow of one packet each, told apart by source ports from 1024 on."""
    return flood_records(flows=first + n, seed=7)[first:]


def ports(n, first=0):
    return {1024 + i for i in range(first, first + n)}


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def judged(follower):
    """The source ports of all packets; none twice."""
    found = [port for _, port in follower.packets]
    assert len(found) == len(set(found)), "a packet was judged twice"
    return set(found)


# ------------------------------------------------------------------------------------------------------------
# rings as tcpdump writes them


@pytest.mark.parametrize(
    "names",
    [
        ["x.pcap", "x.pcap1", "x.pcap2"],
        ["x.pcap0", "x.pcap1", "x.pcap2"],
        ["trace", "trace.1", "20260101-120000"],
        ["a.cap", "b.PCAP", "c.dmp"],
    ],
)
def test_files_of_any_name_are_judged_once_each(tmp_path, names):
    with Follower(tmp_path) as follower:
        for i, name in enumerate(names):
            (tmp_path / name).write_bytes(pcap_bytes(records(1000, first=1000 * i)))
            time.sleep(0.1)
    assert judged(follower) == ports(3000)
    assert follower.faults == []
    assert {name for name, _ in follower.packets} == set(names)


def test_a_name_that_is_used_again_is_read_again(tmp_path):
    with Follower(tmp_path) as follower:
        for i in range(6):
            (tmp_path / f"x.pcap{i % 2}").write_bytes(pcap_bytes(records(500, first=500 * i)))
            wait_for(lambda n=500 * (i + 1): follower.read() >= n)
    assert judged(follower) == ports(3000)
    assert follower.faults == []


def test_one_name_for_all_files_is_read_each_time(tmp_path):
    with Follower(tmp_path) as follower:
        for i in range(3):
            (tmp_path / "x.pcap").write_bytes(pcap_bytes(records(1000, first=1000 * i)))
            wait_for(lambda n=1000 * (i + 1): follower.read() >= n)
    assert judged(follower) == ports(3000)
    assert follower.faults == []


def test_files_that_are_moved_in_renamed_or_replaced_are_read_once(tmp_path):
    outside, ring = tmp_path / "outside", tmp_path / "ring"
    outside.mkdir()
    ring.mkdir()
    with Follower(ring) as follower:
        for i in range(3):
            (outside / "x.pcap").write_bytes(pcap_bytes(records(1000, first=1000 * i)))
            (outside / "x.pcap").rename(ring / "x.pcap")  # takes the place of the one before
            wait_for(lambda n=1000 * (i + 1): follower.read() >= n)
        (ring / "x.pcap").rename(ring / "x.pcap.old")
        time.sleep(1.0)
    assert judged(follower) == ports(3000)
    assert follower.faults == []


def test_the_newest_file_is_read_while_it_is_written_and_to_its_end_when_asked_to_stop(tmp_path):
    content = pcap_bytes(records(1000))
    with Follower(tmp_path) as follower, (tmp_path / "x.pcap").open("wb", buffering=0) as file:
        for at in range(0, len(content), 1_111):  # in the middle of records
            file.write(content[at : at + 1_111])
            time.sleep(0.002)
        time.sleep(0.5)
        follower._stop.set()
        follower._thread.join(timeout=30)
    assert judged(follower) == ports(1000)
    assert follower.faults == []


def test_a_file_that_is_added_to_after_it_was_closed_is_read_on_from_there(tmp_path):
    content = pcap_bytes(records(900))
    size = (len(content) - HEADER) // 900
    with Follower(tmp_path) as follower:
        for i in range(3):
            part = (
                content[: HEADER + 300 * size] if i == 0 else content[HEADER + 300 * size * i :][: 300 * size]
            )
            with (tmp_path / "x.pcap").open("ab") as file:
                file.write(part)
            wait_for(lambda n=300 * (i + 1): follower.read() >= n)
    assert judged(follower) == ports(900)
    assert sorted(follower.numbers) == list(range(1, 901))  # packet numbers go on
    assert follower.faults == []


def test_a_record_that_is_written_in_two_parts_is_one_packet(tmp_path, monkeypatch):
    content = pcap_bytes(records(10))
    with Follower(tmp_path) as follower:
        for part in (content[:-20], content[-20:]):
            with (tmp_path / "x.pcap").open("ab") as file:
                file.write(part)
            time.sleep(1.0)
    assert judged(follower) == ports(10)


def test_a_pcapng_that_is_added_to_keeps_its_interfaces(tmp_path):
    parts = [ng_packet(record.data, record.time_us) for record in records(20)]
    with Follower(tmp_path) as follower:
        (tmp_path / "x.pcapng").write_bytes(ng_section() + ng_interface() + b"".join(parts[:10]))
        wait_for(lambda: follower.read() >= 10)
        with (tmp_path / "x.pcapng").open("ab") as file:
            file.write(b"".join(parts[10:]))
        wait_for(lambda: follower.read() >= 20)
    assert judged(follower) == ports(20)
    assert follower.faults == []


def test_two_writers_at_once_are_both_read(tmp_path, monkeypatch):
    monkeypatch.setattr(piece_module, "SETTLED_S", 0.5)
    with Follower(tmp_path) as follower, contextlib.ExitStack() as stack:
        files = [stack.enter_context((tmp_path / name).open("wb", buffering=0)) for name in ("a", "b")]
        for i in range(4):
            for j, file in enumerate(files):
                mine = pcap_bytes(records(50, first=1000 * j + 50 * i))
                file.write(mine if i == 0 else mine[HEADER:])
            time.sleep(0.8)
    assert judged(follower) == ports(200) | ports(200, first=1000)
    assert follower.faults == []


def test_without_news_from_the_system_sizes_and_times_decide(tmp_path, monkeypatch):
    monkeypatch.setattr("iotids.detecting.following.watch._open_inotify", lambda folder: None)
    monkeypatch.setattr(piece_module, "SETTLED_S", 1.0)
    with Follower(tmp_path) as follower:
        for i in range(6):
            (tmp_path / f"x.pcap{i % 2}").write_bytes(pcap_bytes(records(500, first=500 * i)))
            time.sleep(1.6)
    assert judged(follower) == ports(3000)


def test_compressed_files_are_read_and_files_there_before_too(tmp_path):
    (tmp_path / "before.pcap.gz").write_bytes(gzip.compress(pcap_bytes(records(100))))
    with Follower(tmp_path) as follower:
        (tmp_path / "after").write_bytes(gzip.compress(pcap_bytes(records(100, first=100))))
    assert judged(follower) == ports(200)
    assert follower.faults == []


def test_a_compressed_file_expands_to_its_limit_and_no_further(tmp_path):
    with Follower(tmp_path, max_bytes=20_000) as follower:
        (tmp_path / "bomb.gz").write_bytes(gzip.compress(pcap_bytes(records(10)) + bytes(10_000_000)))
        (tmp_path / "x.pcap").write_bytes(pcap_bytes(records(10, first=100)))
    assert judged(follower) >= ports(10, first=100)
    assert len(follower.faults) == 1
    assert "bomb.gz" in follower.faults[0]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="no tcpdump")
@pytest.mark.parametrize("options", [["-C", "1"], ["-C", "1", "-W", "4"]], ids=["C", "C-W"])
def test_of_the_packets_of_a_ring_of_tcpdump_all_are_judged(tmp_path, options):
    ring = tmp_path / "ring"
    ring.mkdir()
    source = tmp_path / "source.pcap"
    many = [Record(record.time_us, record.data + bytes(900)) for record in records(3000)]
    source.write_bytes(pcap_bytes(many))
    with Follower(ring) as follower:
        user = ["-Z", "root"] if os.geteuid() == 0 else []
        subprocess.run(
            ["tcpdump", "-r", source, "-w", ring / "x.pcap", *options, *user], check=True, capture_output=True
        )
        files = sorted(path.name for path in ring.iterdir())
    width = len(str(4 - 1)) if "-W" in options else 0
    assert files == ([f"x.pcap{i:0{width}}" for i in range(3)] if width else ["x.pcap", "x.pcap1", "x.pcap2"])
    assert judged(follower) == ports(3000)
    assert follower.faults == []


# ------------------------------------------------------------------------------------------------------------
# what cannot be judged is said


def test_what_is_no_capture_is_named_once_and_left_out(tmp_path):
    with Follower(tmp_path) as follower:
        (tmp_path / "notes.txt").write_text("no capture, but longer than the header of one")
        (tmp_path / "notes.gz").write_bytes(gzip.compress(b"no capture, but longer than the header of one"))
        (tmp_path / ".x.pcap.part").write_bytes(pcap_bytes(records(5)))
        (tmp_path / "short").write_bytes(b"123")
        time.sleep(1.0)
        (tmp_path / "notes.txt").write_text("still no capture, and longer than the header of one")
    assert follower.packets == []
    assert follower.faults == []
    for name in ("notes.txt", "notes.gz", ".x.pcap.part", "short"):
        assert sum(f"/{name}:" in notice for notice in follower.notices) == 1, follower.notices


def test_a_file_that_is_overwritten_while_it_is_read_is_a_fault_and_the_next_one_is_read(tmp_path):
    with Follower(tmp_path) as follower, (tmp_path / "x.pcap").open("wb", buffering=0) as file:
        file.write(pcap_bytes(records(100)))
        time.sleep(0.5)
        (tmp_path / "x.pcap").write_bytes(pcap_bytes(records(100, first=200)))
        time.sleep(0.5)
    assert judged(follower) == ports(100) | ports(100, first=200)
    assert len(follower.faults) == 1
    assert "overwritten while it was read" in follower.faults[0]


def test_packets_that_came_and_went_after_a_mere_header_was_read_are_said(tmp_path, monkeypatch):
    looks, asleep = threading.Event(), threading.Event()

    def sleep(
        folder, seconds
    ):  # at the end of the header; wakes when the file has been filled, emptied and filled
        asleep.set()
        assert looks.wait(30)

    monkeypatch.setattr(FollowedFolder, "wait", sleep)
    path = tmp_path / "x.pcap"
    file = path.open("wb", buffering=0)
    file.write(pcap_bytes([]))
    with Follower(tmp_path) as follower:
        assert asleep.wait(30)
        file.write(pcap_bytes(records(100))[HEADER:])
        file.close()
        with path.open("wb", buffering=0) as again:
            again.write(pcap_bytes(records(100, first=200)))
            looks.set()
            time.sleep(0.5)
    assert judged(follower) == ports(100, first=200)
    assert len(follower.faults) == 1
    assert "overwritten while it was read" in follower.faults[0]


def test_files_that_were_overwritten_unread_are_counted(tmp_path):
    faults = []
    folder = FollowedFolder(tmp_path, stopped=lambda: True, notice=faults.append, lose=faults.append)
    for i in range(4):  # nobody looks meanwhile
        (tmp_path / "x.pcap").write_bytes(pcap_bytes(records(10, first=10 * i)))
    assert len(folder.look()) == 1
    assert faults == [f"{tmp_path}/x.pcap: written 3 more times than it could be read; packets may be unseen"]
    (tmp_path / "x.pcap").write_bytes(pcap_bytes(records(10, first=90)))
    folder.look()
    assert "bytes were overwritten before they could be read" in faults[1]


def test_damage_in_a_finished_file_is_a_fault_and_the_others_are_read(tmp_path):
    content = pcap_bytes(records(20))
    broken = bytearray(content)
    broken[HEADER + 8 : HEADER + 12] = b"\xff\xff\xff\x7f"
    with Follower(tmp_path) as follower:
        (tmp_path / "a.pcap").write_bytes(broken)
        (tmp_path / "b.pcap").write_bytes(content[:-5])
        (tmp_path / "c.pcap").write_bytes(pcap_bytes(records(20, first=100)))
        time.sleep(1.0)
    assert judged(follower) == ports(19) | ports(20, first=100)
    assert len(follower.faults) == 2
    assert "a.pcap" in follower.faults[0]
    assert "b.pcap" in follower.faults[1]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotADirectoryError, match="no such folder to follow"):
        FollowedFolder(tmp_path / "none", stopped=lambda: True, notice=print, lose=print)


# ------------------------------------------------------------------------------------------------------------
# parts


def test_the_header_of_a_pcapng_is_its_section_and_interfaces():
    start = ng_section() + ng_interface() + ng_interface()
    assert header_of(start + ng_packet(b"x" * 40, 1)) == start
    assert header_of(start + ng_block(5, bytes(12))) == start


def test_a_file_that_shrinks_and_grows_again_is_not_taken_for_the_same(tmp_path):
    path = tmp_path / "x.pcap"
    path.write_bytes(b"A" * 300)
    file = GrowingFile(path, Known(), lambda: True, lambda: False)
    assert file.read(1000) == b"A" * 300
    path.write_bytes(b"B" * 1000)
    assert file.read(1000) == b""
    assert file.overwritten


def test_of_a_file_without_packets_a_new_writer_makes_another(tmp_path):
    path = tmp_path / "x.pcap"
    for start in (pcap_bytes([]), ng_section() + ng_interface()):
        path.write_bytes(start)
        reopened = [False]
        file = GrowingFile(path, Known(), lambda: True, lambda state=reopened: state[0])
        assert file.read(1000) == start
        reopened[0] = True  # filled, closed and emptied while nobody looked
        path.write_bytes(start + b"another one's packets")
        assert file.read(1000) == b""
        assert file.overwritten


def test_a_file_with_packets_is_the_same_for_a_writer_that_adds_to_it_however_long_its_header(tmp_path):
    path = tmp_path / "x.pcapng"
    for start in (
        pcap_bytes([]),
        ng_section() + ng_interface() * 20,
    ):  # more than the first bytes that are kept
        path.write_bytes(start + ng_packet(b"x" * 40, 1))
        file = GrowingFile(path, Known(), lambda: True, lambda: True)
        file.read(len(start) + 10)
        with path.open("ab") as more:
            more.write(b"more")
        assert file.read(1000).endswith(b"more")
        assert not file.overwritten


def test_the_watch_hears_of_writers_and_counts_how_often_they_close_a_file(tmp_path):
    watch = FolderWatch(tmp_path)
    if watch._number is None:
        pytest.skip("no inotify here")
    for n in (1, 2):
        with (tmp_path / "x").open("wb") as file:
            file.write(b"1")
            file.flush()
            watch.hear()
            assert (watch.is_closed("x"), watch.closings("x")) == (False, n - 1)
        watch.hear()
        assert (watch.is_closed("x"), watch.closings("x")) == (True, n)
    (tmp_path / "x").unlink()
    (tmp_path / "x").touch()
    watch.hear()
    assert watch.closings("x") == 1
    (tmp_path / "x").rename(tmp_path / "y")
    watch.hear()
    assert watch.is_closed("y") is True
    assert watch.is_closed("never") is None
    watch.close()
