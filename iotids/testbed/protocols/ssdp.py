"""SSDP: search for and announcement of UPnP devices."""

from __future__ import annotations

from collections.abc import Sequence

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.udp import datagram
from iotids.testbed.wire import ip, ip_text

SSDP_PORT = 1900
SSDP_GROUP = ip("239.255.255.250")


def search(scene: Scene, client: Host, answering: Sequence[Host], *, at_us: int, times: int = 2) -> int:
    """Search by multicast; the devices answer by unicast from their port 1900 within the maximum wait."""
    port = scene.lan.free_port(client)
    ask = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: upnp:rootdevice\r\n\r\n'
    for _ in range(times):
        datagram(
            scene, client, SSDP_GROUP, src_port=port, dst_port=SSDP_PORT, payload=ask, at_us=at_us, ttl=4
        )
        for device in answering:
            if happens(scene.rng, 0.8):
                reply = (
                    f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nLOCATION: http://{ip_text(device.address)}:49152/desc.xml\r\n"
                    f"ST: upnp:rootdevice\r\nUSN: uuid:{device.hardware.hex()}::upnp:rootdevice\r\n\r\n"
                )
                datagram(
                    scene,
                    device,
                    client.address,
                    src_port=SSDP_PORT,
                    dst_port=port,
                    payload=reply.encode(),
                    at_us=at_us + 3000 + scene.rng.randrange(1_600_000),
                )
        at_us += around(scene.rng, 3_000_000, 0.05)
    return at_us


def announce(scene: Scene, device: Host, *, at_us: int, kinds: int = 3) -> int:
    """Announce a device by multicast, one datagram per device type, each sent twice as UPnP asks for."""
    port = SSDP_PORT if happens(scene.rng, 0.6) else scene.lan.free_port(device)
    for number in range(2 * kinds):
        text = (
            f"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n"
            f"LOCATION: http://{ip_text(device.address)}:49152/desc.xml\r\nNT: urn:schemas-upnp-org:service:{number % kinds}\r\n"
            f"NTS: ssdp:alive\r\nUSN: uuid:{device.hardware.hex()}\r\n\r\n"
        )
        datagram(
            scene,
            device,
            SSDP_GROUP,
            src_port=port,
            dst_port=SSDP_PORT,
            payload=text.encode(),
            at_us=at_us,
            ttl=4,
        )
        at_us += 2000 + scene.rng.randrange(180_000)
    return at_us
