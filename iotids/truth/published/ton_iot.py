"""TON_IoT, network records: the processed files and the training and testing sample, Zeek's fields of a connection.

Source: Moustafa: Sustainable Cities and Society 72, 2021. The sample lacks `ts` and `http_referrer`.
"""

from __future__ import annotations

from iotids.truth.published.contract import Release, words

FLAGS = ("-", "F", "T")

# fmt: off
TON_IOT = Release(
    "ton_iot",
    "TON_IoT network (Moustafa 2021; Network_dataset_1.csv to _23.csv, Train_Test_Network.csv)",
    words("""ts src_ip src_port dst_ip dst_port proto service duration src_bytes dst_bytes conn_state missed_bytes src_pkts src_ip_bytes dst_pkts
        dst_ip_bytes dns_query dns_qclass dns_qtype dns_rcode dns_AA dns_RD dns_RA dns_rejected ssl_version ssl_cipher ssl_resumed
        ssl_established ssl_subject ssl_issuer http_trans_depth http_method http_uri http_referrer http_version http_request_body_len
        http_response_body_len http_status_code http_user_agent http_orig_mime_types http_resp_mime_types weird_name weird_addl weird_notice
        label type"""),
    header=True,
    classes={
        "normal": "BENIGN",
        "backdoor": "BACKDOOR",
        "ddos": "DDOS",
        "dos": "DOS",
        "injection": "INJECTION",
        "mitm": "MITM",
        "password": "PASSWORD",
        "ransomware": "RANSOMWARE",
        "scanning": "SCANNING",
        "xss": "XSS",
    },
    label="type",
    categories={
        "proto": ("icmp", "tcp", "udp"),
        "service": ("-", "dce_rpc", "dhcp", "dns", "ftp", "gssapi", "http", "smb", "ssl"),
        "conn_state": (
            "OTH", "REJ", "RSTO", "RSTOS0", "RSTR", "RSTRH", "S0", "S1", "S2", "S3", "SF", "SH", "SHR",
        ),
        "dns_AA": FLAGS,
        "dns_RD": FLAGS,
        "dns_RA": FLAGS,
        "dns_rejected": FLAGS,
        "ssl_resumed": FLAGS,
        "ssl_established": FLAGS,
        "weird_notice": FLAGS,
        "http_method": ("-", "GET", "HEAD", "POST"),
    },
    open_lists=("proto", "service", "conn_state", "http_method"),
    identity={
        "src_ip": "src_ip",
        "src_port": "src_port",
        "dst_ip": "dst_ip",
        "dst_port": "dst_port",
        "start_us": "ts",
    },
    left_out=words("""dns_query ssl_version ssl_cipher ssl_subject ssl_issuer http_uri http_referrer http_version http_user_agent http_orig_mime_types
        http_resp_mime_types weird_name weird_addl label"""),
    optional=("ts", "http_referrer"),
    absent=("-", ""),
    note="free text is left out: names asked of DNS, certificates, addresses of pages, user agents",
)
# fmt: on
