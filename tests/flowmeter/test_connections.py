"""TCP connections in the clean profile: which SYN opens a new one, and which segments carry nothing new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iotids.flowmeter.flows import flows_from_capture
from tests.packets import ACK, FIN, PSH, RST, SYN, Record, ethernet, ipv4, ipv6, tcp, write_pcap

T0 = 1_600_000_000_000_000
CLIENT, SERVER = True, False
ENDS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
Step = tuple[Any, ...]  # sender, flags, seq, ack, payload, window, seconds since the step before


def records_of(steps: list[Step], *, version: int = 4) -> list[Record]:
    """Frames of a conversation between port 40000 and port 80."""
    records, time_us = [], T0
    for step in steps:
        sender, flags, seq, ack, payload, window, gap_s = (*step, *(0, 0, b"", 500, 0.01)[len(step) - 2 :])
        time_us += round(gap_s * 1e6)
        ports = (40000, 80) if sender else (80, 40000)
        segment = tcp(*ports, flags=flags, seq=seq, ack=ack, payload=payload, window=window)
        ends = ENDS[version] if sender else ENDS[version][::-1]
        packet = ipv4(*ends, 6, segment) if version == 4 else ipv6(*ends, 6, segment)
        records.append(Record(time_us, ethernet(packet, 0x0800 if version == 4 else 0x86DD)))
    return records


def rows_of(tmp_path: Path, steps: list[Step], *, version: int = 4, **options: Any) -> list[dict[str, Any]]:
    """Flow table of a conversation."""
    path = write_pcap(tmp_path / "c.pcap", records_of(steps, version=version))
    return flows_from_capture(path, "clean", **options).to_pylist()


def connection(isn: int, server_isn: int, *, first: bool = CLIENT, payload: bytes = bytes(100)) -> list[Step]:
    """Handshake, a request, its acknowledgement."""
    return [
        (first, SYN, isn),
        (not first, SYN | ACK, server_isn, isn + 1),
        (first, ACK, isn + 1, server_isn + 1),
        (first, ACK | PSH, isn + 1, server_isn + 1, payload),
        (not first, ACK, server_isn + 1, isn + 1 + len(payload)),
    ]


RESET: list[Step] = [(CLIENT, RST, 5_000_101, 7_000_001)]
CLOSE: list[Step] = [
    (CLIENT, FIN | ACK, 5_000_101, 7_000_001),
    (SERVER, FIN | ACK, 7_000_001, 5_000_102),
    (CLIENT, ACK, 5_000_102, 7_000_002),
]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("ending", [[], RESET, CLOSE, CLOSE[:1]], ids=["crash", "reset", "closed", "half"])
@pytest.mark.parametrize("opener", [CLIENT, SERVER], ids=["same side", "other side"])
def test_a_syn_with_a_new_number_is_a_new_connection(
    tmp_path: Path, opener: bool, ending: list[Step], version: int
) -> None:
    steps = [*connection(5_000_000, 7_000_000), *ending, *connection(1_000, 2_000, first=opener)]
    first, second = rows_of(tmp_path, steps, version=version)
    ends = ENDS[version]
    assert (first["src_ip"], second["src_ip"]) == (ends[0], ends[0] if opener else ends[1])
    assert (first["retransmissions"], second["retransmissions"]) == (0, 0)
    assert (first["fwd_packets"] + first["bwd_packets"], second["fwd_packets"]) == (5 + len(ending), 3)
    assert second["connection_duration_us"] == second["flow_duration_us"]


def test_a_syn_that_is_sent_again_is_none(tmp_path: Path) -> None:
    steps: list[Step] = [(CLIENT, SYN, 100, 0, b"", 500, gap_s) for gap_s in (0, 1, 2, 4)]
    (row,) = rows_of(tmp_path, steps)
    assert (row["fwd_packets"], row["retransmissions"]) == (4, 3)


def test_a_syn_and_its_answer_that_are_sent_again_are_none(tmp_path: Path) -> None:
    steps = connection(100, 900)
    (row,) = rows_of(tmp_path, [*steps[:2], *steps[:2], *steps[1:], steps[1]])
    assert (row["fwd_packets"], row["bwd_packets"], row["retransmissions"]) == (4, 5, 4)


def test_a_syn_is_repeated_after_a_refusal_but_not_after_a_connection_was_closed(tmp_path: Path) -> None:
    refused: list[Step] = [(CLIENT, SYN, 100), (SERVER, RST | ACK, 0, 101)]
    assert len(rows_of(tmp_path, refused * 3)) == 1
    same_number = [*connection(5_000_000, 7_000_000), *CLOSE]
    assert [row["fwd_packets"] for row in rows_of(tmp_path, same_number * 2)] == [5, 5]


def test_an_answer_that_is_sent_again_after_a_scanner_s_reset_opens_nothing(tmp_path: Path) -> None:
    steps: list[Step] = [(CLIENT, SYN, 100), (SERVER, SYN | ACK, 900, 101), (CLIENT, RST, 101)]
    (row,) = rows_of(tmp_path, [*steps, steps[1], steps[2]])
    assert (row["fwd_packets"], row["bwd_packets"]) == (3, 2)


def test_a_half_open_connection_is_recovered_as_one_new_connection(tmp_path: Path) -> None:
    """RFC 9293, 3.5.1: the crashed end's SYN meets a challenge, is reset and sent again."""
    challenge: list[Step] = [
        (CLIENT, SYN, 1_000),
        (SERVER, ACK, 7_000_001, 5_000_101),
        (CLIENT, RST, 5_000_101),
    ]
    rows = rows_of(
        tmp_path, [*connection(5_000_000, 7_000_000), *challenge, *connection(1_000, 2_000_000_000)]
    )
    assert [row["fwd_packets"] for row in rows] == [3, 5]


