"""Context of flows: the kernel equals its slow twin, batches change nothing, memory is bounded."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotids.flowmeter.columns.context import CONTEXT, CONTEXT_NAMES
from iotids.flowmeter.context import ContextStream, EndOrder, with_context
from tests.flowmeter.naive_context import naive_context

HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8:aaaa:bbbb::1", "2001:db8:aaaa:bbbb::2"]
TEXT = {"src_ip", "dst_ip", "capture"}
FLOAT = {"fwd_bytes", "bwd_bytes"}


def table_of(flows):
    def column(name):
        kind = pa.string() if name in TEXT else pa.float64() if name in FLOAT else pa.int64()
        return pa.array([flow[name] for flow in flows], kind)

    names = [*a_flow()]
    return pa.table([column(name) for name in names], names=names)


def a_flow(**changes):
    # fmt: off
    return {
        "src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "dst_port": 80, "protocol": 6, "start_us": 0,
        "flow_duration_us": 0, "fwd_packets": 1, "bwd_packets": 1, "rst_flags": 0, "fwd_bytes": 10,
        "bwd_bytes": 0, "capture": "a.pcap", "flow_number": 0,
    } | changes
    # fmt: on


@st.composite
def flow_lists(draw, most=60):
    gaps = st.sampled_from(
        [0, 1, 300_000, 1_000_000, 2_000_000, 9_999_999, 60_000_000, -1, -5_000_000, -700_000_000]
    )
    clock, flows = 10**12, []
    for number in range(draw(st.integers(1, most))):
        clock += draw(gaps)
        flows.append(
            a_flow(
                src_ip=draw(st.sampled_from(HOSTS)),
                dst_ip=draw(st.sampled_from(HOSTS)),
                dst_port=draw(st.sampled_from([0, 22, 80])),
                protocol=draw(st.sampled_from([6, 17])),
                start_us=clock,
                fwd_packets=draw(st.integers(1, 4)),
                bwd_packets=draw(st.integers(0, 2)),
                rst_flags=draw(st.integers(0, 1)),
                fwd_bytes=draw(st.integers(0, 10**11)),
                flow_number=number,
            )
        )
    return flows


def assert_equal(batch, wanted):
    for column in CONTEXT:
        found, right = batch.column(column.name).to_pylist(), [row[column.name] for row in wanted]
        if column.dtype == "float32":
            assert np.allclose(found, right, rtol=1e-6, atol=0), column.name
        else:
            assert found == right, column.name


@settings(max_examples=150, deadline=None)
@given(flow_lists(), st.sampled_from([1, 2, 4, 8, 1024]))
def test_the_kernel_counts_as_its_slow_twin(flows, ring_flows):
    assert_equal(ContextStream(ring_flows).update(table_of(flows)), naive_context(flows, ring_flows))


@pytest.mark.parametrize("ring_flows", [64, 128, 1 << 16])
def test_more_flows_than_the_last_hundred_count_as_in_the_slow_twin(ring_flows):
    rng = np.random.default_rng(3)
    flows = [
        a_flow(
            src_ip=f"10.0.{rng.integers(0, 2)}.{rng.integers(0, 40)}",
            dst_ip=HOSTS[rng.integers(0, 3)],
            dst_port=int(rng.integers(0, 30)),
            start_us=int(at),
            bwd_packets=int(rng.integers(0, 2)),
        )
        for at in np.sort(rng.integers(0, 90_000_000, 600))
    ]
    assert_equal(ContextStream(ring_flows).update(table_of(flows)), naive_context(flows, ring_flows))


@settings(max_examples=50, deadline=None)
@given(flow_lists(), st.lists(st.integers(0, 60), max_size=5))
def test_cutting_the_stream_into_batches_changes_no_value(flows, cuts):
    table, whole = table_of(flows), ContextStream(64)
    edges = [0, *sorted(min(cut, len(flows)) for cut in cuts), len(flows)]
    stream = ContextStream(64)
    parts = [stream.update(table.slice(a, b - a)) for a, b in pairwise(edges)]
    assert pa.Table.from_batches(parts) == pa.Table.from_batches([whole.update(table)])


def test_a_scan_shows_as_many_silent_ports_of_one_pair():
    flows = [a_flow(dst_port=port, start_us=port * 10_000, bwd_packets=0) for port in range(1, 201)]
    last = ContextStream().update(table_of(flows)).to_pylist()[-1]
    assert last["pair_2s_ports"] == last["initiator_2s_ports"] == 200
    assert last["pair_last100_ports"] == 100
    assert last["initiator_2s_peers"] == 1
    assert last["pair_2s_silent_share"] == 1
    assert last["service_60s_flows"] == 1


def test_a_flow_alone_is_its_own_context():
    row = ContextStream().update(table_of([a_flow(fwd_bytes=7, bwd_bytes=5)])).to_pylist()[0]
    assert {value for name, value in row.items() if name.endswith(("_flows", "_peers", "_ports"))} == {1}
    assert {value for name, value in row.items() if name.endswith("_bytes")} == {12}


def test_what_ends_later_is_not_known_yet():
    first, second = (
        a_flow(start_us=0, flow_duration_us=50_000_000),
        a_flow(start_us=10_000_000, flow_number=1),
    )
    table = with_context(table_of([first, second]))
    assert table.column("pair_60s_flows").to_pylist() == [2, 1]


def test_every_capture_begins_with_empty_windows():
    table = with_context(table_of([a_flow(), a_flow(capture="b.pcap", flow_number=0)]))
    assert table.column("pair_60s_flows").to_pylist() == [1, 1]


def test_a_clock_set_back_by_a_year_begins_anew_and_one_by_a_second_does_not():
    year, now = 365 * 86_400_000_000, 10**15
    flows = [a_flow(start_us=now), a_flow(start_us=now - 1_000_000), a_flow(start_us=now - year)]
    found = ContextStream().update(table_of(flows)).column("pair_2s_flows").to_pylist()
    assert found == [1, 2, 1]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(40)), st.integers(1, 7))
def test_flows_in_order_of_their_end_give_live_what_the_table_gives(order, step):
    # fmt: off
    flows = [
        a_flow(src_ip=HOSTS[i % 3], dst_port=i % 5, start_us=i * 400_000, flow_duration_us=(i * 7 % 11) * 10**6, flow_number=i)
        for i in range(40)
    ]
    # fmt: on
    wanted = {row["flow_number"]: row for row in with_context(table_of(flows)).to_pylist()}
    waiting, stream, table = EndOrder(), ContextStream(), table_of(flows)
    left = set(range(40))
    done = 0
    for first in range(0, 40, step):
        chosen = list(order[first : first + step])
        waiting.add(table.take(chosen))
        left -= set(chosen)
        earliest = min((flows[i]["start_us"] + flows[i]["flow_duration_us"] for i in left), default=None)
        ready = waiting.until(None if earliest is None else earliest - 1)
        if ready is None:
            continue
        for number, row in zip(
            ready.column("flow_number").to_pylist(), stream.update(ready).to_pylist(), strict=True
        ):
            assert row == {name: wanted[number][name] for name in CONTEXT_NAMES}
            done += 1
    assert done == 40


def test_a_flood_of_forged_senders_takes_no_more_memory():
    stream = ContextStream(1024)
    for part in range(5):
        # fmt: off
        flows = [
            a_flow(src_ip=f"{part}.{i >> 8}.{i & 255}.9", dst_port=i, start_us=part * 10**7 + i) for i in range(3_000)
        ]
        # fmt: on
        last = stream.update(table_of(flows)).to_pylist()[-1]
        assert last["responder_60s_peers"] == 1024
    used = len(stream._memory.free) - stream._memory.state[3]
    assert used == 5 * 1024 + 1


def test_a_table_without_the_columns_is_refused_by_name():
    with pytest.raises(ValueError, match="no column rst_flags"):
        ContextStream().update(table_of([a_flow()]).drop_columns(["rst_flags"]))


def test_context_is_not_added_twice():
    with pytest.raises(ValueError, match="has context already"):
        with_context(with_context(table_of([a_flow()])))


def test_an_empty_table_has_an_empty_context():
    assert with_context(table_of([])).num_rows == 0


def test_a_ring_that_is_no_power_of_two_is_refused():
    with pytest.raises(ValueError, match="looks back over 1000 flows"):
        ContextStream(1000)
