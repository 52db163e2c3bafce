"""Write addresses and flow identifiers as text."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel

# digits of a byte: up to three decimal ones and how many; two hexadecimal ones
DECIMAL = np.array([[*f"{byte:<3}".encode(), len(str(byte))] for byte in range(256)], np.uint8)
HEXADECIMAL = np.array([[*f"{byte:02x}".encode()] for byte in range(256)], np.uint8)


@kernel
def write_octet(text, at, value):
    """Write a number from 0 to 255 in decimal; position behind it. Up to two bytes behind that are
    overwritten.
    """
    text[at] = DECIMAL[value, 0]
    text[at + 1] = DECIMAL[value, 1]
    text[at + 2] = DECIMAL[value, 2]
    return at + np.int64(DECIMAL[value, 3])


@kernel
def write_number(text, at, value):
    """Write a number from 0 to 99,999 in decimal; position behind it."""
    rest = np.uint32(value)
    digits = 1 + (rest > 9) + (rest > 99) + (rest > 999) + (rest > 9999)
    for i in range(digits):
        text[at + digits - 1 - i] = 48 + rest % np.uint32(10)
        rest = rest // np.uint32(10)
    return at + digits


@kernel
def write_hex(text, at, value, digits):
    """Write the low hexadecimal digits of a number; position behind them."""
    for i in range(digits):
        nibble = (value >> (4 * (digits - 1 - i))) & 15
        text[at + i] = 48 + nibble if nibble < 10 else 87 + nibble
    return at + digits


@kernel
def write_group(text, at, value):
    """Write 16 bits in hexadecimal without leading zeros."""
    if value > 0xFFF:
        return write_hex(text, at, value, 4)
    if value > 0xFF:
        return write_hex(text, at, value, 3)
    if value > 0xF:
        return write_hex(text, at, value, 2)
    return write_hex(text, at, value, 1)


@kernel
def ipv6_group(hi, lo, i):
    """The i-th of the eight 16-bit groups of an address."""
    if i < 4:
        return (hi >> (48 - 16 * i)) & 0xFFFF
    return (lo >> (112 - 16 * i)) & 0xFFFF


@kernel
def write_ipv6(text, at, hi, lo):
    """Write an IPv6 address as RFC 5952 wants it: the first longest run of two or more zero groups becomes
    '::'.
    """
    best = -1
    longest = 1
    run = 0
    for i in range(8):
        run = run + 1 if ipv6_group(hi, lo, i) == 0 else 0
        if run > longest:
            longest = run
            best = i + 1 - run
    i = 0
    while i < 8:
        if i == best:
            text[at] = 58
            text[at + 1] = 58
            at += 2
            i += longest
            continue
        if (i > 0 and i != best + longest) or (i > 0 and best < 0):
            text[at] = 58
            at += 1
        at = write_group(text, at, ipv6_group(hi, lo, i))
        i += 1
    return at


@kernel
def write_address(text, at, hi, lo, version):
    """Write an address; position behind it."""
    if version == 6:
        return write_ipv6(text, at, hi, lo)
    for shift in (24, 16, 8):
        at = write_octet(text, at, (lo >> shift) & 255)
        text[at] = 46
        at += 1
    return write_octet(text, at, lo & 255)


@kernel
def write_mac(text, at, mac):
    """Write a MAC address, nothing for none."""
    if mac < 0:
        return at
    for i in range(6):
        byte = (mac >> (40 - 8 * i)) & 255
        text[at + 3 * i] = HEXADECIMAL[byte, 0]
        text[at + 3 * i + 1] = HEXADECIMAL[byte, 1]
        text[at + 3 * i + 2] = 58
    return at + 17


@kernel
def write_flow_id_end(text, at, key):
    """Write the ports and the protocol of a flow id."""
    at = write_number(text, at, np.int64(key["a_port"]))
    text[at] = 45
    at = write_number(text, at + 1, np.int64(key["b_port"]))
    text[at] = 45
    return write_octet(text, at + 1, np.int64(key["protocol"]) & 255)


@kernel
def write_flow_id(text, at, key):
    """Write a key as CICFlowMeter names its flows: src-dst-sport-dport-protocol."""
    at = write_address(text, at, key["a_hi"], key["a_lo"], key["version"])
    text[at] = 45
    at = write_address(text, at + 1, key["b_hi"], key["b_lo"], key["version"])
    text[at] = 45
    return write_flow_id_end(text, at + 1, key)


@kernel
def java_hash(key, text):
    """Spread Java string hash of a flow id, as HashMap uses it. text : (FLOW_ID_BYTES,) uint8 — overwritten."""
    size = write_flow_id(text, 0, key)
    h = np.uint32(0)
    for j in range(size):
        h = np.uint32(h * np.uint32(31) + np.uint32(text[j]))
    return np.int64(h ^ (h >> np.uint32(16)))


@kernel
def copy_text(target, at, source, start, end):
    """Copy some bytes of text; position behind them."""
    for i in range(np.uint64(end - start)):
        target[np.uint64(at) + i] = source[
            np.uint64(start) + i
        ]  # unsigned: no look whether an index counts from the end
    return at + end - start
