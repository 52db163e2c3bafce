"""A real browser for the tests: Debian's chromium without a window, spoken to over a pipe (DevTools protocol,
no driver needed).
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"
)
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
]
COLOURS = 128  # of a picture: enough for tables and charts, a third of the bytes
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"  # every name but this machine fails to resolve


def pictures() -> Path:
    """Give the folder for screenshots: out/pictures/, or docs/images/ when KEEP_PICTURES=1 asks for new ones
    there.
    """
    root = Path(__file__).resolve().parents[2]
    return root / "docs" / "images" if os.environ.get("KEEP_PICTURES") else root / "out" / "pictures"


class Page:
    """One tab. `requests` collects every address it asked for and `complaints` what went wrong in it."""

    def __init__(self, to_browser: Any, from_browser: Any) -> None:
        self._to, self._from, self._next = to_browser, from_browser, 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        self._session = self._call(
            "Target.attachToTarget", {"targetId": target, "flatten": True}, session=None
        )["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go to an address; returns before scripts have drawn anything, see `wait_for`."""
        self._call("Page.navigate", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """Give the value of a JavaScript expression."""
        answer = self._call(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def text(self) -> str:
        """Give the text a person can read."""
        return self.evaluate("document.body ? document.body.innerText : ''")

    def wait_for(self, condition: str, seconds: float = 60, *, needed: bool = True) -> None:
        """Wait until a JavaScript condition holds; fails with the page's text and complaints, unless it is
        not `needed`.
        """
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if not needed and time.monotonic() > end:
                return
            assert time.monotonic() < end, (
                f"never true: {condition}\ncomplaints: {self.complaints}\npage:\n{self.text()[:3000]}"
            )
            time.sleep(0.2)

    def wait_for_text(self, *texts: str, seconds: float = 60) -> None:
        """Wait until all texts can be read."""
        self.wait_for(
            f"{json.dumps(texts)}.every(text => (document.body?.innerText ?? '').includes(text))", seconds
        )

    def resize(self, width_px: int, height_px: int) -> None:
        """Set the size of the window's inside."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": False},
        )

    def screenshot(self, path: Path, *, whole_page: bool = False) -> None:
        """Save what the window (or the whole page) looks like as PNG."""
        answer = self._call("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole_page})
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.open(io.BytesIO(base64.b64decode(answer["data"]))).convert("RGB")
        picture.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(
            path, optimize=True
        )  # keeps the colours of thin lines and dots

    def close(self) -> None:
        """End the browser."""
        self._call("Browser.close", session=None)

    def _call(self, method: str, parameters: dict | None = None, session: str | None = "own") -> dict:
        """Send a command and read until its answer, noting events on the way."""
        self._next += 1
        message: dict[str, Any] = {"id": self._next, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._next:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _read(self) -> dict:
        """Read one message (they end with a zero byte)."""
        parts = []
        while (byte := self._from.read(1)) != b"\0":
            assert byte, f"chromium ended; complaints: {self.complaints}"
            parts.append(byte)
        return json.loads(b"".join(parts))

    def _note(self, event: dict) -> None:
        """Remember requests, failed loads and exceptions."""
        what, details = event.get("method"), event.get("params", {})
        if what == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif what == "Network.loadingFailed" and not details.get("canceled"):
            self.complaints.append(f"not loaded: {details['errorText']}")
        elif what == "Runtime.exceptionThrown":
            self.complaints.append(str(details["exceptionDetails"].get("exception", details))[:500])


@contextmanager
def browser_page(width_px: int = 1280, height_px: int = 800) -> Iterator[Page]:
    """Start chromium with an empty profile and give its only tab; the browser and its children end with the
    block.
    """
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    ends = [
        fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, from_write)
    ]  # out of the way of 3 and 4, where chromium looks

    def give_ends() -> None:
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                str(CHROMIUM),
                *FLAGS,
                NO_NETWORK,
                f"--user-data-dir={profile}",
                "--remote-debugging-pipe",
                "about:blank",
            ],
            preexec_fn=give_ends,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in (to_read, from_write, *ends):
            os.close(end)
        try:
            with os.fdopen(to_write, "wb") as to_browser, os.fdopen(from_read, "rb") as from_browser:
                page = Page(to_browser, from_browser)
                page.resize(width_px, height_px)
                yield page
                page.close()
            process.wait(timeout=20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=20)
