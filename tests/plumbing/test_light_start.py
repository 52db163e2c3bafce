"""numba starts without scipy's linear algebra and cffi, kernels run, and whoever wants these afterwards gets
them.
"""

import subprocess
import sys

from tests.packets import Record, ethernet, ipv4, udp, write_pcap

RUN = """
import sys
from iotids.plumbing.light_start import load_numba_without_scipy
load_numba_without_scipy()
from iotids.flowmeter.flows import flows_from_capture
print(flows_from_capture(sys.argv[1]).num_rows, "scipy.linalg" in sys.modules, "cffi" in sys.modules)
import scipy.linalg
print(scipy.linalg.det([[2.0, 0.0], [0.0, 3.0]]))
"""


def test_kernels_run_without_scipy_and_scipy_is_there_afterwards(tmp_path):
    capture = write_pcap(
        tmp_path / "one.pcap", [Record(0, ethernet(ipv4("10.0.0.1", "10.0.0.2", 17, udp(payload=b"x"))))]
    )
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(capture)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1", "False", "False", "6.0"], done.stderr
