"""A stage of an experiment that fails or is killed leaves an MLflow run that says so.

A killed process writes nothing, so a small process of its own waits for the end of the stage: it reads a pipe whose
other end only the stage holds. Where the last line is not `done`, it publishes a run FAILED or KILLED.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from iotids.tracking.store import experiment_name, open_store, workspace
from iotids.tracking.usage import recorded

DONE = "done"
KILLED_CODES = range(129, 166)  # 128 + a signal's number
LEVEL = "attempt"


@contextmanager
def watched() -> Iterator[None]:
    """Watch the stage that runs in the block, where DVC runs it for an experiment; elsewhere do nothing."""
    if not (os.environ.get("DVC_EXP_NAME") and os.environ.get("DVC_STAGE")):
        with recorded():
            yield
        return
    pipe = _start_watcher(_facts())
    try:
        with recorded():
            yield
        _say(pipe, DONE)
    except SystemExit as ending:
        _say(pipe, _ending(ending.code))
        raise
    except BaseException as fault:
        _say(pipe, f"failed {type(fault).__name__}: {fault}")
        raise


def _ending(code: Any) -> str:
    """The last line for an exit code, or for the message that stands in its place."""
    if code in (None, 0):
        return DONE
    if isinstance(code, int):
        return f"killed by signal {code - 128}" if code in KILLED_CODES else f"failed with exit code {code}"
    return f"failed {code}"


def _facts() -> dict[str, Any]:
    """What is known when the stage starts; its folder may be gone when it ends."""
    params = Path("params.yaml")
    return {
        "stage": os.environ["DVC_STAGE"],
        "experiment": experiment_name(),
        "baseline": os.environ.get("DVC_EXP_BASELINE_REV", "")[:10],
        "command": " ".join(sys.argv),
        "start_ms": int(time.time() * 1000),
        "params": params.read_text(encoding="utf-8") if params.is_file() else "",
    }


def _start_watcher(facts: Mapping[str, Any]) -> int | None:
    """Start the process that waits; gives the pipe's end to write to, or None where no process can be had."""
    reads, writes = os.pipe()
    try:
        subprocess.Popen(
            [sys.executable, "-m", "iotids.tracking.attempts"],
            stdin=reads,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=workspace(),
            start_new_session=True,  # a signal to the stage's group leaves it alone
        )
    except OSError:
        os.close(writes)
        return None
    finally:
        os.close(reads)
    _say(writes, json.dumps(dict(facts)))
    return writes


def _say(pipe: int | None, line: str) -> None:
    """Write a line to the watcher, which may be gone."""
    if pipe is not None:
        with suppress(OSError):
            os.write(pipe, (line.replace("\n", " ↵ ") + "\n").encode())


def publish_attempt(facts: Mapping[str, Any], last_line: str, *, end_ms: int) -> str:
    """Write a run that says how a stage ended; gives its id.

    Parameters
    ----------
    facts : what the stage wrote first
    last_line : what it wrote last; empty when it was killed without a chance to write
    """
    import yaml

    from iotids.tracking.provenance import flatten, shown_params

    failed = last_line.startswith("failed")
    status, said = ("FAILED", last_line.removeprefix("failed ")) if failed else ("KILLED", last_line)
    name, stage = facts["experiment"], facts["stage"]
    note = (
        f"Stage `{stage}` of the experiment `{name}` {'failed' if failed else 'was killed'}: "
        f"{said or 'the process ended without a word (SIGKILL, or out of memory)'}.\n\n"
        f"Its output, where it came from the queue: `dvc queue logs {name}`"
    )
    tags = {
        "level": LEVEL,
        "dvc.exp": name,
        "dvc.stage": stage,
        "dvc.baseline": facts["baseline"],
        "ended": said or "SIGKILL",
        "mlflow.source.name": facts["command"],
        "mlflow.user": "dvc",
        "mlflow.note.content": note,
    }
    params = shown_params(flatten(yaml.safe_load(facts["params"]) or {}))
    with open_store() as (client, experiment_id):
        run = client.create_run(
            experiment_id,
            start_time=facts["start_ms"],
            run_name=f"{stage} · {status.lower()} ({name})",
            tags={key: value[:5000] for key, value in tags.items() if value},
        )
        from iotids.tracking.batches import log

        log(client, run.info.run_id, {"time/until_end_s": (end_ms - facts["start_ms"]) / 1000}, params)
        client.set_terminated(run.info.run_id, status=status, end_time=end_ms)
    return str(run.info.run_id)


def main() -> None:
    """Wait for the end of a stage; where it did not finish, publish that."""
    first, *later = sys.stdin.read().splitlines() or [""]
    if first and (not later or later[-1] != DONE):
        publish_attempt(json.loads(first), later[-1] if later else "", end_ms=int(time.time() * 1000))


if __name__ == "__main__":
    main()
