"""KDD'99 and NSL-KDD: 41 features of a connection; files without a header.

Sources: kddcup.names and the tabulation of the KDD Cup 1999 (httptunnel is U2R, worm is R2L, so that its test set has 228 and 16,189 of
them); Tavallaee, Bagheri, Lu, Ghorbani: CISDA 2009.
"""

from __future__ import annotations

from iotids.truth.published.contract import Release, labels_of, words

FEATURES = words("""duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot num_failed_logins logged_in num_compromised
    root_shell su_attempted num_root num_file_creations num_shells num_access_files num_outbound_cmds is_host_login is_guest_login count
    srv_count serror_rate srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count
    dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate dst_host_srv_diff_host_rate
    dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate dst_host_srv_rerror_rate""")
CATEGORIES = {
    "protocol_type": ("icmp", "tcp", "udp"),
    "service": words("""IRC X11 Z39_50 aol auth bgp courier csnet_ns ctf daytime discard domain domain_u echo eco_i ecr_i efs exec finger ftp ftp_data
        gopher harvest hostnames http http_2784 http_443 http_8001 icmp imap4 iso_tsap klogin kshell ldap link login mtp name netbios_dgm
        netbios_ns netbios_ssn netstat nnsp nntp ntp_u other pm_dump pop_2 pop_3 printer private red_i remote_job rje shell smtp sql_net ssh
        sunrpc supdup systat telnet tftp_u tim_i time urh_i urp_i uucp uucp_path vmnet whois"""),
    "flag": ("OTH", "REJ", "RSTO", "RSTOS0", "RSTR", "S0", "S1", "S2", "S3", "SF", "SH"),
}
CLASSES = labels_of(
    {
        "BENIGN": "normal",
        "DOS": "back land neptune pod smurf teardrop apache2 mailbomb processtable udpstorm",
        "PROBE": "ipsweep nmap portsweep satan mscan saint",
        "R2L": "ftp_write guess_passwd imap multihop phf spy warezclient warezmaster named sendmail snmpgetattack snmpguess worm xlock xsnoop",
        "U2R": "buffer_overflow loadmodule perl rootkit httptunnel ps sqlattack xterm",
    }
)
NO_TIMES = (
    "no record has an address or a time: the order of the file stands for time, and the file for a host"
)

KDD99 = Release(
    "kdd99",
    "KDD Cup 1999 (kddcup.data, kddcup.data_10_percent, corrected)",
    (*FEATURES, "label"),
    header=False,
    classes=CLASSES,
    label="label",
    categories=CATEGORIES,
    label_ends_with=".",
    note=NO_TIMES,
)
NSL_KDD = Release(
    "nsl_kdd",
    "NSL-KDD (Tavallaee et al. 2009; KDDTrain+.txt, KDDTest+.txt, KDDTest-21.txt)",
    (*FEATURES, "label", "difficulty"),
    header=False,
    classes=CLASSES,
    label="label",
    categories=CATEGORIES,
    left_out=("difficulty",),
    optional=("difficulty",),
    note=NO_TIMES,
)
