"""Read numbers from captured bytes."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel


@kernel
def be16(data, at):
    """Big-endian 16 bits."""
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@kernel
def be24(data, at):
    """Big-endian 24 bits."""
    return (np.int64(data[at]) << 16) | (np.int64(data[at + 1]) << 8) | np.int64(data[at + 2])


@kernel
def be32(data, at):
    """Big-endian 32 bits."""
    return (
        (np.int64(data[at]) << 24)
        | (np.int64(data[at + 1]) << 16)
        | (np.int64(data[at + 2]) << 8)
        | np.int64(data[at + 3])
    )


@kernel
def be48(data, at):
    """Big-endian 48 bits, a MAC address."""
    return (be16(data, at) << 32) | be32(data, at + 2)


@kernel
def be64(data, at):
    """Big-endian 64 bits, as a bit pattern."""
    return (be32(data, at) << 32) | be32(data, at + 4)


@kernel
def le16(data, at):
    """Little-endian 16 bits."""
    return (np.int64(data[at + 1]) << 8) | np.int64(data[at])


@kernel
def le32(data, at):
    """Little-endian 32 bits."""
    return (
        (np.int64(data[at + 3]) << 24)
        | (np.int64(data[at + 2]) << 16)
        | (np.int64(data[at + 1]) << 8)
        | np.int64(data[at])
    )


@kernel
def word(data, at, big):
    """32 bits in the byte order of the capture."""
    if big:
        return be32(data, at)
    return le32(data, at)
