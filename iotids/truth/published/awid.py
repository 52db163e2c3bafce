"""AWID-CLS-R: 154 fields of IEEE 802.11 frames and one of four classes; files without a header, `?` where a frame lacks a field.

Source: Kolias, Kambourakis, Stavrou, Gritzalis: IEEE Communications Surveys & Tutorials 18(1), 2016; names of the fields as in Wireshark 1.12.
The data set repeats the name wlan.qos.buf_state_indicated.
"""

from __future__ import annotations

from iotids.truth.published.contract import Release, words

AWID_CLS_R = Release(
    "awid_cls_r",
    "AWID-CLS-R (Kolias et al. 2016; AWID-CLS-R-Trn, AWID-CLS-R-Tst)",
    words("""frame.interface_id frame.dlt frame.offset_shift frame.time_epoch frame.time_delta frame.time_delta_displayed frame.time_relative frame.len
        frame.cap_len frame.marked frame.ignored radiotap.version radiotap.pad radiotap.length radiotap.present.tsft
        radiotap.present.flags radiotap.present.rate radiotap.present.channel radiotap.present.fhss radiotap.present.dbm_antsignal
        radiotap.present.dbm_antnoise radiotap.present.lock_quality radiotap.present.tx_attenuation radiotap.present.db_tx_attenuation
        radiotap.present.dbm_tx_power radiotap.present.antenna radiotap.present.db_antsignal radiotap.present.db_antnoise
        radiotap.present.rxflags radiotap.present.xchannel radiotap.present.mcs radiotap.present.ampdu radiotap.present.vht
        radiotap.present.reserved radiotap.present.rtap_ns radiotap.present.vendor_ns radiotap.present.ext radiotap.mactime
        radiotap.flags.cfp radiotap.flags.preamble radiotap.flags.wep radiotap.flags.frag radiotap.flags.fcs radiotap.flags.datapad
        radiotap.flags.badfcs radiotap.flags.shortgi radiotap.datarate radiotap.channel.freq radiotap.channel.type.turbo
        radiotap.channel.type.cck radiotap.channel.type.ofdm radiotap.channel.type.2ghz radiotap.channel.type.5ghz
        radiotap.channel.type.passive radiotap.channel.type.dynamic radiotap.channel.type.gfsk radiotap.channel.type.gsm
        radiotap.channel.type.sturbo radiotap.channel.type.half radiotap.channel.type.quarter radiotap.dbm_antsignal radiotap.antenna
        radiotap.rxflags.badplcp wlan.fc.type_subtype wlan.fc.version wlan.fc.type wlan.fc.subtype wlan.fc.ds wlan.fc.frag wlan.fc.retry
        wlan.fc.pwrmgt wlan.fc.moredata wlan.fc.protected wlan.fc.order wlan.duration wlan.ra wlan.da wlan.ta wlan.sa wlan.bssid wlan.frag
        wlan.seq wlan.bar.type wlan.ba.control.ackpolicy wlan.ba.control.multitid wlan.ba.control.cbitmap wlan.bar.compressed.tidinfo
        wlan.ba.bm wlan.fcs_good wlan_mgt.fixed.capabilities.ess wlan_mgt.fixed.capabilities.ibss wlan_mgt.fixed.capabilities.cfpoll.ap
        wlan_mgt.fixed.capabilities.privacy wlan_mgt.fixed.capabilities.preamble wlan_mgt.fixed.capabilities.pbcc
        wlan_mgt.fixed.capabilities.agility wlan_mgt.fixed.capabilities.spec_man wlan_mgt.fixed.capabilities.short_slot_time
        wlan_mgt.fixed.capabilities.apsd wlan_mgt.fixed.capabilities.radio_measurement wlan_mgt.fixed.capabilities.dsss_ofdm
        wlan_mgt.fixed.capabilities.del_blk_ack wlan_mgt.fixed.capabilities.imm_blk_ack wlan_mgt.fixed.listen_ival
        wlan_mgt.fixed.current_ap wlan_mgt.fixed.status_code wlan_mgt.fixed.timestamp wlan_mgt.fixed.beacon wlan_mgt.fixed.aid
        wlan_mgt.fixed.reason_code wlan_mgt.fixed.auth.alg wlan_mgt.fixed.auth_seq wlan_mgt.fixed.category_code wlan_mgt.fixed.htact
        wlan_mgt.fixed.chanwidth wlan_mgt.fixed.fragment wlan_mgt.fixed.sequence wlan_mgt.tagged.all wlan_mgt.ssid
        wlan_mgt.ds.current_channel wlan_mgt.tim.dtim_count wlan_mgt.tim.dtim_period wlan_mgt.tim.bmapctl.multicast
        wlan_mgt.tim.bmapctl.offset wlan_mgt.country_info.environment wlan_mgt.rsn.version wlan_mgt.rsn.gcs.type wlan_mgt.rsn.pcs.count
        wlan_mgt.rsn.akms.count wlan_mgt.rsn.akms.type wlan_mgt.rsn.capabilities.preauth wlan_mgt.rsn.capabilities.no_pairwise
        wlan_mgt.rsn.capabilities.ptksa_replay_counter wlan_mgt.rsn.capabilities.gtksa_replay_counter wlan_mgt.rsn.capabilities.mfpr
        wlan_mgt.rsn.capabilities.mfpc wlan_mgt.rsn.capabilities.peerkey wlan_mgt.tcprep.trsmt_pow wlan_mgt.tcprep.link_mrg wlan.wep.iv
        wlan.wep.key wlan.wep.icv wlan.tkip.extiv wlan.ccmp.extiv wlan.qos.tid wlan.qos.priority wlan.qos.eosp wlan.qos.ack
        wlan.qos.amsdupresent wlan.qos.buf_state_indicated wlan.qos.bit4 wlan.qos.txop_dur_req wlan.qos.buf_state_indicated.2 data.len
        class"""),
    header=False,
    classes={
        "normal": "BENIGN",
        "flooding": "FLOODING",
        "impersonation": "IMPERSONATION",
        "injection": "INJECTION",
    },
    label="class",
    identity={"src_mac": "wlan.sa", "dst_mac": "wlan.da", "start_us": "frame.time_epoch"},
    left_out=(
        "frame.time_relative",
        "radiotap.mactime",
        "wlan.ra",
        "wlan.ta",
        "wlan.bssid",
        "wlan.ba.bm",
        "wlan_mgt.fixed.current_ap",
        "wlan_mgt.fixed.timestamp",
        "wlan_mgt.ssid",
    ),
    absent=("?", ""),
    note="addresses, names of networks and clocks are left out; a field that a frame lacks counts as 0",
)
