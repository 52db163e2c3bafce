"""Marks of the attacks, as published."""

from __future__ import annotations

import itertools

import pytest

from iotids.testbed.attacks import arpspoof, floods, mirai, scans
from iotids.testbed.hosts import LINUX_2_6, remote
from iotids.testbed.lan import Scene
from iotids.testbed.tape import BENIGN
from iotids.testbed.tcp import CLIENT, TcpConversation
from iotids.testbed.wire import ACK, RST, SYN
from tests.testbed.flows_at_home import ATTACKER, DEVICE, NEIGHBOUR, SERVER, scene, segments
from tests.testbed.test_wire import folded_sum


def relayed_scene(*, fooled, missed_share=0.0, lowers_ttl=True) -> Scene:
    plain = scene()
    relay = arpspoof.Relay(ATTACKER, fooled, missed_share=missed_share, lowers_ttl=lowers_ttl)
    return Scene(
        arpspoof.SpoofedLan(plain.lan, relay), plain.rng, plain.labelled("MITM", "ARP Spoofing").label
    )


def test_mirai_scan_has_the_destination_as_sequence_number_and_no_options():
    stage = scene()
    target = remote("somebody", "198.18.3.4", LINUX_2_6, delay_us=90_000)
    for number in range(20):
        mirai.scan_one(stage, mirai.Bot(DEVICE, 4711, 29200), target, mirai.REFUSED, at_us=number * 1_000_000)
    probes = [s for s in segments(stage) if s.flags == SYN]
    assert {(s.seq, s.src_port, s.window, s.options) for s in probes} == {(target.address, 4711, 29200, b"")}
    assert {s.dst_port for s in probes} <= {23, 2323}


@pytest.mark.parametrize(
    ("outcome", "flags"),
    [
        (mirai.ALONE, [SYN]),
        (mirai.REPEATED, [SYN, SYN]),
        (mirai.REFUSED, [SYN, RST | ACK]),
        (mirai.ANSWERED, [SYN, SYN | ACK, RST]),
    ],
)
def test_mirai_scan_leaves_what_its_outcome_says(outcome, flags):
    stage = scene()
    mirai.scan_one(stage, mirai.Bot(DEVICE, 4711, 29200), SERVER, outcome, at_us=0)
    assert [s.flags for s in segments(stage)] == flags


def test_port_scan_has_the_window_of_nmap():
    stage = scene()
    scans.syn_probe(stage, ATTACKER, NEIGHBOUR, 80, scans.OPEN, scans.NMAP, at_us=0)
    syn, syn_ack, reset = segments(stage)
    assert (syn.window, syn.flags, syn_ack.flags, reset.flags) == (1024, SYN, SYN | ACK, RST)


def test_os_probes_include_a_packet_without_flags_and_a_christmas_tree():
    stage = scene()
    scans.os_probes(stage, ATTACKER, NEIGHBOUR, open_port=80, closed_port=1, at_us=0, with_icmp=False)
    flags = [s.flags for s in segments(stage) if s.src == ATTACKER.address]
    assert 0 in flags and 0x29 in flags and 0x2B in flags


def test_flood_sources_lie_in_the_forged_network_and_come_from_the_attacker():
    stage = scene()
    source = floods.ForgedSource(222, ATTACKER.hardware, 512, False)
    floods.syn_flood(stage, DEVICE, 554, source, at_us=0, syns=60, answered=6, pause_us=2000)
    syns = [packet for packet in stage.lan.tape.packets if packet.frame[47] == SYN]
    assert len(syns) >= 60
    assert {packet.frame[26] for packet in syns} == {222} and {packet.frame[6:12] for packet in syns} == {
        ATTACKER.hardware
    }


def test_flood_leaves_more_than_the_syn_for_as_many_sources_as_asked():
    stage = scene()
    source = floods.ForgedSource(111, ATTACKER.hardware, 512, False)
    floods.syn_flood(stage, DEVICE, 554, source, at_us=0, syns=100, answered=10, pause_us=2000)
    per_source: dict[int, int] = {}
    for s in segments(stage):
        other = s.src if s.dst == DEVICE.address else s.dst
        per_source[other] = per_source.get(other, 0) + 1
    assert len(per_source) == 100 and sum(count > 1 for count in per_source.values()) == 10


