"""Bot-IoT: the 5 % of its records, with all features or the ten best.

Source: Koroniotis, Moustafa, Sitnikova, Turnbull: Future Generation Computer Systems 100, 2019. Records are Argus flows; `proto` and `state`
come as text and as a number, of which the text is taken.
"""

from __future__ import annotations

from iotids.truth.published.contract import Release, words

CLASSES = {
    "normal": "BENIGN",
    "ddos": "DDOS",
    "dos": "DOS",
    "reconnaissance": "RECONNAISSANCE",
    "theft": "THEFT",
}
PROTOCOLS = {"proto": ("arp", "icmp", "igmp", "ipv6-icmp", "rarp", "tcp", "udp")}
ENDS = {"src_ip": "saddr", "src_port": "sport", "dst_ip": "daddr", "dst_port": "dport"}

BOT_IOT = Release(
    "bot_iot",
    "Bot-IoT (Koroniotis et al. 2019; 5 %, all features: UNSW_2018_IoT_Botnet_Full5pc_1.csv to _4.csv)",
    words("""pkSeqID stime flgs flgs_number proto proto_number saddr sport daddr dport pkts bytes state state_number ltime seq dur mean stddev sum
        min max spkts dpkts sbytes dbytes rate srate drate TnBPSrcIP TnBPDstIP TnP_PSrcIP TnP_PDstIP TnP_PerProto TnP_Per_Dport
        AR_P_Proto_P_SrcIP AR_P_Proto_P_DstIP N_IN_Conn_P_DstIP N_IN_Conn_P_SrcIP AR_P_Proto_P_Sport AR_P_Proto_P_Dport
        Pkts_P_State_P_Protocol_P_DestIP Pkts_P_State_P_Protocol_P_SrcIP attack category subcategory"""),
    header=True,
    classes=CLASSES,
    label="category",
    sublabel="subcategory",
    categories=PROTOCOLS
    | {"state": ("ACC", "CON", "ECO", "FIN", "INT", "MAS", "NRS", "REQ", "RSP", "RST", "TST", "URP")},
    open_lists=("proto", "state"),
    identity=ENDS | {"start_us": "stime"},
    left_out=("pkSeqID", "flgs", "proto_number", "state_number", "ltime", "seq", "attack"),
    note="seq counts records and is left out like pkSeqID and times",
)
BOT_IOT_BEST = Release(
    "bot_iot_best10",
    "Bot-IoT (Koroniotis et al. 2019; ten best features: UNSW_2018_IoT_Botnet_Final_10_best_Training.csv, _Testing.csv)",
    words("""pkSeqID proto saddr sport daddr dport seq stddev N_IN_Conn_P_SrcIP min state_number mean N_IN_Conn_P_DstIP drate srate max attack
        category subcategory"""),
    header=True,
    classes=CLASSES,
    label="category",
    sublabel="subcategory",
    categories=PROTOCOLS,
    open_lists=("proto",),
    identity=ENDS,
    left_out=("pkSeqID", "seq", "attack"),
    note="seq, one of the ten, counts records and is left out like pkSeqID: nine are left, and proto",
)
