"""The worked example of docs/your-own-data.md as an experiment: captures, rules and configuration as the page
says, then its commands.
"""

import json
import shlex
import textwrap
from datetime import datetime

import pytest

from tests.doc_commands import blocks
from tests.packets import ACK, RST, SYN, Record, ethernet, ipv4, tcp, udp, write_pcap
from tests.project_copy import run

pytestmark = [pytest.mark.slow, pytest.mark.long]
LAPTOP, CAMERA, CLOUD = "192.168.1.50", "192.168.1.20", "203.0.113.9"
PAGE = [block for block in blocks() if block.page == "your-own-data.md"]
QUICK = [
    "-S",
    "preset=smoke",
    "-S",
    "network.models=[dl4]",
    "-S",
    "baseline.models=[majority]",
]  # instead of an hour


def at(clock):
    return int(datetime.fromisoformat(f"2026-05-03T{clock}+00:00").timestamp()) * 1_000_000


def frame(time_us, src, dst, segment, protocol=6):
    return Record(time_us, ethernet(ipv4(src, dst, protocol, segment)))


def talk(start_us, n):
    """The camera asks its cloud something every two seconds."""
    for i in range(n):
        time_us, port = start_us + i * 2_000_000, 20_000 + i
        yield frame(time_us, CAMERA, CLOUD, udp(port, 443, b"x" * (40 + i % 90)), 17)
        yield frame(time_us + 30_000 + i * 11, CLOUD, CAMERA, udp(443, port, b"y" * (200 + i % 50)), 17)


def scan(start_us, n):
    for i in range(n):
        yield frame(start_us + i * 10_000, LAPTOP, CAMERA, tcp(40_000, 1 + i, flags=SYN))
        yield frame(start_us + i * 10_000 + 400, CAMERA, LAPTOP, tcp(1 + i, 40_000, flags=RST | ACK))


def flood(start_us, n):
    """A half-open flood: every other SYN is answered, none of the answers is acknowledged."""
    for i in range(n):
        time_us, port = start_us + i * 10_000, 50_000 + i
        yield frame(time_us, LAPTOP, CAMERA, tcp(port, 554, flags=SYN))
        if i % 2:
            yield frame(time_us + 900, CAMERA, LAPTOP, tcp(554, port, flags=SYN | ACK))


@pytest.fixture(scope="module")
def mine(finished):
    """The finished project with the page's three files in mydata/ and conf/data/mine.yaml; afterwards as
    before.
    """
    (finished / "mydata").mkdir(exist_ok=True)
    evening = sorted(
        [*talk(at("19:50:00"), 200), *scan(at("20:05:00"), 200), *flood(at("20:30:00"), 200)],
        key=lambda record: record.time_us,
    )
    write_pcap(finished / "mydata" / "evening.pcap", evening)
    write_pcap(finished / "mydata" / "quiet.pcap", list(talk(at("10:00:00"), 200)))
    rules, config = [textwrap.dedent(block.text) for block in PAGE if block.kind == "yaml"][:2]
    (finished / "mydata" / "rules.yaml").write_text(rules)
    (finished / "conf" / "data" / "mine.yaml").write_text(config)
    yield finished
    (finished / "conf" / "data" / "mine.yaml").unlink()
    run(finished, "git", "checkout", "-q", ".")
    run(finished, "dvc", "checkout", "--force")


def test_the_commands_of_the_page_label_audit_and_report_the_captures(mine):
    (block,) = [block for block in PAGE if block.when == "worked example"]
    whole, audit = [shlex.split(line) for line in block.text.splitlines() if line.strip()]
    run(mine, *audit)
    counts = json.loads((mine / "out" / "labelled" / "home.json").read_text())
    assert counts["sublabels"]["SCANNING/port scan"] == 200
    assert counts["sublabels"]["DOS/SYN flood"] == 200
    assert (mine / "out" / "audit" / "audit.html").is_file()
    run(mine, *whole, *QUICK)
    assert "DL4" in (mine / "out" / "report" / "report.md").read_text()
