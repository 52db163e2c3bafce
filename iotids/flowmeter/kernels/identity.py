"""Turn a flow's key into the columns that say who, when and where."""

from __future__ import annotations

import numpy as np

from iotids.flowmeter.kernels.compiling import kernel
from iotids.flowmeter.kernels.positions import NUMBER, PORT, TEXT
from iotids.flowmeter.kernels.text import copy_text, write_address, write_flow_id_end, write_mac


@kernel
def fill_identity(key, flow, row, numbers, ports, texts, offsets):
    """Identity columns of a flow; see columns.fill_rows for the arrays."""
    is_reversed = key["reversed"] != 0
    a_text = TEXT.dst_ip if is_reversed else TEXT.src_ip
    b_text = TEXT.src_ip if is_reversed else TEXT.dst_ip
    a_at = np.int64(offsets[a_text, row])
    b_at = np.int64(offsets[b_text, row])
    a_end = write_address(texts[a_text], a_at, key["a_hi"], key["a_lo"], key["version"])
    b_end = write_address(texts[b_text], b_at, key["b_hi"], key["b_lo"], key["version"])
    offsets[a_text, row + 1] = a_end
    offsets[b_text, row + 1] = b_end
    flow_id = texts[TEXT.flow_id]
    at = copy_text(flow_id, np.int64(offsets[TEXT.flow_id, row]), texts[a_text], a_at, a_end)
    flow_id[at] = 45
    at = copy_text(flow_id, at + 1, texts[b_text], b_at, b_end)
    flow_id[at] = 45
    offsets[TEXT.flow_id, row + 1] = write_flow_id_end(flow_id, at + 1, key)
    offsets[TEXT.src_mac, row + 1] = write_mac(
        texts[TEXT.src_mac], np.int64(offsets[TEXT.src_mac, row]), flow["src_mac"]
    )
    offsets[TEXT.dst_mac, row + 1] = write_mac(
        texts[TEXT.dst_mac], np.int64(offsets[TEXT.dst_mac, row]), flow["dst_mac"]
    )
    ports[PORT.src_port, row] = key["b_port"] if is_reversed else key["a_port"]
    ports[PORT.dst_port, row] = key["a_port"] if is_reversed else key["b_port"]
    ports[PORT.protocol, row] = key["protocol"]
    numbers[NUMBER.start_us, row] = flow["start"]
    numbers[NUMBER.flow_number, row] = flow["number"]
    numbers[NUMBER.first_packet, row] = flow["first_packet"]
    numbers[NUMBER.last_packet, row] = flow["last_packet"]