def test_a_simultaneous_open_is_one_connection(tmp_path: Path) -> None:
    steps: list[Step] = [
        (CLIENT, SYN, 100),
        (SERVER, SYN, 900),
        (CLIENT, SYN | ACK, 100, 901),
        (SERVER, SYN | ACK, 900, 101),
        (CLIENT, ACK | PSH, 101, 901, b"hello"),
    ]
    (row,) = rows_of(tmp_path, steps)
    assert (row["src_ip"], row["fwd_packets"], row["bwd_packets"]) == (ENDS[4][0], 3, 2)


def test_a_server_that_forgot_the_first_syn_answers_the_second_with_another_number(tmp_path: Path) -> None:
    steps: list[Step] = [
        (CLIENT, SYN, 100),
        (SERVER, SYN | ACK, 900, 101),
        (CLIENT, SYN, 100),
        (SERVER, SYN | ACK, 77, 101),
        (CLIENT, ACK, 101, 78),
        (SERVER, ACK | PSH, 78, 101, b"hello"),
    ]
    (row,) = rows_of(tmp_path, steps)
    assert (row["bwd_packets"], row["bwd_retransmissions"]) == (3, 0)


def test_a_connection_of_which_only_one_end_was_captured_is_told_from_the_next(tmp_path: Path) -> None:
    steps = [step for step in connection(100, 900) + connection(5_000, 7_000) if step[0] == SERVER]
    assert [(row["src_ip"], row["bwd_packets"]) for row in rows_of(tmp_path, steps)] == [(ENDS[4][0], 2)] * 2
    seen_late = [*connection(100, 900)[3:], (CLIENT, SYN, 5_000)]
    assert len(rows_of(tmp_path, seen_late)) == 2
    out_of_order = [*connection(100, 900)[2:], *connection(100, 900)[:2]]
    assert len(rows_of(tmp_path, out_of_order)) == 1


def test_a_connection_that_goes_on_past_the_timeout_still_knows_its_number(tmp_path: Path) -> None:
    talk: list[Step] = [(CLIENT, ACK, 101, 901, b"", 500, 3) for _ in range(5)]
    rows = rows_of(tmp_path, [*connection(100, 900), *talk, (CLIENT, SYN, 100)], flow_timeout_s=10)
    assert [row["fwd_packets"] for row in rows] == [6, 3]
    rows = rows_of(tmp_path, [*connection(100, 900), *talk, (CLIENT, SYN, 300)], flow_timeout_s=10)
    assert [row["fwd_packets"] for row in rows] == [6, 2, 1]


