"""The detector in the box: small, without anything of a capture in it, honest about unseen sites, and it finds a scan."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from iotids.detecting.judge_flows import judge_flows
from iotids.detecting.package.find_package import BOX
from iotids.detecting.package.model_card import model_card_html
from iotids.detecting.package.package import open_package
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import scan_records
from tests.packets import write_pcap
from tests.test_sample import stored_files

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 5_000_000
REBUILT = ROOT / "out" / "final" / "multiclass-site_forests"


def test_the_box_is_small_and_of_the_profile_clean():
    package = open_package(BOX, profile="clean")
    assert sum(path.stat().st_size for path in BOX.iterdir()) <= LARGEST_BYTES
    assert package.doubts == ()


def test_no_address_and_no_name_of_a_capture_is_in_the_box():
    for path in BOX.iterdir():
        content = path.read_bytes()
        assert not re.search(rb"\.pcap|(\d{1,3}\.){3}\d{1,3}\b|([0-9a-f]{2}:){5}[0-9a-f]{2}", content), (
            path.name
        )


def test_the_card_names_the_recordings_and_what_is_reached_on_sites_left_out():
    manifest = json.loads((BOX / "package.json").read_text())
    cells = manifest["operating_point"]["unseen_site"]["cells"]
    assert 0.5 < cells["balanced"] < 0.9
    point = manifest["operating_point"] | {"origin": "the package's own"}
    page = model_card_html(manifest | {"sha256": manifest["manifest_sha256"]}, point)
    assert "IoT-23" in page
    assert "every class of every site counting alike" in page


def test_the_box_is_the_output_that_dvc_keeps_in_the_store():
    """Name by name and byte by byte, as box.dvc and the listing in sample-store say."""
    assert {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in BOX.iterdir()} == stored_files(
        "box.dvc"
    )


@pytest.mark.skipif(
    not REBUILT.is_dir(), reason="preset=detector was not run here: it takes the real captures"
)
def test_the_box_is_what_the_preset_rebuilds():
    """Bytes are the same on one machine; on another one the sealed description may name other versions."""
    rebuilt, box = open_package(REBUILT), open_package(BOX)
    if rebuilt.manifest["versions"] != box.manifest["versions"]:
        pytest.skip(f"made with other versions: {rebuilt.manifest['versions']}")
    assert {path.name: path.read_bytes() for path in REBUILT.iterdir()} == {
        path.name: path.read_bytes() for path in BOX.iterdir()
    }


def test_a_scan_of_a_network_it_has_never_seen_is_found(tmp_path):
    path = write_pcap(tmp_path / "scan.pcap", scan_records(flows=200, seed=1))
    package = open_package(BOX)
    verdicts = judge_flows(package, flows_from_capture(path, **package.meter_settings))
    assert verdicts.column("verdict").to_pylist().count("attack") > 190


def test_without_a_package_of_one_s_own_the_box_judges_and_that_is_said(tmp_path):
    write_pcap(tmp_path / "scan.pcap", scan_records(flows=200, seed=1))
    command = [sys.executable, "-P", "-m", "iotids", "detect", "scan.pcap"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("note: no package of your own here, so the detector in the box judges\n")
    assert (tmp_path / "verdicts.parquet").is_file()
