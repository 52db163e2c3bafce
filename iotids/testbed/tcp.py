"""A TCP conversation as a capture sees it: handshake, windows, delayed ACKs, retransmission, teardown, failed
attempts.
"""

from __future__ import annotations

from iotids.testbed.chance import around, happens
from iotids.testbed.hosts import Host
from iotids.testbed.lan import Scene
from iotids.testbed.tcp_options import syn_options, timestamp_option
from iotids.testbed.wire import ACK, FIN, PSH, RST, SYN, TCP, ipv4, tcp_segment

CLIENT, SERVER = 0, 1
RETRY_US = 1_000_000  # first retransmission time-out of a SYN (RFC 6298); it doubles from there
SEGMENTS_PER_ROUND_TRIP = 10  # initial congestion window (RFC 6928)


class _End:
    """One end of the conversation: sequence numbers, window and clock."""

    def __init__(self, host: Host, port: int, seq: int, clock: int) -> None:
        self.host = host
        self.port = port
        self.seq = seq
        self.window_bytes = host.stack.syn_window
        self.clock = clock
        self.last_us = 0  # when this end last put something on the wire
        self.last_stamp = 0  # timestamp value last sent
        self.unacknowledged = 0  # segments received but not yet acknowledged


class TcpConversation:
    """Two hosts talking TCP; every method puts packets on the wire and moves `now_us` forward.

    `now_us` is the time at the capture point.  When the speaker changes, the time to that host and back
    passes.
    """

    def __init__(
        self,
        scene: Scene,
        client: Host,
        server: Host,
        server_port: int,
        *,
        at_us: int,
        client_port: int | None = None,
        client_seq: int | None = None,
    ) -> None:
        rng = scene.rng
        self.scene = scene
        self.rng = rng
        port = scene.lan.free_port(client) if client_port is None else client_port
        seq = rng.getrandbits(32) if client_seq is None else client_seq
        self.ends = (
            _End(client, port, seq, rng.getrandbits(31)),
            _End(server, server_port, rng.getrandbits(32), rng.getrandbits(31)),
        )
        self.ends[SERVER].window_bytes = server.stack.syn_ack_window
        self.with_timestamps = client.stack.has_timestamps and server.stack.has_timestamps
        self.with_scaling = client.stack.window_shift > 0 and server.stack.window_shift > 0
        self.segment_bytes = min(client.stack.mss, server.stack.mss) - (12 if self.with_timestamps else 0)
        self.now_us = at_us
        self.speaker = CLIENT
        self.is_open = False

    # -- opening
    # -------------------------------------------------------------------------------------------------------

    def connect(self, *, lost_syns: int = 0) -> TcpConversation:
        """Do the three-way handshake, after `lost_syns` SYNs that nobody answered."""
        self._syn_with_retries(lost_syns)
        self._turn(SERVER)
        self._send(SERVER, SYN | ACK)
        self._turn(CLIENT)
        self._send(CLIENT, ACK)
        self.is_open = True
        return self

    def attempt(self, *, retries: int, refused: bool = False) -> TcpConversation:
        """Try to connect to a host that is silent or, after the retries, refuses with RST."""
        self._syn_with_retries(retries)
        if refused:
            self._turn(SERVER)
            self._raw(SERVER, RST | ACK, seq=0, window=0)
        return self

    def unanswered_syn_acks(self, times: int) -> TcpConversation:
        """Let the server answer a SYN with SYN-ACKs, one second, then two, then four apart, that nobody
        acknowledges.
        """
        seq, wait_us = self.ends[SERVER].seq, RETRY_US
        self._turn(SERVER)
        for number in range(times):
            if number:
                self.now_us += around(self.rng, wait_us, 0.03)
                wait_us *= 2
            self.ends[SERVER].seq = seq
            self._send(SERVER, SYN | ACK)
        return self

    def _syn_with_retries(self, retries: int) -> None:
        seq, wait_us = self.ends[CLIENT].seq, RETRY_US
        for _ in range(retries):
            self._send(CLIENT, SYN)
            self.ends[CLIENT].seq = seq
            self.now_us += around(self.rng, wait_us, 0.03)
            wait_us *= 2
        self._send(CLIENT, SYN)

    # -- talking
    # -------------------------------------------------------------------------------------------------------

    def say(self, side: int, payload: bytes, *, think_us: int = 0) -> TcpConversation:
        """Let one end send a message after thinking; it is cut into segments, which the other end
        acknowledges.
        """
        self.pause(think_us)
        self._turn(side)
        pieces = [payload[i : i + self.segment_bytes] for i in range(0, len(payload), self.segment_bytes)]
        for number, piece in enumerate(pieces):
            if number and number % SEGMENTS_PER_ROUND_TRIP == 0:
                self.now_us += around(self.rng, self._round_trip_us, 0.3)
            elif number:
                self.now_us += 12 + self.rng.randrange(260)
            self._data(side, piece, is_last=number == len(pieces) - 1)
        return self

    def pause(self, pause_us: int) -> TcpConversation:
        """Let time pass; an end that owes an ACK sends it when its delayed-ACK timer runs out."""
        for side in (CLIENT, SERVER):
            delay_us = around(self.rng, self.ends[side].host.stack.delayed_ack_us, 0.2)
            if self.ends[side].unacknowledged and pause_us > delay_us:
                self._acknowledge(side, self.now_us + delay_us)
        self.now_us += pause_us
        return self

    def keep_alive(self, side: int) -> TcpConversation:
        """Send a TCP keep-alive probe (one old byte position, no data) and its answer."""
        end = self.ends[side]
        self._turn(side)
        self._raw(side, ACK, seq=end.seq - 1)
        self._turn(1 - side)
        self._send(1 - side, ACK)
        return self

    # -- closing
    # -------------------------------------------------------------------------------------------------------

    def close(self, first: int, *, style: str = "four") -> TcpConversation:
        """End the conversation.

        Parameters
        ----------
        first
            The end that closes first.
        style
            ``four`` FIN, ACK, FIN, ACK; ``three`` FIN, FIN-ACK, ACK; ``reset`` a RST instead of the first
            FIN; ``abort`` FIN answered by RST; ``half`` one FIN and its ACK only; ``vanish`` nothing at all.
        """
        second = 1 - first
        if style == "four" and self.scene.joint_fin:
            style = "three"
        if style == "vanish":
            return self
        self._turn(first)
        self._send(first, RST | ACK if style == "reset" else FIN | ACK)
        if style == "reset":
            return self
        self._turn(second)
        if style == "abort":
            self._send(second, RST | ACK)
            return self
        if style in ("four", "half"):
            self._send(second, ACK)
            self.now_us += 60 + self.rng.randrange(4000)
        if style in ("four", "three"):
            self._send(second, FIN | ACK)
            self._turn(first)
            self._send(first, ACK)
        return self

    # -- one packet
    # ----------------------------------------------------------------------------------------------------

    @property
    def _round_trip_us(self) -> int:
        return self.ends[CLIENT].host.delay_us + self.ends[SERVER].host.delay_us

    def _turn(self, side: int) -> None:
        """Let the time pass until a packet of this end can answer what was last seen."""
        if side != self.speaker:
            self.now_us += (
                30 + around(self.rng, self.ends[side].host.delay_us, 0.35) + self.rng.randrange(120)
            )
        self.now_us = max(self.now_us, self.ends[side].last_us + 8)
        self.speaker = side

    def _data(self, side: int, piece: bytes, *, is_last: bool) -> None:
        end, other = self.ends[side], self.ends[1 - side]
        flags = ACK | PSH if is_last else ACK
        start = end.seq
        shift_us = (
            -self.rng.randrange(300, 900) if not is_last and happens(self.rng, self.scene.disorder) else 0
        )
        self._send(side, flags, piece, shift_us=shift_us)
        if happens(self.rng, self.scene.loss):
            self.now_us += around(self.rng, max(200_000, 2 * self._round_trip_us), 0.2)
            self._raw(side, flags, piece, seq=start)
        other.unacknowledged += 1
        if other.unacknowledged >= 2:
            self._acknowledge(1 - side, self.now_us + around(self.rng, other.host.delay_us, 0.3))

    def _acknowledge(self, side: int, at_us: int) -> None:
        end = self.ends[side]
        now_us, self.now_us = self.now_us, max(at_us, end.last_us + 8)
        self._send(side, ACK)
        self.now_us = now_us

    def _send(self, side: int, flags: int, payload: bytes = b"", *, shift_us: int = 0) -> None:
        end = self.ends[side]
        self._raw(side, flags, payload, seq=end.seq, shift_us=shift_us)
        end.seq += len(payload) + (1 if flags & (SYN | FIN) else 0)
        end.unacknowledged = 0

    def _raw(
        self,
        side: int,
        flags: int,
        payload: bytes = b"",
        *,
        seq: int,
        window: int | None = None,
        shift_us: int = 0,
    ) -> None:
        end, other = self.ends[side], self.ends[1 - side]
        at_us = self.now_us + shift_us
        segment = tcp_segment(
            end.host.address,
            other.host.address,
            end.port,
            other.port,
            seq=seq,
            ack=other.seq if flags & ACK else 0,
            flags=flags,
            payload=payload,
            window=self._window(end, flags) if window is None else window,
            options=self._options(end, other, flags, at_us),
        )
        packet = ipv4(
            end.host.address,
            other.host.address,
            TCP,
            segment,
            ttl=end.host.seen_ttl,
            ident=self.scene.lan.next_ident(end.host),
        )
        self.scene.put(at_us, end.host.address, other.host.address, packet)
        end.last_us = max(end.last_us, at_us)

    def _window(self, end: _End, flags: int) -> int:
        """Return the window field: fixed in a SYN, then growing with use, with some bytes still unread now
        and then.
        """
        stack = end.host.stack
        if flags & SYN:
            return stack.syn_ack_window if flags & ACK else stack.syn_window
        if flags & RST:
            return (
                0
                if happens(self.rng, 0.7)
                else min(65535, end.window_bytes >> (stack.window_shift if self.with_scaling else 0))
            )
        if end.unacknowledged and end.window_bytes < stack.max_window:
            end.window_bytes = min(
                stack.max_window, end.window_bytes + end.unacknowledged * 2 * self.segment_bytes
            )
        unread = self.rng.randrange(600) if end.unacknowledged and happens(self.rng, 0.4) else 0
        usable = max(0, end.window_bytes - unread)
        return min(65535, usable >> stack.window_shift if self.with_scaling else usable)

    def _options(self, end: _End, other: _End, flags: int, at_us: int) -> bytes:
        stack = end.host.stack
        own_time = end.clock + at_us * stack.clock_hz // 1_000_000
        if flags & SYN:
            layout = stack.layout if end is self.ends[CLIENT] else self._answer_layout()
            end.last_stamp = own_time
            peer_time = other.last_stamp if flags & ACK else 0
            return syn_options(
                layout, mss=stack.mss, shift=stack.window_shift, own_time=own_time, peer_time=peer_time
            )
        if not self.with_timestamps or (flags & RST and not self.is_open):
            return b""
        end.last_stamp = own_time
        return timestamp_option(own_time, other.last_stamp)

    def _answer_layout(self) -> str:
        """Return the options of the SYN-ACK: a server offers only what the client offered."""
        client, server = self.ends[CLIENT].host.stack, self.ends[SERVER].host.stack
        if self.with_timestamps:
            return server.layout
        return "windows" if self.with_scaling and client.layout != "mss" else "mss"
