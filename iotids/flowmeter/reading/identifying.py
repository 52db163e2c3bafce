"""Say what a file is that is no capture, and what to do with it."""

from __future__ import annotations

_UNPACK = "unpack it and give the captures in it"
_CONVERT = "convert it with editcap -F pcapng"
_BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", _UNPACK),
    (b"PK\x07\x08", "a zip archive in several parts", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    (b"MSCF", "a cabinet archive", _UNPACK),
    (b"!<arch>\n", "an ar archive", _UNPACK),
    (b"\x1f\x9d", "a file packed with compress (.Z)", "unpack it with gzip -d"),
    (b"LZIP", "a file packed with lzip", "unpack it with lzip -d"),
    (b"\x89LZO\x00\r\n\x1a\n", "a file packed with lzop", "unpack it with lzop -d"),
    (b"\x02\x21\x4c\x18", "a file in the old format of lz4", "unpack it with lz4 -d"),
    (b"]\x00\x00", "a file packed with lzma", "unpack it with xz -d --format=lzma"),
    (b"\xff\x06\x00\x00sNaPpY", "a file packed with snappy", "unpack it"),
    (b"\x1f\x8b", "packed twice, with gzip inside", "unpack it once"),
    (b"BZh", "packed twice, with bzip2 inside", "unpack it once"),
    (b"\xfd7zXZ\x00", "packed twice, with xz inside", "unpack it once"),
    (b"\x28\xb5\x2f\xfd", "packed twice, with zstd inside", "unpack it once"),
    (b"\x04\x22\x4d\x18", "packed twice, with lz4 inside", "unpack it once"),
    (b"snoop\0\0\0", "a capture of Solaris' snoop", _CONVERT),
    (b"GMBU", "a capture of Microsoft's Network Monitor", _CONVERT),
    (b"RTSS", "a capture of Microsoft's Network Monitor 1", _CONVERT),
    (b"TRSNIFF data", "a capture of the Sniffer", _CONVERT),
    (b"XCP\0", "a capture of NetXRay", _CONVERT),
    (b"\x7fELF", "a program", "give a capture"),
    (b"MZ", "a program", "give a capture"),
    (b"%PDF", "a PDF document", "give a capture"),
    (b"PAR1", "a Parquet file", "give the capture that it was made from"),
    (b"SQLite format 3\0", "an SQLite database", "give a capture"),
    (b"version https://git-lfs", "a pointer of Git LFS instead of the file", "fetch it with git lfs pull"),
)
LOOK_BYTES = 512  # enough for the mark of a tar archive, at byte 257


def what_it_is(start: bytes) -> str:
    """What a file is that begins so, and what to do, as the end of a sentence about it."""
    for beginning, name, advice in _BEGINNINGS:
        if start.startswith(beginning):
            return f"it is {name}; {advice}"
    if start[257:262] == b"ustar":
        return f"it is a tar archive; {_UNPACK}"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "it is a web page or XML, not a capture; the download may have failed"
    letters = start.decode("utf-8", "ignore")  # the last one may be cut
    if len(letters.encode()) > len(start) - 4 and all(x.isprintable() or x in "\t\r\n" for x in letters):
        return f"it is text that begins with {letters[:20]!r}, not a capture; give a pcap or pcapng file"
    return f"it begins with {start[:4].hex()}, which is neither pcap nor pcapng; {_CONVERT}"
