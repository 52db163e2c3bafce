"""What a column of a flow table is, by its name: label, address, port, time, place of recording, or a feature."""

from __future__ import annotations

from collections.abc import Iterable

# normalised names (lower case, letters and digits only); the first that a table has is taken
# fmt: off
ROLES = {
    "label": ("label", "labelb", "detailedlabel", "class", "attackcat", "attacktype", "traffictype", "category", "attack", "target"),
    "time": ("timestamp", "startus", "time", "ts", "stime", "starttime", "flowstartmilliseconds", "bidirectionalfirstseenms"),
    "src_ip": ("srcip", "sourceip", "saddr", "idorigh", "ipv4srcaddr", "ipsrchost"),
    "dst_ip": ("dstip", "destinationip", "daddr", "idresph", "ipv4dstaddr", "ipdsthost"),
    "src_port": ("srcport", "sourceport", "sport", "idorigp", "l4srcport"),
    "dst_port": ("dstport", "destinationport", "dport", "dsport", "idrespp", "l4dstport"),
    "protocol": ("protocol", "proto", "protocoltype"),
    "site": ("source", "site", "scenario", "network", "dataset", "device"),
    "group": ("group", "capture", "file", "filename", "session", "pcap"),
}
# fmt: on
LABEL_LIKE = frozenset(
    (*ROLES["label"], "cat", "subcat", "subcategory", "sublabel", "labelrule", "attacklabel", "subclass")
)
# fmt: off
IDENTITY = frozenset(
    ("flowid", "pkseqid", "uid", "id", "srcmac", "dstmac", "smac", "dmac", "flownumber", "firstpacket", "lastpacket", "ltime",
     "unnamed0", "index", "timestampus", "tunnelparents", "localorig", "localresp", "externalip", "simillarhttp")
)
# fmt: on
FAMILIES = {  # feature families, by a word in the normalised name; the first that fits is taken
    "ports and protocol": ("port", "protocol", "proto", "service"),
    "windows": ("initwin", "initfwdwin", "initbwdwin", "win", "ttl", "minsegsize", "segsizemin"),
    "flags": ("flag", "psh", "urg", "syn", "fin", "rst", "ack", "cwr", "cwe", "ece", "history", "connstate"),
    "rates": ("bytess", "bytss", "packetss", "pktss", "pers", "rate", "load"),
    "timing": ("iat", "duration", "dur", "active", "idle", "jit", "rtt", "time"),
    "header and payload bytes": ("header", "len", "byt", "size", "bytes"),
    "counts": ("packet", "pkt", "count", "cnt", "num", "ratio", "tot"),
}


def normalised(name: str) -> str:
    """Letters and digits of a name, lower case."""
    return "".join(character for character in name.lower() if character.isalnum())


def roles_of(names: Iterable[str], *, label: str | None = None) -> dict[str, str]:
    """The column of each role that the table has one for; `label` overrides the search for the label."""
    by_normal = {normalised(name): name for name in reversed(list(names))}
    found = {
        role: by_normal[next(known for known in known_names if known in by_normal)]
        for role, known_names in ROLES.items()
        if any(known in by_normal for known in known_names)
    }
    return found | ({"label": label} if label else {})


def is_feature(name: str, roles: dict[str, str]) -> bool:
    """Whether a column may be shown to a model: no label, no identity, no role but ports and protocol."""
    normal, ports = normalised(name), ("src_port", "dst_port", "protocol")
    hidden = {known for role, names in ROLES.items() if role not in ports for known in names}
    return normal not in LABEL_LIKE | IDENTITY | hidden and name != roles["label"]


def family_of(name: str) -> str:
    """The family of a feature."""
    normal = normalised(name)
    return next((f for f, words in FAMILIES.items() if any(word in normal for word in words)), "others")
