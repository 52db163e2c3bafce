"""Context of a metered capture: the table's real types, and batches as the meter hands them out."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.flowmeter.captures import NamedCapture, Options, meter_captures
from iotids.flowmeter.columns.context import CONTEXT, CONTEXT_NAMES
from iotids.flowmeter.context import ContextStream, EndOrder, with_context
from iotids.flowmeter.flows import Meter
from tests.bench.capture import write_capture
from tests.flowmeter.naive_context import naive_context

OPTIONS = Options("clean", 120.0, 5.0, 120.0, "inner", False, (), 0)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    path = tmp_path_factory.mktemp("context") / "busy.pcap"
    write_capture(path, flows=400)
    return path


@pytest.fixture(scope="module")
def metered(capture):
    out = capture.with_suffix(".parquet")
    meter_captures([NamedCapture(capture, capture.name)], out, OPTIONS, for_keeping=True)
    return with_context(pq.read_table(out))


def test_a_metered_capture_has_the_context_of_the_slow_twin(metered):
    flows = metered.to_pylist()
    flows.sort(key=lambda f: (f["start_us"] + f["flow_duration_us"], f["flow_number"]))
    for flow, wanted in zip(flows, naive_context(flows, 1 << 16), strict=True):
        assert {name: flow[name] for name in CONTEXT_NAMES} == pytest.approx(wanted, rel=1e-6)


def test_flows_as_the_meter_hands_them_out_have_the_context_of_the_finished_table(capture, metered):
    wanted = {row["flow_number"]: row for row in metered.to_pylist()}
    waiting, stream, found = EndOrder(), ContextStream(), 0
    for batch in Meter(capture, "clean", name=capture.name, threads=1).batches():
        waiting.add(batch)
    while True:
        ready = waiting.until(None)
        if ready is None:
            break
        for row, context in zip(ready.to_pylist(), stream.update(ready).to_pylist(), strict=True):
            assert context == {name: wanted[row["flow_number"]][name] for name in CONTEXT_NAMES}
            found += 1
    assert found == len(wanted) > 0


def test_addresses_kept_as_dictionaries_count_the_same(metered):
    plain = metered.drop_columns(list(CONTEXT_NAMES))
    coded = plain
    for name in ("src_ip", "dst_ip"):
        at = coded.schema.get_field_index(name)
        coded = coded.set_column(
            at, name, pa.chunked_array([coded.column(name).combine_chunks()]).dictionary_encode()
        )
    assert with_context(coded).select(CONTEXT_NAMES) == metered.select(CONTEXT_NAMES)


def test_every_context_column_has_its_declared_type_and_a_sane_range(metered):
    for column in CONTEXT:
        values = metered.column(column.name)
        assert str(values.type) == {"float32": "float"}.get(column.dtype, column.dtype)
        assert values.null_count == 0
        assert np.all(values.to_numpy() >= 0)
        if column.name.endswith("_share"):
            assert np.all(values.to_numpy() <= 1)