@pytest.mark.parametrize("payload", [b"", b"\0"])
@pytest.mark.parametrize("version", [4, 6])
def test_a_keep_alive_carries_nothing_whoever_sends_it(tmp_path: Path, version: int, payload: bytes) -> None:
    alive: list[Step] = [
        (CLIENT, ACK, 200, 901, payload, 500, 5),
        (SERVER, ACK, 901, 201),
        (SERVER, ACK, 900, 201, payload, 500, 5),
        (CLIENT, ACK, 201, 901),
    ]
    (row,) = rows_of(tmp_path, [*connection(100, 900), *alive * 3], version=version)
    assert (row["retransmissions"], row["fwd_bytes"], row["bwd_bytes"]) == (0, 100.0, 0.0)
    assert (row["fwd_data_packets"], row["bwd_data_packets"], row["packet_max_bytes"]) == (1, 0, 100.0)


def test_a_keep_alive_after_the_flow_timeout_carries_nothing(tmp_path: Path) -> None:
    alive: list[Step] = [(CLIENT, ACK, 200, 901, b"\0", 500, 8), (SERVER, ACK, 901, 201)]
    rows = rows_of(tmp_path, [*connection(100, 900), *alive * 4], flow_timeout_s=10)
    assert [row["fwd_bytes"] for row in rows] == [100.0, 0.0, 0.0]
    assert [row["retransmissions"] for row in rows] == [0, 0, 0]


def test_a_keystroke_that_is_sent_again_unacknowledged_is_a_retransmission(tmp_path: Path) -> None:
    key = (CLIENT, ACK | PSH, 201, 901, b"x", 500, 0.3)
    (row,) = rows_of(tmp_path, [*connection(100, 900), key, key, (SERVER, ACK, 901, 202)])
    assert (row["retransmissions"], row["fwd_bytes"]) == (1, 102.0)


def test_probes_of_a_shut_window_carry_nothing_and_what_follows_is_new(tmp_path: Path) -> None:
    shut = (SERVER, ACK, 901, 201, b"", 0)
    probe = (CLIENT, ACK, 201, 901, b"x", 500, 1)
    rest = (CLIENT, ACK | PSH, 201, 901, b"x" * 50)
    steps = [*connection(100, 900), shut, probe, shut, probe, shut, (SERVER, ACK, 901, 201), rest]
    (row,) = rows_of(tmp_path, steps)
    assert (row["retransmissions"], row["fwd_bytes"]) == (0, 150.0)


def test_a_byte_that_is_new_counts(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, [*connection(100, 900), (CLIENT, ACK | PSH, 201, 901, b"x")])
    assert (row["retransmissions"], row["fwd_bytes"]) == (0, 101.0)


def test_numbers_are_compared_across_their_wrap(tmp_path: Path) -> None:
    isn = 2**32 - 51  # the request ends at 50
    alive: list[Step] = [(CLIENT, ACK, 49, 901, b"\0", 500, 5), (SERVER, ACK, 901, 50)]
    handshake = connection(isn, 900)[:3]
    request: list[Step] = [(CLIENT, ACK, isn + 1, 901, bytes(50)), (CLIENT, ACK, 0, 901, bytes(50))]
    (row,) = rows_of(tmp_path, [*handshake, *request, (SERVER, ACK, 901, 50), *alive])
    assert (row["retransmissions"], row["fwd_bytes"]) == (0, 100.0)
    (row,) = rows_of(
        tmp_path, [(CLIENT, SYN, 2**32 - 1), (SERVER, SYN | ACK, 900, 0), *connection(5, 6)[3:4]]
    )
    assert row["bwd_packets"] == 1


def test_later_fragments_of_a_segment_leave_its_numbers_alone(tmp_path: Path) -> None:
    whole = tcp(40000, 80, flags=ACK, seq=5_000, payload=bytes(60))
    ends = ENDS[4]
    parts = [
        ipv4(*ends, 6, whole[:40], more=True, ident=9),
        ipv4(*ends, 6, whole[40:], offset=5, ident=9),
        ipv4(*ends, 6, tcp(40000, 80, flags=ACK, seq=5_060, payload=bytes(10))),
    ]
    records = [Record(T0 + i, ethernet(part)) for i, part in enumerate(parts)]
    (row,) = flows_from_capture(write_pcap(tmp_path / "c.pcap", records), "clean").to_pylist()
    assert (row["retransmissions"], row["fwd_bytes"]) == (0, 70.0)
