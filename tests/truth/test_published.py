"""Tables as published become datasets of their own; a table of another release, year or class is named. Rows are made up."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import iotids
from iotids.commands.import_table import main as import_main
from iotids.flowmeter.columns.own import own_features
from iotids.flowmeter.columns.schema import IDENTITY_NAMES
from iotids.truth.formats.published import label_rows
from iotids.truth.integrating.labelled_tables import origin_of_tables, table_in_file
from iotids.truth.labelling.row_labels import RowLabels, write_labelled
from iotids.truth.published.import_release import import_release
from iotids.truth.published.kdd import NSL_KDD
from iotids.truth.published.registry import RELEASES
from iotids.truth.published.source import write_source
from iotids.writing.table_origin import differences, merged_origin, origin_of
from tests.truth.published_rows import made_up_file, made_up_rows, write_release

# A connection of each of two classes in the layout of KDDTrain+.txt; the numbers are invented.
NSL_LINES = (
    "0,tcp,ftp_data,SF,491,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2,2,0,0,0,0,1,0,0,150,25,0.17,0.03,0.17,0,0,0,0.05,0,normal,20\n"
    "0,tcp,private,S0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,123,6,1,1,0,0,0.05,0.07,0,255,26,0.1,0.05,0,0,1,1,0,0,neptune,19\n"
)


def read(tmp_path, release, *files):
    """The rows of a source, and the account of how they were read."""
    entry = {"release": release, "files": list(files)}
    write_source(tmp_path, entry, tmp_path / "out.parquet", tmp_path / "out.json")
    return pq.read_table(tmp_path / "out.parquet"), json.loads((tmp_path / "out.json").read_text())


@pytest.mark.parametrize("release", RELEASES.values(), ids=lambda release: release.name)
def test_every_release_gives_its_features_and_labels(tmp_path, release):
    made_up_file(tmp_path, release.name, "part.csv", 2 * len(release.classes))
    rows, account = read(tmp_path, release.name, "part.csv")
    assert own_features(rows.column_names) == release.features
    assert rows.num_rows == account["files"][0]["rows"] == 2 * len(release.classes)
    assert {label.lower() for label in account["files"][0]["labels"]} == set(release.classes)
    assert not account["files"][0]["broken"]


@pytest.mark.parametrize("release", RELEASES.values(), ids=lambda release: release.name)
def test_no_identity_label_or_time_is_a_feature(release):
    never = {
        *IDENTITY_NAMES,
        "source",
        "group",
        release.label,
        release.sublabel,
        *release.identity.values(),
        *release.left_out,
    }
    assert not never & set(release.features)
    assert {*release.categories, *release.identity.values(), *release.left_out, *release.optional} <= set(
        release.columns
    )


def test_a_published_table_says_what_it_is_until_it_is_a_dataset(tmp_path):
    """The stages meter, label and integrate, and `iotids import`, keep its release, its files and who read them."""
    made_up_file(tmp_path, "nsl_kdd", "KDDTrain+.txt", 80)
    rows, _ = read(tmp_path, "nsl_kdd", "KDDTrain+.txt")
    assert origin_of(rows.schema) == NSL_ORIGIN
    labels = RowLabels([[(0, 80)]], [("nsl", label_rows("KDDTrain+.txt", rows, NSL_KDD))])
    write_labelled(
        tmp_path / "out.parquet", labels, tmp_path / "labelled.parquet", tmp_path / "apart.parquet"
    )
    import_release([tmp_path / "KDDTrain+.txt"], "nsl_kdd", "nsl", tmp_path / "imported.parquet", {})
    tables = [table_in_file(tmp_path / name) for name in ("labelled.parquet", "imported.parquet")]
    merged, warnings = origin_of_tables(tables)
    assert warnings == []
    assert merged["release"] == "nsl_kdd"
    assert merged["imported_by"] == f"iotids {iotids.__version__}"


CLEAN = {"meter": "iotids 1", "profile": "clean", "flow_timeout_s": "120"}
NSL_ORIGIN = {
    "meter": "another tool",
    "release": "nsl_kdd",
    "imported_from": "KDDTrain+.txt",
    "imported_by": f"iotids {iotids.__version__}",
}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (CLEAN, "records of nsl_kdd and flows of profile clean"),
        (NSL_ORIGIN | {"release": "kdd99"}, "records of nsl_kdd and records of kdd99"),
        ({"meter": "another tool", "imported_from": "x.csv"}, "records of nsl_kdd and flows of another tool"),
    ],
)
def test_a_published_table_is_mixed_with_nothing_but_its_release(other, said):
    origins = {"a": NSL_ORIGIN, "b": NSL_ORIGIN, "c": other}
    with pytest.raises(ValueError, match=f"a and c do not go into one dataset .{said}"):
        merged_origin(origins)
    with pytest.raises(ValueError, match="c and b do not go into one dataset"):
        merged_origin(dict(reversed(origins.items())) | {"b": NSL_ORIGIN})
    assert differences(NSL_ORIGIN, other) == [said]
    assert differences(NSL_ORIGIN, NSL_ORIGIN) == []


def test_nsl_kdd_has_38_numbers_and_a_column_per_value(tmp_path):
    (tmp_path / "KDDTrain+.txt").write_text(NSL_LINES)
    rows, _ = read(tmp_path, "nsl_kdd", "KDDTrain+.txt")
    assert len(NSL_KDD.numbers) == 38
    assert rows.column("src_bytes").to_pylist() == [491.0, 0.0]
    assert rows.column("service=ftp_data").to_pylist() == [1.0, 0.0]
    assert sum(rows.column(name).to_numpy() for name in NSL_KDD.value_columns("flag")).tolist() == [1.0, 1.0]
    assert rows.column("published_label").to_pylist() == ["normal", "neptune"]
    assert "difficulty" not in rows.column_names


def test_the_test_set_of_the_cup_has_228_u2r_and_16189_r2l():
    """Counts of its labels as the cup tabulated them, summed by class; they pin the classes of httptunnel and worm."""
    u2r = {
        "buffer_overflow": 22,
        "httptunnel": 158,
        "loadmodule": 2,
        "perl": 2,
        "ps": 16,
        "rootkit": 13,
        "sqlattack": 2,
        "xterm": 13,
    }
    # fmt: off
    r2l = {"ftp_write": 3, "guess_passwd": 4367, "imap": 1, "multihop": 18, "named": 17, "phf": 2, "sendmail": 17, "snmpgetattack": 7741,
           "snmpguess": 2406, "warezmaster": 1602, "worm": 2, "xlock": 9, "xsnoop": 4}
    # fmt: on
    classes = RELEASES["kdd99"].classes
    assert sum(n for label, n in u2r.items() if classes[label] == "U2R") == 228
    assert sum(n for label, n in r2l.items() if classes[label] == "R2L") == 16189


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("name", ["nsl_kdd", "kdd99", "unsw_nb15_raw", "awid_cls_r"])
def test_files_without_a_header_may_have_one(tmp_path, name, header):
    write_release(tmp_path / "a.csv", RELEASES[name], made_up_rows(RELEASES[name], 40), header=header)
    assert read(tmp_path, name, "a.csv")[0].num_rows == 40


def test_nsl_kdd_may_lack_the_difficulty(tmp_path):
    (tmp_path / "a.csv").write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in NSL_LINES.splitlines()))
    assert read(tmp_path, "nsl_kdd", "a.csv")[0].num_rows == 2


def test_titles_may_stand_in_another_order(tmp_path):
    release = RELEASES["unsw_nb15"]
    rows = made_up_rows(release, 20)
    write_release(tmp_path / "a.csv", release, rows)
    expected = read(tmp_path, "unsw_nb15", "a.csv")[0]
    turned = [",".join(line.split(",")[::-1]) for line in (tmp_path / "a.csv").read_text().splitlines()]
    (tmp_path / "a.csv").write_text("\n".join(turned).upper().replace("NORMAL", "normal") + "\n")
    again = read(tmp_path, "unsw_nb15", "a.csv")[0]
    assert np.array_equal(again.column("dur").to_numpy(), expected.column("dur").to_numpy())


def test_a_field_that_a_frame_lacks_is_0_and_hexadecimal_is_read(tmp_path):
    release = RELEASES["awid_cls_r"]
    rows = made_up_rows(release, 4)
    rows[0][release.columns.index("wlan.seq")] = "?"
    rows[1][release.columns.index("wlan.wep.iv")] = "0x00c4f3"
    write_release(tmp_path / "a.csv", release, rows)
    table, _ = read(tmp_path, "awid_cls_r", "a.csv")
    assert table.column("wlan.seq")[0].as_py() == 0.0
    assert table.column("wlan.wep.iv")[1].as_py() == 0xC4F3
    assert table.column("start_us")[1].as_py() - table.column("start_us")[0].as_py() == 1_000_000


def test_a_blank_attack_is_normal_traffic_and_a_port_may_be_none(tmp_path):
    release = RELEASES["unsw_nb15_raw"]
    rows = made_up_rows(release, 11)
    rows[0][release.columns.index("attack_cat")] = ""
    rows[1][release.columns.index("sport")] = "-"
    rows[2][release.columns.index("sport")] = "0x000b"
    rows[3][release.columns.index("ct_ftp_cmd")] = " "
    write_release(tmp_path / "a.csv", release, rows)
    table, _ = read(tmp_path, "unsw_nb15_raw", "a.csv")
    assert table.column("published_label")[0].as_py() == "normal"
    assert table.column("src_port").to_pylist()[1:3] == [0, 11]
    assert table.column("ct_ftp_cmd")[3].as_py() == 0.0
    assert "Fuzzers" in {label.capitalize() for label in table.column("published_label").to_pylist()}


def test_a_value_outside_a_list_has_the_column_other_or_is_a_fault(tmp_path):
    rows = made_up_rows(RELEASES["unsw_nb15"], 11)
    rows[0][RELEASES["unsw_nb15"].columns.index("proto")] = "wsn"
    write_release(tmp_path / "a.csv", RELEASES["unsw_nb15"], rows)
    table, account = read(tmp_path, "unsw_nb15", "a.csv")
    assert table.column("proto=(other)").to_pylist()[:2] == [1.0, 0.0]
    assert account["files"][0]["values_outside_a_list"]["proto"] == 1
    (tmp_path / "b.csv").write_text(NSL_LINES + NSL_LINES.replace("ftp_data", "telepathy") + "1,2\n")
    table, account = read(tmp_path, "nsl_kdd", "b.csv")
    assert table.num_rows == 3
    assert account["files"][0]["broken"] == {
        "service: 'telepathy' is no value of it": 1,
        "not as many fields as the first line (43)": 1,
    }


@pytest.mark.parametrize(
    ("given", "asked", "said"),
    [
        ("unsw_nb15", "nsl_kdd", "45 fields in the first line; NSL-KDD .* release unsw_nb15"),
        ("nsl_kdd", "unsw_nb15", "45 of 45 columns of UNSW-NB15 .* are missing"),
        (
            "nsl_kdd",
            "kdd99",
            "43 fields in the first line; KDD Cup 1999 .* has 42 and no header.* release nsl_kdd",
        ),
        ("unsw_nb15", "unsw_nb15_raw", "release unsw_nb15"),
        ("bot_iot_best10", "bot_iot", "columns of Bot-IoT .* are missing: stime.*release bot_iot_best10"),
        ("bot_iot", "ton_iot", "release bot_iot"),
        ("ton_iot", "ciciot2023", "release ton_iot"),
    ],
)
def test_a_table_of_another_release_is_named(tmp_path, given, asked, said):
    made_up_file(tmp_path, given, "a.csv", 30)
    with pytest.raises(ValueError, match=said):
        read(tmp_path, asked, "a.csv")
    assert not (tmp_path / "out.parquet").exists()


def test_labels_of_another_year_are_named(tmp_path):
    (tmp_path / "a.csv").write_text(NSL_LINES.replace("neptune", "slowloris"))
    with pytest.raises(ValueError, match=r"labels without a class in NSL-KDD .*'slowloris'"):
        read(tmp_path, "nsl_kdd", "a.csv")
    (tmp_path / "a.csv").write_text("".join(line.rsplit(",", 1)[0] + "\n" for line in NSL_LINES.splitlines()))
    with pytest.raises(ValueError, match=r"'normal' do not end with '\.'.*nsl_kdd"):
        read(tmp_path, "kdd99", "a.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (
            NSL_LINES.replace("tcp", "quic"),
            "no row can be used as NSL-KDD.*protocol_type: 'quic' is no value of it",
        ),
        (NSL_LINES.replace("0,tcp", "soon,tcp"), "no row can be used.*duration: no number"),
    ],
)
def test_a_file_without_a_usable_row_is_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        read(tmp_path, "nsl_kdd", "a.csv")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"KDDTrain\+\.txt: no such file; it is named in data\.sources"
    ):
        read(tmp_path, "nsl_kdd", "KDDTrain+.txt")
    with pytest.raises(ValueError, match="release 'nsl-kdd'; known are nsl_kdd, kdd99"):
        read(tmp_path, "nsl-kdd", "KDDTrain+.txt")


def test_the_command_imports_a_release_with_its_classes(tmp_path, monkeypatch, capsys):
    (tmp_path / "KDDTrain+.txt").write_text(NSL_LINES)
    out = tmp_path / "nsl.parquet"
    command = [
        "iotids",
        str(tmp_path / "KDDTrain+.txt"),
        "--release",
        "nsl_kdd",
        "--source",
        "train",
        "--out",
        str(out),
    ]
    monkeypatch.setattr("sys.argv", command)
    import_main()
    table = pq.read_table(out)
    assert table.column("label").to_pylist() == ["BENIGN", "DOS"]
    assert table.column("sublabel").to_pylist() == ["normal", "neptune"]
    assert set(table.column("source").to_pylist()) == {"train"}
    assert own_features(table.column_names) == NSL_KDD.features
    assert "2 records of NSL-KDD" in capsys.readouterr().err
    (tmp_path / "KDDTrain+.txt").write_text(NSL_LINES.replace("neptune", "slowloris"))
    with pytest.raises(SystemExit, match=r"error: .*labels without a class"):
        import_main()
    (tmp_path / "more.yaml").write_text("slowloris: DOS\n")
    monkeypatch.setattr("sys.argv", [*command, "--labels", str(tmp_path / "more.yaml")])
    import_main()
    assert pq.read_table(out).column("label").to_pylist() == ["BENIGN", "DOS"]
