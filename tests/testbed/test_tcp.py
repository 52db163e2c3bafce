"""TCP conversations: order, numbers, times and endings of what is put on the wire."""

from __future__ import annotations

import itertools

import pytest

from iotids.testbed.hosts import LINUX_4, LWIP, WINDOWS_10
from iotids.testbed.tcp import CLIENT, TcpConversation
from iotids.testbed.tcp import SERVER as SERVER_SIDE
from iotids.testbed.tcp_options import syn_options
from iotids.testbed.wire import ACK, FIN, PSH, RST, SYN
from tests.testbed.flows_at_home import DEVICE, NEIGHBOUR, SERVER, like, scene, segments

START_US = 1_500_000_000_000_000


def talk_in(stage, client=DEVICE, server=SERVER):
    return TcpConversation(stage, client, server, 80, at_us=START_US)


def test_handshake_is_syn_synack_ack_with_matching_numbers():
    stage = scene()
    talk_in(stage).connect()
    syn, syn_ack, ack = segments(stage)
    assert [syn.flags, syn_ack.flags, ack.flags] == [SYN, SYN | ACK, ACK]
    assert syn_ack.ack == syn.seq + 1 and ack.ack == syn_ack.seq + 1 and ack.seq == syn.seq + 1


def test_answers_of_a_server_take_about_its_distance():
    stage = scene()
    talk_in(stage).connect()
    syn, syn_ack, _ = segments(stage)
    assert 0.6 * SERVER.delay_us < syn_ack.time_us - syn.time_us < 1.5 * SERVER.delay_us


def test_long_message_is_cut_at_the_segment_size_and_pushed_at_its_end():
    stage = scene()
    talk_in(stage).connect().say(SERVER_SIDE, b"x" * 4000)
    data = [seen for seen in segments(stage) if seen.payload]
    assert [len(seen.payload) for seen in data] == [1448, 1448, 1104]
    assert [seen.flags for seen in data] == [ACK, ACK, ACK | PSH]
    assert data[1].seq == data[0].seq + 1448


def test_every_byte_is_acknowledged_in_the_end():
    stage = scene()
    talk_in(stage).connect().say(CLIENT, b"x" * 5000).say(SERVER_SIDE, b"y" * 300).pause(1_000_000).close(
        CLIENT
    )
    seen = segments(stage)
    for address in (DEVICE.address, SERVER.address):
        sent = max(
            (s.seq + len(s.payload) + bool(s.flags & (SYN | FIN))) & 0xFFFFFFFF
            for s in seen
            if s.src == address
        )
        assert max(s.ack for s in seen if s.dst == address) == sent


def test_single_message_is_acknowledged_after_the_delay_unless_an_answer_comes_first():
    quiet, quick = scene(), scene()
    talk_in(quiet).connect().say(CLIENT, b"x").pause(500_000)
    talk_in(quick).connect().say(CLIENT, b"x").say(SERVER_SIDE, b"y").pause(500_000)
    assert [s.flags for s in segments(quiet)][3:] == [ACK | PSH, ACK]
    assert [s.flags for s in segments(quick)][3:] == [ACK | PSH, ACK | PSH, ACK]


def test_unanswered_attempt_doubles_its_pauses_and_repeats_its_number():
    stage = scene()
    talk_in(stage).attempt(retries=3)
    seen = segments(stage)
    gaps_s = [(b.time_us - a.time_us) / 1e6 for a, b in itertools.pairwise(seen)]
    assert gaps_s == pytest.approx([1, 2, 4], rel=0.05)
    assert len({s.seq for s in seen}) == 1 and {s.flags for s in seen} == {SYN}


def test_refused_attempt_ends_with_a_reset_that_acknowledges_the_syn():
    stage = scene()
    talk_in(stage).attempt(retries=0, refused=True)
    syn, reset = segments(stage)
    assert (
        reset.flags == RST | ACK and reset.ack == syn.seq + 1 and reset.window == 0 and reset.options == b""
    )


def test_half_open_connection_repeats_the_same_syn_ack():
    stage = scene()
    talk_in(stage).attempt(retries=0).unanswered_syn_acks(3)
    answers = segments(stage)[1:]
    assert (
        {s.flags for s in answers} == {SYN | ACK} and len({s.seq for s in answers}) == 1 and len(answers) == 3
    )


@pytest.mark.parametrize(
    ("style", "flags"),
    [
        ("four", [FIN | ACK, ACK, FIN | ACK, ACK]),
        ("three", [FIN | ACK, FIN | ACK, ACK]),
        ("reset", [RST | ACK]),
        ("abort", [FIN | ACK, RST | ACK]),
        ("half", [FIN | ACK, ACK]),
        ("vanish", []),
    ],
)
@pytest.mark.parametrize("first", [CLIENT, SERVER_SIDE])
def test_each_way_to_close_has_its_packets(style, flags, first):
    stage = scene()
    talk_in(stage).connect().close(first, style=style)
    closing = segments(stage)[3:]
    assert [s.flags for s in closing] == flags
    if closing:
        assert closing[0].src == (DEVICE, SERVER)[first].address


def test_windows_are_scaled_only_when_both_ends_can():
    both, one = scene(), scene()
    talk_in(both, like(DEVICE, LINUX_4), like(SERVER, WINDOWS_10)).connect()
    talk_in(one, like(DEVICE, LWIP), like(SERVER, WINDOWS_10)).connect()
    assert segments(both)[2].window == 29200 >> 7
    assert segments(one)[2].window > 5000


def test_timestamps_appear_only_when_both_ends_have_them():
    both, one = scene(), scene()
    talk_in(both).connect().say(CLIENT, b"x")
    talk_in(one, like(DEVICE, WINDOWS_10)).connect().say(CLIENT, b"x")
    assert len(segments(both)[3].options) == 12
    assert segments(one)[3].options == b""


def test_window_of_a_receiver_grows_with_use():
    stage = scene()
    talk_in(stage).connect().say(SERVER_SIDE, b"x" * 60_000)
    windows = [s.window for s in segments(stage) if s.src == DEVICE.address and s.flags == ACK]
    assert max(windows) > 2 * windows[0]


def test_lost_data_is_seen_twice_with_the_same_number():
    stage = scene(loss=1.0)
    talk_in(stage).connect().say(CLIENT, b"abc")
    first, second = [s for s in segments(stage) if s.payload]
    assert first.seq == second.seq and second.time_us - first.time_us > 150_000


def test_disordered_segments_leave_the_capture_out_of_order():
    stage = scene(disorder=1.0)
    talk_in(stage).connect().say(SERVER_SIDE, b"x" * 9000)
    numbers = [s.seq for s in segments(stage) if s.payload]
    assert numbers != sorted(numbers)


def test_keep_alive_probe_repeats_the_byte_before_the_next():
    stage = scene()
    talk = talk_in(stage).connect()
    talk.keep_alive(CLIENT)
    probe = segments(stage)[3]
    assert probe.seq == talk.ends[CLIENT].seq - 1 and probe.payload == b""


def test_ports_of_a_host_do_not_repeat_soon():
    stage = scene()
    ports = [stage.lan.free_port(NEIGHBOUR) for _ in range(5000)]
    assert len(set(ports)) == 5000


def test_unknown_option_layout_is_named_in_the_error():
    with pytest.raises(ValueError, match="amiga"):
        syn_options("amiga", mss=1, shift=0, own_time=0)
