"""Room: capture files as blocks of frames.

`Capture` reads a file or standard input once from front to end and yields `Block`s of frames, or raises a
`CaptureFault` that names packet and byte. Streams are decompressed (streams), cut into records (pcap, pcapng,
both on walk), and named (names).
"""

from iotids.flowmeter.reading.blocks import Block, CaptureFault
from iotids.flowmeter.reading.capture import Capture
from iotids.flowmeter.reading.names import LINK_NAMES, is_capture_name

__all__ = ["LINK_NAMES", "Block", "Capture", "CaptureFault", "is_capture_name"]
