"""The labelled connection log: Zeek's way to cut packets into connections, and the published file format."""

from __future__ import annotations

from random import Random

import pytest

from iotids.testbed.tcp import CLIENT, TcpConversation
from iotids.testbed.tcp import SERVER as SERVER_SIDE
from iotids.testbed.truthfiles.zeek import connections, write_conn_log
from iotids.testbed.udp import datagram, exchange
from tests.shared import SHARED, needs_shared
from tests.testbed.flows_at_home import DEVICE, SERVER, scene

START_US = 1_545_403_816_000_000


def rows_of(stage) -> list:
    return connections(stage.lan.tape.in_order())


def conversation(stage) -> TcpConversation:
    return TcpConversation(stage, DEVICE, SERVER, 6667, at_us=START_US)


def test_repeated_syns_become_several_rows_after_five_seconds():
    stage = scene()
    conversation(stage).attempt(retries=4)  # at 0, 1, 3, 7 and 15 seconds
    found = rows_of(stage)
    assert [row.packets[0] for row in found] == [3, 1, 1]
    assert {row.state() for row in found} == {"S0"} and {row.history for row in found} == {"S"}


def close_with(style, first=CLIENT):
    return lambda talk: talk.connect().say(CLIENT, b"x").pause(300_000).close(first, style=style)


@pytest.mark.parametrize(
    ("act", "state", "history"),
    [
        (close_with("four"), "SF", "ShADaFf"),
        (close_with("three", SERVER_SIDE), "SF", "ShADafF"),
        (close_with("half"), "S2", "ShADaF"),
        (close_with("half", SERVER_SIDE), "S3", "ShADaf"),
        (close_with("reset"), "RSTO", "ShADaR"),
        (close_with("reset", SERVER_SIDE), "RSTR", "ShADar"),
        (close_with("vanish"), "S1", "ShADa"),
        (lambda talk: talk.attempt(retries=0, refused=True), "REJ", "Sr"),
        (lambda talk: talk.attempt(retries=0).unanswered_syn_acks(1), "S1", "Sh"),
    ],
)
def test_state_and_history_tell_how_the_connection_went(act, state, history):
    stage = scene()
    act(conversation(stage))
    (row,) = rows_of(stage)
    assert (row.state(), row.history) == (state, history)


def test_payload_bytes_are_counted_once_when_a_segment_is_repeated():
    stage = scene(loss=1.0)
    conversation(stage).connect().say(CLIENT, b"abcd").pause(400_000)
    (row,) = rows_of(stage)
    assert row.payload_bytes == [4, 0] and "T" in row.history


def test_udp_silence_of_a_minute_begins_a_new_row():
    stage = scene()
    for start_s in (0, 30, 100):
        exchange(
            stage, DEVICE, SERVER, 123, b"q", b"a", at_us=START_US + start_s * 1_000_000, client_port=123
        )
    assert [row.packets for row in rows_of(stage)] == [[2, 2], [1, 1]]


def test_lone_packet_has_no_duration_and_no_byte_counts(tmp_path):
    stage = scene()
    datagram(stage, DEVICE, SERVER.address, src_port=123, dst_port=123, payload=b"q" * 48, at_us=START_US)
    write_conn_log(stage.lan.tape.in_order(), tmp_path / "log", Random(1), opened="2019-03-15-14-50-49")
    values = (tmp_path / "log").read_text().splitlines()[8].split("\t")
    assert values[0] == "1545403816.000000" and values[2:7] == ["10.0.0.2", "123", "192.0.2.7", "123", "udp"]
    assert values[8:12] == ["-", "-", "-", "S0"] and values[15:] == [
        "D",
        "1",
        "76",
        "0",
        "0",
        "-   Benign   -",
    ]


def test_last_column_holds_three_values_apart_by_three_spaces(tmp_path):
    stage = scene().labelled("MIRAI", "C&C")
    conversation(stage).attempt(retries=0)
    write_conn_log(
        stage.lan.tape.in_order(),
        tmp_path / "log",
        Random(1),
        opened="2019-03-15-14-50-49",
        closed="2019-03-15-15-00-00",
    )
    text = (tmp_path / "log").read_text()
    assert "\t-   Malicious   C&C\n#close\t2019-03-15-15-00-00\n" in text


@needs_shared
def test_heading_is_that_of_the_published_log(tmp_path):
    published = (
        next((SHARED / "captures/iot23/zeek_labeled").glob("*34-1_conn.log.labeled")).read_text().splitlines()
    )
    write_conn_log([], tmp_path / "log", Random(1), opened="2019-03-15-14-50-49")
    assert (tmp_path / "log").read_text().splitlines() == published[:8]
