"""Machine code of kernels, kept on disk and called without the compiler: to load that takes longer than to meter most
captures.

A file holds the code of one kernel, with all that it calls, for one combination of argument types. Its name says
which version of the kernels, compiler and processor it is for; the code is compiled anew when there is no such file.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import json
import os
import struct
import threading
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iotids.flowmeter.kernels import trampolines
from iotids.flowmeter.kernels.words import flatten, fractions, kinds_as_text

if TYPE_CHECKING:
    import subprocess

ROOM = Path(__file__).resolve().parent
COLUMNS = ROOM.parent / "columns"
DIGEST_BYTES = 32
OLDER = 8  # digits of a file name that stand for the version
OK, OK_NONE = (
    0,
    -2,
)  # what compiled functions return; anything else would be an exception, and kernels raise none
LOADING = threading.RLock()
HEAD = struct.Struct("QQQ")  # words before those of the arguments: the function, its result, its exception


def is_compiling() -> bool:
    """Whether kernels run as machine code; NUMBA_DISABLE_JIT=1 runs them as Python."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


class MachineCode:
    """A kernel that Python calls, by its name; its module, which loads the compiler, is only imported to compile it.

    Arguments are arrays, numbers, and named tuples of these; results whole numbers or tuples of them.

    Attributes
    ----------
    compiled, loaded : int
        For how many combinations of types the code was compiled here, or found on disk.
    under_way : Popen or None
        A process that compiles the kernel, and writes its code to disk.
    """

    under_way: subprocess.Popen[bytes] | None = None

    def __init__(self, module: str, name: str, function: Callable[..., Any] | None = None) -> None:
        self.module, self.name, self._function = module, name, function
        self._natives: dict[tuple[Any, ...], Callable[..., Any]] = {}
        self.compiled = self.loaded = 0

    def __call__(self, *arguments: Any) -> Any:
        """Run the kernel; other threads run meanwhile."""
        kinds: list[Any] = []
        words: list[bytes] = []
        flatten(arguments, kinds, words)
        key = tuple(kinds)
        native = self._natives.get(key)
        if native is None:
            native = self._load(key, arguments)
        return native(words)

    def _load(self, kinds: tuple[Any, ...], arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """Machine code for arguments of some kinds: from disk, or compiled and written there."""
        with LOADING:
            if kinds not in self._natives:
                paths = self._paths(kinds)
                content = self._from_disk(paths)
                if content is None:
                    content = self._compile(kinds, arguments)
                    _write_whole(paths[0], content)
                    self.compiled += 1
                else:
                    self.loaded += 1
                self._natives[kinds] = _link(content)
        return self._natives[kinds]

    def is_on_disk(self) -> bool:
        """Whether there is machine code of this version, for arguments of whatever types."""
        return any(
            any(path.parent.glob(f"{path.name.rpartition('-')[0]}-*.code")) for path in self._paths(())
        )

    def _from_disk(self, paths: list[Path]) -> bytes | None:
        """Content of the first file there is; waits for one while a process compiles the kernel."""
        while True:
            ended = self.under_way is None or self.under_way.poll() is not None
            content = next(filter(None, map(_read_whole, paths)), None)
            if content is not None or ended:
                return content
            time.sleep(0.05)

    def _compile(self, kinds: tuple[Any, ...], arguments: tuple[Any, ...]) -> bytes:
        """Machine code as it stands in its file: that of the kernel, behind it the trampoline to it."""
        from iotids.flowmeter.kernels.compiling import compile_for

        symbol, results, code = compile_for(self._python(), arguments)
        head = json.dumps([symbol, results, len(code)]).encode()
        return head + b"\n" + code + trampolines.trampoline([False, False, *fractions(kinds)])

    def _python(self) -> Callable[..., Any]:
        """The kernel as it is written."""
        if self._function is None:
            found = getattr(import_module(self.module), self.name)
            self._function = getattr(found, "_function", found)
        assert self._function is not None
        return self._function

    def _paths(self, kinds: tuple[Any, ...]) -> list[Path]:
        """Where the code for some kinds of arguments may lie; it is written to the first, and files of other versions are removed there."""
        spec = find_spec(self.module) if self._function is None else None
        source = spec.origin if spec else self._function.__code__.co_filename  # type: ignore[union-attr]
        folder = Path(str(source)).resolve().parent
        signature = hashlib.sha256(repr(kinds_as_text(kinds)).encode()).hexdigest()
        stem = f"{self.module.rpartition('.')[2]}.{self.name}"
        name = f"{stem}-{digest_of_kernels(folder)[:OLDER]}-{signature[:16]}.code"
        return [place / name for place in _cache_folders(folder)]


def _link(content: bytes) -> Callable[[list[bytes]], Any]:
    """A function of the words of arguments, from the content of a file."""
    head, _, code = content.partition(b"\n")
    symbol, results, size = json.loads(head)
    address = _linker()(symbol, code[:size])
    native = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p)(_linker()(trampolines.NAME, code[size:]))
    room = ctypes.c_int64 * max(1, results or 1)
    nowhere = ctypes.c_void_p()
    nowhere_at = ctypes.addressof(nowhere)

    # `kept` holds the memory of `nowhere` for as long as `call` lives; callers leave it as it is
    def call(words: list[bytes], kept: ctypes.c_void_p = nowhere) -> Any:
        result = room()
        status = native(b"".join((HEAD.pack(address, ctypes.addressof(result), nowhere_at), *words)))
        if status not in (OK, OK_NONE):
            raise RuntimeError(f"kernel {symbol} ended with status {status}; a defect of the meter")
        return None if results is None else result[0] if results == 0 else tuple(result)

    return call


