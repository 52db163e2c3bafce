"""Download a file in spite of broken connections: go on where it stopped, check the length, try again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3

TIMEOUT_S = (10, 60)
CHUNK_BYTES = 1 << 20
BUSY = (429, 500, 502, 503, 504)  # worth another try; other refusals are final
Progress = Callable[[int], object]


class ResumingDownloader:
    """A downloader for pooch that keeps what it has in `part` and asks for the rest.

    Parameters
    ----------
    part : Path
        Where the bytes that have come are kept, also after a failure.
    attempts : int
        Connections to try without a single new byte before giving up.
    pause_s : float
        Wait after the first failure; doubles with each.
    progress : callable
        Called with the number of new bytes, those of an earlier run first (negative when the server made us start
        again).
    """

    def __init__(
        self,
        part: Path,
        *,
        attempts: int = 5,
        pause_s: float = 1.0,
        progress: Progress = lambda n_bytes: None,
    ) -> None:
        self.part, self.attempts, self.pause_s, self.progress = part, attempts, pause_s, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        """Download `url` and put it at `output_file`.

        Raises
        ------
        OSError
            The server refuses, or the connection keeps breaking; says how much came.
        """
        failures = 0
        self.progress(self._size())
        while True:
            before = self._size()
            try:
                self._go_on(url, before)
                break
            except (
                requests.ConnectionError,
                requests.Timeout,
                urllib3.exceptions.HTTPError,
                ShortError,
            ) as error:
                failures = 0 if self._size() > before else failures + 1
                if failures >= self.attempts:
                    raise OSError(
                        f"{url}: broke off {failures} times in a row; {self._size():,} bytes are kept in {self.part}, run again to "
                        f"go on ({error})"
                    ) from error
                time.sleep(self.pause_s * 2**failures)
        shutil.move(self.part, output_file)

    def _size(self) -> int:
        """Count the bytes that are here."""
        return self.part.stat().st_size if self.part.is_file() else 0

    def _go_on(self, url: str, have: int) -> None:
        """Ask for the rest and append it."""
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code == 416 or (
                response.status_code == 206 and not _starts_at(response, have)
            ):
                self._start_again(have)
                raise ShortError("the server has another length than before")
            if response.status_code in BUSY:
                raise ShortError(f"the server says {response.status_code} {response.reason}")
            if not response.ok:
                raise OSError(f"{url}: the server says {response.status_code} {response.reason}")
            if have and response.status_code != 206:
                self._start_again(have)
                have = 0
            length = response.headers.get("Content-Length")
            with self.part.open("ab") as stream:
                # read1 hands over what has come; iter_content would lose up to a chunk when the connection
                # breaks
                while chunk := response.raw.read1(CHUNK_BYTES):
                    stream.write(chunk)
                    self.progress(len(chunk))
        if length is not None and self._size() != have + int(length):
            raise ShortError(f"{self._size():,} of {have + int(length):,} bytes came")

    def _start_again(self, have: int) -> None:
        """Throw away what came."""
        self.part.unlink(missing_ok=True)
        self.progress(-have)


class ShortError(Exception):
    """Less came than was announced, or nothing yet."""


def ask_size(url: str) -> int | None:
    """Ask the server how long a file is; None if it does not say.

    Raises
    ------
    OSError
        The file is not there, or the server cannot be reached.
    """
    try:
        response = requests.head(
            url, allow_redirects=True, timeout=TIMEOUT_S, headers={"Accept-Encoding": "identity"}
        )
    except requests.RequestException as error:
        raise OSError(f"{url}: cannot be reached ({error})") from error
    if response.status_code in (405, 501):
        return None
    if not response.ok:
        raise OSError(f"{url}: the server says {response.status_code} {response.reason}")
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _starts_at(response: requests.Response, have: int) -> bool:
    """Check that a partial answer begins where we are."""
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
