"""Room: the languages of packet filters, and how packets are matched.

`display_filter.parse_filter` reads Wireshark's, `bpf_filter.parse_bpf` that of capture filters, into the same tree;
`matching.match_packets` matches whole batches. `fields.read_value` knows what can be asked: what the flow meter decodes, and no more.
"""