@functools.cache
def _linker() -> Callable[[str, bytes], int]:
    """A function that brings machine code into memory, where it stays, and gives the address of a symbol."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    compiler = llvm.create_lljit_compiler()
    kept: list[Any] = []

    def link(symbol: str, code: bytes) -> int:
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(symbol)
        kept.append(builder.link(compiler, f"{symbol}.{len(kept)}"))
        return int(kept[-1][symbol])

    return link


@functools.cache
def digest_of_kernels(folder: Path) -> str:
    """SHA-256 over all that machine code depends on: the Python files of the kernels and of a folder, the schema, from
    which kernels have constants, the compiler's version, and the processor.
    """
    import llvmlite.binding as llvm

    digest = hashlib.sha256()
    for path in sorted({*ROOM.glob("*.py"), *folder.glob("*.py"), *COLUMNS.glob("*.py")}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    compiler = find_spec("numba")
    version = Path(str(compiler and compiler.origin)).with_name("_version.py")
    digest.update(version.read_bytes() if version.is_file() else b"")
    features = llvm.get_host_cpu_features().flatten()
    digest.update(f"{llvm.llvm_version_info} {llvm.get_host_cpu_name()} {features}".encode())
    return digest.hexdigest()


@functools.cache
def _cache_folders(folder: Path) -> tuple[Path, ...]:
    """Where machine code of a folder's kernels is kept: beside them; where one may not write there, in the user's cache, and
    what another account left beside them is used. NUMBA_CACHE_DIR names another place.
    """
    apart = f"{folder.name}-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return (Path(named) / apart,)
    beside = folder / "__pycache__"
    if os.access(beside if beside.is_dir() else folder, os.W_OK):
        return (beside,)
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iotids" / apart
    return own, beside


def _read_whole(path: Path) -> bytes | None:
    """Content of a file that was written whole; None for any other."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, content = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file at once, and remove those of other versions; where that is not possible, the next process compiles
    again.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    stem, version, _ = path.name.rsplit("-", 2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(path)
        for other in path.parent.glob(f"{stem}-*.code"):
            if other.name.rsplit("-", 2)[1] != version:
                other.unlink(missing_ok=True)
    except OSError:
        with contextlib.suppress(OSError):  # a folder that one may not even look into
            temporary.unlink(missing_ok=True)