def test_diverted_packets_are_seen_to_and_from_the_attacker():
    stage = relayed_scene(fooled=None)
    TcpConversation(stage, DEVICE, NEIGHBOUR, 80, at_us=0).connect()
    frames = [packet.frame for packet in stage.lan.tape.in_order()]
    assert len(frames) == 6 and all(ATTACKER.hardware in (frame[:6], frame[6:12]) for frame in frames)


def test_relay_lowers_the_time_to_live_and_mends_the_checksum():
    stage = relayed_scene(fooled=None)
    TcpConversation(stage, DEVICE, NEIGHBOUR, 80, at_us=0).attempt(retries=0)
    before, after = (packet.frame for packet in stage.lan.tape.in_order())
    assert after[22] == before[22] - 1 and folded_sum(after[14:34]) == 0xFFFF


def test_half_fooled_conversation_goes_the_direct_way_back_and_that_half_is_benign():
    stage = relayed_scene(fooled=(DEVICE.address,))
    TcpConversation(stage, DEVICE, NEIGHBOUR, 80, at_us=0).connect().close(CLIENT)
    for packet in stage.lan.tape.packets:
        assert (packet.label != BENIGN) == (ATTACKER.hardware in (packet.frame[:6], packet.frame[6:12]))
    assert {packet.label.category for packet in stage.lan.tape.packets} == {"MITM", "BENIGN"}


def test_capture_hears_at_least_one_copy_of_every_diverted_packet():
    stage = relayed_scene(fooled=None, missed_share=1.0)
    TcpConversation(stage, DEVICE, NEIGHBOUR, 80, at_us=0).connect()
    assert len(stage.lan.tape.packets) == 3


def test_forged_arp_answers_tell_each_victim_that_the_attacker_is_the_other():
    stage = scene()
    arpspoof.poison(stage, ATTACKER, (DEVICE, NEIGHBOUR), start_us=0, end_us=1_000_000)
    lies = [packet.frame for packet in stage.lan.tape.packets]
    assert {(lie[22:28], lie[28:32], lie[:6]) for lie in lies} == {
        (ATTACKER.hardware, NEIGHBOUR.address.to_bytes(4, "big"), DEVICE.hardware),
        (ATTACKER.hardware, DEVICE.address.to_bytes(4, "big"), NEIGHBOUR.hardware),
    }


def test_keep_alive_of_a_bot_is_two_bytes_a_minute():
    stage = scene()
    mirai.stay_in_touch(stage, DEVICE, SERVER, 23, at_us=0, beats=5)
    beats = [s for s in segments(stage) if s.src == DEVICE.address and s.payload == b"\0\0"]
    gaps_s = [(b.time_us - a.time_us) / 1e6 for a, b in itertools.pairwise(beats)]
    assert len(beats) == 5 and all(59 < gap < 82 for gap in gaps_s)


def test_ack_flood_belongs_to_no_connection():
    stage = scene()
    floods.ack_flood(stage, DEVICE, SERVER, at_us=0, sockets=5, packets_each=6, size_bytes=512, pause_us=500)
    sent = [s for s in segments(stage) if s.src == DEVICE.address]
    assert all(s.flags & ACK and not s.flags & SYN for s in sent) and len({s.seq for s in sent}) == len(sent)


def test_udp_flood_sends_at_least_two_datagrams_from_every_socket():
    stage = scene()
    floods.udp_flood(stage, DEVICE, SERVER, at_us=0, sockets=7, packets_each=6, size_bytes=512, pause_us=500)
    counts: dict[bytes, int] = {}
    for packet in stage.lan.tape.packets:
        if packet.frame[26:30] == DEVICE.address.to_bytes(4, "big"):
            counts[packet.frame[34:38]] = counts.get(packet.frame[34:38], 0) + 1
    assert len(counts) == 7 and min(counts.values()) >= 2
