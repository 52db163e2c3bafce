"""Fetching from a web server on loopback that also breaks off, lies about the length and serves wrong bytes."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from iotids.commands.fetch import fetch
from iotids.truth.downloads.checksums import sha256_of
from iotids.truth.downloads.file_list import Catalogue, Download, instructions, read_catalogue
from iotids.truth.downloads.resuming import ResumingDownloader
from iotids.truth.downloads.unpacking import unpack_captures
from tests.shared import SHARED, needs_shared

CONTENT = np.random.default_rng(5).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT below a path that names the mischief."""

    protocol_version = "HTTP/1.1"
    requests: list[tuple[str, str, str]]

    def log_message(self, *words: object) -> None:
        """Stay silent."""

    def do_HEAD(self) -> None:
        self.requests.append(("HEAD", self.path, ""))
        self.send_response(404 if "/missing" in self.path else 200)
        if "/nolength" not in self.path:
            self.send_header("Content-Length", "0" if "/headzero" in self.path else str(len(self.content())))
        self.end_headers()

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.requests.append(("GET", self.path, asked))
        if "/busy" in self.path and len([one for one in self.requests if one[0] == "GET"]) < 3:
            return self.answer(503, b"", 0)
        content = self.content()
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and "/norange" not in self.path else 0
        if start >= len(content):
            return self.answer(416, b"", 0)
        self.answer(206 if start else 200, content[start:], start)

    def content(self) -> bytes:
        return (
            CONTENT[::-1]
            if "/wrong" in self.path
            else archive()
            if self.path.endswith(".tar.gz")
            else CONTENT
        )

    def answer(self, status: int, body: bytes, start: int) -> None:
        self.send_response(status)
        announced = len(body)
        if "/breaks" in self.path or ("/lies" in self.path and start == 0):
            body = body[:100_000]
        if "/dead" in self.path:
            body = b""
        if "/short" in self.path:  # a length that is a lie, and kept
            body, announced = body[:1_000], 1_000
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + announced - 1}/{start + announced}")
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)
        if len(body) < announced:
            self.close_connection = True


def archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in (("./16-09-23.pcap", CONTENT), ("../../evil.txt", b"no"), ("notes.txt", b"no")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    handler = type("Recording", (Handler,), {"requests": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", handler.requests
        http.shutdown()


def one(url: str, sha256: str | None = SHA256, name: str = "a.pcap", unpack: bool = False) -> Catalogue:
    return Catalogue("test", "T", (Download(url, name, sha256, unpack),))


def get(catalogue: Catalogue, folder: Path) -> None:
    fetch(catalogue, folder, attempts=3, pause_s=0.0)


def test_file_comes_with_its_hash_noted(server, tmp_path: Path) -> None:
    get(one(f"{server[0]}/a", None), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT
    assert (tmp_path / "SHA256SUMS").read_text() == f"{SHA256}  a.pcap\n"


def test_what_is_there_is_not_fetched_again(server, tmp_path: Path) -> None:
    for _ in range(2):
        get(one(f"{server[0]}/a", None), tmp_path)
    assert len([method for method, _, _ in server[1] if method == "GET"]) == 1


def test_broken_connection_goes_on_where_it_stopped(server, tmp_path: Path) -> None:
    get(one(f"{server[0]}/breaks"), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT
    assert [asked for method, _, asked in server[1] if method == "GET"] == [
        "",
        "bytes=100000-",
        "bytes=200000-",
    ]


def test_server_that_announces_more_than_it_sends_is_asked_for_the_rest(server, tmp_path: Path) -> None:
    get(one(f"{server[0]}/lies"), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT


def test_server_without_ranges_starts_again_and_still_fails_honestly(server, tmp_path: Path) -> None:
    (tmp_path / ".a.pcap.part").write_bytes(CONTENT[:5_000])
    get(one(f"{server[0]}/norange"), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT


def test_download_interrupted_yesterday_goes_on_today(server, tmp_path: Path) -> None:
    (tmp_path / ".a.pcap.part").write_bytes(CONTENT[:250_000])
    get(one(f"{server[0]}/a"), tmp_path)
    assert [asked for method, _, asked in server[1] if method == "GET"] == ["bytes=250000-"]
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT


def test_part_longer_than_the_file_is_thrown_away(server, tmp_path: Path) -> None:
    (tmp_path / ".a.pcap.part").write_bytes(CONTENT + b"x")
    get(one(f"{server[0]}/a"), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("sha256", "complaint"), [(SHA256, SHA256), (None, "1,000 bytes came of the 300,000")]
)
def test_server_that_announces_and_sends_too_little_is_found_out_with_and_without_a_published_hash(
    server, tmp_path: Path, sha256: str | None, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        get(one(f"{server[0]}/short", sha256), tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_server_that_says_zero_bytes_when_asked_for_the_size_is_still_used(server, tmp_path: Path) -> None:
    get(one(f"{server[0]}/headzero", None), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT


def test_busy_server_is_asked_again_and_given_up_after_the_last_attempt(server, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"broke off 1 times in a row; .*503"):
        fetch(one(f"{server[0]}/busy"), tmp_path, attempts=1, pause_s=0.0)
    get(one(f"{server[0]}/busy"), tmp_path)
    assert (tmp_path / "a.pcap").read_bytes() == CONTENT


@pytest.mark.parametrize("mischief", ["a", "breaks", "norange"])
def test_progress_ends_at_the_size_of_the_file_whatever_happens_on_the_way(
    server, tmp_path: Path, mischief: str
) -> None:
    part, steps = tmp_path / ".part", []
    part.write_bytes(CONTENT[:5_000])
    ResumingDownloader(part, attempts=3, pause_s=0.0, progress=steps.append)(
        f"{server[0]}/{mischief}", str(tmp_path / "a"), None
    )
    assert sum(steps) == len(CONTENT)
    assert steps[0] == 5_000


def test_command_fetches_what_is_missing_and_ends_in_dvc_add_or_in_one_line_of_what_failed(
    server, tmp_path: Path
) -> None:
    def run(dataset: str, base: str) -> subprocess.CompletedProcess:
        command = [
            sys.executable,
            "-m",
            "iotids",
            "fetch",
            dataset,
            "--parts",
            "16-09-23",
            "--to",
            str(tmp_path / "datasets"),
            "--base",
            base,
        ]
        return subprocess.run(command, capture_output=True, text=True)

    done = run("d3", server[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(f"now: dvc add {tmp_path}/datasets/D3")
    assert "2 files to fetch" in done.stderr
    assert (tmp_path / "datasets/D3/16-09-23.pcap").read_bytes() == CONTENT
    assert (tmp_path / "datasets/D3/List_Of_Devices.txt").is_file()
    assert "0 files to fetch" in run("d3", server[0]).stderr
    wrong = run("d4", server[0])
    assert wrong.returncode == 1
    assert wrong.stderr.strip().startswith("error: d4: '16-09-23' is none of CTU-IoT-Malware-Capture-34-1")


def test_dead_server_is_given_up_with_what_came_kept(server, tmp_path: Path) -> None:
    (tmp_path / ".a.pcap.part").write_bytes(CONTENT[:7])
    with pytest.raises(OSError, match=r"broke off 3 times in a row; 7 bytes are kept"):
        get(one(f"{server[0]}/dead"), tmp_path)
    assert (tmp_path / ".a.pcap.part").read_bytes() == CONTENT[:7]
    assert not (tmp_path / "a.pcap").exists()


def test_wrong_bytes_are_refused_and_deleted(server, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=SHA256):
        get(one(f"{server[0]}/wrong"), tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_file_that_changed_on_the_server_is_noticed_without_a_published_hash(server, tmp_path: Path) -> None:
    get(one(f"{server[0]}/a", None), tmp_path)
    (tmp_path / "a.pcap").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=SHA256):
        get(one(f"{server[0]}/wrong", None), tmp_path)


def test_missing_file_and_dead_port_are_named(server, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="404"):
        get(one(f"{server[0]}/missing"), tmp_path)
    with pytest.raises(OSError, match="cannot be reached"):
        get(one("http://127.0.0.1:9/a"), tmp_path)


def test_sizes_are_shown_and_too_little_space_stops_before_the_first_byte(
    server, tmp_path: Path, monkeypatch, capsys
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    with pytest.raises(OSError, match="needed"):
        get(one(f"{server[0]}/d/16-09-23.tar.gz", None, "16-09-23.tar.gz", unpack=True), tmp_path)
    assert [method for method, _, _ in server[1]] == ["HEAD"]
    assert "16-09-23.tar.gz: 0.3 MB" in capsys.readouterr().err


def test_server_that_does_not_tell_the_size_is_still_used(server, tmp_path: Path, capsys) -> None:
    get(one(f"{server[0]}/nolength"), tmp_path)
    assert "size unknown" in capsys.readouterr().err


def test_archive_gives_its_captures_and_nothing_outside_the_folder(server, tmp_path: Path) -> None:
    folder = tmp_path / "D3"
    catalogue = one(f"{server[0]}/16-09-23.tar.gz", None, "16-09-23.tar.gz", unpack=True)
    get(catalogue, folder)
    assert (folder / "16-09-23.pcap").read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "16-09-23.pcap",
        "16-09-23.tar.gz",
        "D3",
        "SHA256SUMS",
    ]
    (folder / "16-09-23.tar.gz").unlink()
    get(catalogue, folder)
    assert len([method for method, _, _ in server[1] if method == "GET"]) == 1


def test_damaged_archive_leaves_no_half_capture(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(archive()[:200_000])
    with pytest.raises(ValueError, match="damaged archive"):
        unpack_captures(tmp_path / "x.tar.gz", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar.gz"]


def test_catalogue_names_days_scenarios_and_published_hashes() -> None:
    days = read_catalogue("d3")
    assert len(days.downloads) == 21
    assert days.downloads[1].url == "https://iotanalytics.unsw.edu.au/iottestbed/pcap/16-09-23.tar.gz"
    capture, log = read_catalogue("d4", ["34-1"]).downloads
    assert capture.name == "CTU-IoT-Malware-Capture-34-1/2018-12-21-15-50-14-192.168.1.195.pcap"
    assert capture.sha256 and log.sha256
    assert log.url.endswith("/CTU-IoT-Malware-Capture-34-1/bro/conn.log.labeled")
    with pytest.raises(ValueError, match="'99-1' is none of"):
        read_catalogue("d4", ["99-1"])


@pytest.mark.parametrize("scenario", ["8-1", "20-1", "21-1", "42-1"])
def test_small_scenarios_of_other_malware_come_by_name_only_and_with_hashes(scenario: str) -> None:
    capture, log = read_catalogue("d4", [scenario]).downloads
    assert capture.name.startswith(f"CTU-IoT-Malware-Capture-{scenario}/") and capture.sha256 and log.sha256
    assert capture not in read_catalogue("d4").downloads


@needs_shared
def test_published_hash_of_scenario_8_1_is_that_of_the_capture_at_hand() -> None:
    capture = next((SHARED / "captures/iot23").glob("CTU-IoT-Malware-Capture-8-1_*.pcap"))
    assert read_catalogue("d4", ["8-1"]).downloads[0].sha256 == sha256_of(capture)


def test_datasets_behind_a_login_come_with_instructions_that_end_in_dvc_add() -> None:
    for name in ("d1", "d2"):
        text = instructions(name, Path("datasets"))
        assert text is not None
        assert text.strip().endswith(f"dvc add datasets/{name.upper()}")
    assert instructions("d3", Path("datasets")) is None
