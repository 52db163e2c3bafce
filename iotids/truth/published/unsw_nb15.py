"""UNSW-NB15: the training and testing set, and the four files that they were drawn from.

Source: Moustafa, Slay: MilCIS 2015, with UNSW-NB15_features.csv. The sets have a header and no addresses; the four files have addresses,
times and no header, and write `Backdoors` where the sets write `Backdoor`.
"""

from __future__ import annotations

from iotids.truth.published.contract import Release, words

CLASSES = {
    "normal": "BENIGN",
    "analysis": "ANALYSIS",
    "backdoor": "BACKDOOR",
    "backdoors": "BACKDOOR",
    "dos": "DOS",
    "exploits": "EXPLOITS",
    "fuzzers": "FUZZERS",
    "generic": "GENERIC",
    "reconnaissance": "RECONNAISSANCE",
    "shellcode": "SHELLCODE",
    "worms": "WORMS",
}
# fmt: off
CATEGORIES = {
    "proto": ("arp", "igmp", "ospf", "sctp", "tcp", "udp", "unas", "any", "gre", "icmp", "rsvp", "ipv6", "sun-nd", "swipe", "mobile", "pim"),
    "service": ("-", "dhcp", "dns", "ftp", "ftp-data", "http", "irc", "pop3", "radius", "smtp", "snmp", "ssh", "ssl"),
    "state": ("ACC", "CLO", "CON", "ECO", "FIN", "INT", "PAR", "REQ", "RST", "URN", "no"),
}
# fmt: on

UNSW_NB15 = Release(
    "unsw_nb15",
    "UNSW-NB15 (Moustafa & Slay 2015; UNSW_NB15_training-set.csv, UNSW_NB15_testing-set.csv)",
    words("""id dur proto service state spkts dpkts sbytes dbytes rate sttl dttl sload dload sloss dloss sinpkt dinpkt sjit djit swin stcpb dtcpb
        dwin tcprtt synack ackdat smean dmean trans_depth response_body_len ct_srv_src ct_state_ttl ct_dst_ltm ct_src_dport_ltm
        ct_dst_sport_ltm ct_dst_src_ltm is_ftp_login ct_ftp_cmd ct_flw_http_mthd ct_src_ltm ct_srv_dst is_sm_ips_ports attack_cat
        label"""),
    header=True,
    classes=CLASSES,
    label="attack_cat",
    categories=CATEGORIES,
    open_lists=("proto", "service", "state"),
    left_out=("id", "label"),
    note="no record has an address or a time: the order of the file stands for time",
)
UNSW_NB15_RAW = Release(
    "unsw_nb15_raw",
    "UNSW-NB15 (Moustafa & Slay 2015; UNSW-NB15_1.csv to UNSW-NB15_4.csv)",
    words("""srcip sport dstip dsport proto state dur sbytes dbytes sttl dttl sloss dloss service Sload Dload Spkts Dpkts swin dwin stcpb dtcpb
        smeansz dmeansz trans_depth res_bdy_len Sjit Djit Stime Ltime Sintpkt Dintpkt tcprtt synack ackdat is_sm_ips_ports ct_state_ttl
        ct_flw_http_mthd is_ftp_login ct_ftp_cmd ct_srv_src ct_srv_dst ct_dst_ltm ct_src_ltm ct_src_dport_ltm ct_dst_sport_ltm
        ct_dst_src_ltm attack_cat Label"""),
    header=False,
    classes=CLASSES,
    label="attack_cat",
    categories=CATEGORIES,
    open_lists=("proto", "service", "state"),
    identity={
        "src_ip": "srcip",
        "src_port": "sport",
        "dst_ip": "dstip",
        "dst_port": "dsport",
        "start_us": "Stime",
    },
    left_out=("Ltime", "Label"),
    absent=("", "-"),
    blank_label="normal",
)
