"""Who is there: a host is an address, a network stack with its habits, and a distance to the capture point."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.testbed.wire import ip, mac


@dataclass(frozen=True)
class Stack:
    """How an operating system fills in the fields that the standards leave open."""

    name: str
    ttl: int
    syn_window: int  # bytes, in the first SYN (never scaled)
    syn_ack_window: int
    max_window: int  # bytes the receive buffer grows to
    window_shift: int
    mss: int
    layout: str  # order and choice of SYN options, see tcp_options.py
    clock_hz: int = 1000  # ticks per second of TCP timestamps
    delayed_ack_us: int = 40_000

    @property
    def has_timestamps(self) -> bool:
        """Say whether segments carry the timestamp option (12 bytes with padding)."""
        return self.layout in ("linux", "apple")


LINUX_2_6 = Stack("Linux 2.6", 64, 5840, 5792, 65535, 2, 1460, "linux", clock_hz=250)
LINUX_3 = Stack("Linux 3", 64, 14600, 14480, 131072, 4, 1460, "linux", clock_hz=100)
LINUX_4 = Stack("Linux 4", 64, 29200, 28960, 262144, 7, 1460, "linux", clock_hz=1000)
LINUX_5 = Stack("Linux 5", 64, 64240, 65160, 524288, 7, 1460, "linux", clock_hz=1000)
ANDROID = Stack("Android", 64, 65535, 65535, 524288, 8, 1460, "linux", clock_hz=100)
WINDOWS_7 = Stack("Windows 7", 128, 8192, 8192, 65700, 8, 1460, "windows", delayed_ack_us=200_000)
WINDOWS_10 = Stack("Windows 10", 128, 64240, 65535, 262144, 8, 1460, "windows", delayed_ack_us=40_000)
APPLE = Stack("Apple", 64, 65535, 65535, 262144, 5, 1460, "apple", delayed_ack_us=100_000)
LWIP = Stack("lwIP", 255, 5744, 5744, 5744, 0, 1440, "mss", delayed_ack_us=250_000)
LWIP_SMALL = Stack("lwIP, small", 128, 2144, 2144, 2144, 0, 536, "mss", delayed_ack_us=250_000)
RTOS = Stack("RTOS", 64, 8192, 8192, 8192, 0, 1460, "mss", delayed_ack_us=200_000)
UCLINUX = Stack(
    "Linux without timestamps", 64, 14600, 14600, 65535, 3, 1460, "windows", delayed_ack_us=40_000
)
CLOUD = Stack("cloud server", 64, 26883, 26847, 262144, 8, 1460, "linux")
CLOUD_BSD = Stack("balancer", 64, 65535, 65535, 262144, 6, 1440, "windows")
CLOUD_PPP = Stack("server behind a tunnel", 64, 29200, 28560, 131072, 7, 1412, "linux", clock_hz=250)


@dataclass(frozen=True)
class Host:
    """One machine.  `hardware` is empty for machines beyond the gateway."""

    name: str
    address: int
    stack: Stack
    hardware: bytes = b""
    delay_us: int = 400  # typical time from the capture point to the machine and back
    hops: int = 0  # routers between the machine and the capture point

    @property
    def seen_ttl(self) -> int:
        """Return the time to live as it arrives at the capture point."""
        return self.stack.ttl - self.hops


def local(name: str, address: str, hardware: str, stack: Stack, *, delay_us: int = 400) -> Host:
    """Make a host of the captured network."""
    return Host(name, ip(address), stack, mac(hardware), delay_us)


def remote(name: str, address: str, stack: Stack, *, delay_us: int, hops: int = 9) -> Host:
    """Make a host beyond the gateway."""
    return Host(name, ip(address), stack, b"", delay_us, hops)
