"""Messages of the protocols, checked against what their standards say."""

from __future__ import annotations

import struct

from iotids.testbed.protocols import coap, dhcp, dns, mqtt, ntp, tls
from iotids.testbed.protocols.ciphertext import BLOCK_BYTES, ciphertext
from tests.testbed.flows_at_home import DEVICE, GATEWAY, SERVER, scene, segments


def test_mqtt_size_field_is_the_example_of_the_standard():
    assert mqtt.packet(0x30, b"x" * 321)[:3] == b"\x30\xc1\x02"
    assert mqtt.packet(0x30, b"x" * 127)[1] == 127


def test_mqtt_pings_are_two_bytes_each():
    stage = scene()
    talk = mqtt.begin(stage, DEVICE, SERVER, at_us=0)
    before = len(segments(stage))
    mqtt.ping(talk, stage)
    assert [s.payload for s in segments(stage)[before:]] == [b"\xc0\x00", b"\xd0\x00"]


def test_dns_answer_repeats_the_question_and_gives_the_addresses():
    reply = dns.answer(7, "api.example.net", [SERVER.address], alias="edge.example.net")
    ident, flags, questions, answers, _, _ = struct.unpack_from("!HHHHHH", reply)
    assert (ident, flags & 0x8000, questions, answers) == (7, 0x8000, 1, 2)
    assert reply[12:].startswith(b"\x03api\x07example\x03net\x00\x00\x01\x00\x01")
    assert reply.endswith(SERVER.address.to_bytes(4, "big"))


def test_ntp_time_counts_from_1900():
    seconds, fraction = struct.unpack("!II", ntp.ntp_time(1_500_000))
    assert seconds == 2_208_988_801 and fraction == 1 << 31


def test_dhcp_message_carries_hardware_address_and_magic_cookie():
    message = dhcp.message(dhcp.DISCOVER, 5, DEVICE, GATEWAY)
    assert (
        message[28:34] == DEVICE.hardware and message[236:240] == b"\x63\x82\x53\x63" and len(message) >= 300
    )


def test_coap_message_has_type_code_token_and_path():
    message = coap.message(0, coap.GET, 0x1234, b"\xaa\xbb", path=("sensors", "temp"))
    assert message == b"\x42\x01\x12\x34\xaa\xbb\xb7sensors\x04temp"


def test_tls_hello_lengths_agree_with_each_other():
    hello = tls.client_hello(scene().rng, "api.example.net", 300)
    assert int.from_bytes(hello[1:4], "big") == len(hello) - 4 and 290 <= len(hello) <= 310


def test_long_tls_content_is_cut_into_records():
    data = tls.record(tls.DATA, b"x" * 40_000)
    lengths, at = [], 0
    while at < len(data):
        lengths.append(int.from_bytes(data[at + 3 : at + 5], "big"))
        at += 5 + lengths[-1]
    assert lengths == [16_384, 16_384, 7232]


def test_ciphertext_has_the_wanted_size_and_no_short_repetition():
    piece = ciphertext(scene().rng, 3 * BLOCK_BYTES + 5)
    assert len(piece) == 3 * BLOCK_BYTES + 5
    assert len(set(piece[:256])) > 120


def test_readings_reach_the_broker_as_publish_packets():
    stage = scene()
    mqtt.reading_session(stage, DEVICE, SERVER, at_us=0, readings=3, pause_us=1_000_000)
    published = [s for s in segments(stage) if s.payload[:1] in (b"\x30", b"\x32")]
    assert len(published) == 3 and all(s.dst_port == mqtt.MQTT_PORT for s in published)
