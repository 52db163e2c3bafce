"""CICIoT2023: 46 features of windows of packets; its own extractor, not CICFlowMeter.

Source: Neto, Dadkhah, Ferreira, Zohourian, Lu, Ghorbani: Sensors 23(13), 2023; 33 attacks in seven groups, and benign traffic.
"""

from __future__ import annotations

from iotids.truth.published.contract import Release, labels_of, words

CICIOT2023 = Release(
    "ciciot2023",
    "CICIoT2023 (Neto et al. 2023; part-00000-….csv to part-00168-….csv)",
    words(
        """flow_duration|Header_Length|Protocol Type|Duration|Rate|Srate|Drate|fin_flag_number|syn_flag_number|rst_flag_number\
|psh_flag_number|ack_flag_number|ece_flag_number|cwr_flag_number|ack_count|syn_count|fin_count|urg_count|rst_count|HTTP|HTTPS|DNS|Telnet\
|SMTP|SSH|IRC|TCP|UDP|DHCP|ARP|ICMP|IPv|LLC|Tot sum|Min|Max|AVG|Std|Tot size|IAT|Number|Magnitue|Radius|Covariance|Variance|Weight|label""",
        "|",
    ),
    header=True,
    classes=labels_of(
        {
            "BENIGN": "benigntraffic benign_final",
            "BRUTE_FORCE": "dictionarybruteforce",
            "DDOS": "ddos-ack_fragmentation ddos-http_flood ddos-icmp_flood ddos-icmp_fragmentation ddos-pshack_flood ddos-rstfinflood "
            "ddos-slowloris ddos-synonymousip_flood ddos-syn_flood ddos-tcp_flood ddos-udp_flood ddos-udp_fragmentation",
            "DOS": "dos-http_flood dos-syn_flood dos-tcp_flood dos-udp_flood",
            "MIRAI": "mirai-greeth_flood mirai-greip_flood mirai-udpplain",
            "RECON": "recon-hostdiscovery recon-osscan recon-pingsweep recon-portscan vulnerabilityscan",
            "SPOOFING": "dns_spoofing mitm-arpspoofing",
            "WEB": "backdoor_malware browserhijacking commandinjection sqlinjection uploading_attack xss",
        }
    ),
    label="label",
    note="no record has an address or a time: the order of the file stands for time",
)
