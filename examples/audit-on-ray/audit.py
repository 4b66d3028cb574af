#!/usr/bin/env python3
"""Judges a long list of image references under one policy, on a Ray cluster, and writes a table of verdicts.

    python3 audit.py --policy policy.yaml --output verdicts.parquet references.txt

Equal references are judged once. Exit status, as that of `verimage verify`: 0 all admitted; 1 some not, because denied; 2 a mistake
in the call, the policy or the list; 3 some not admitted because nobody could find out, and none denied.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import ray
import verimage

# References that a worker is given at a time.
BATCH = 64
# References that a worker asks about at the same time.
JOBS = 8

Row = dict[str, Any]
WORD = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("reference", pa.string()),
        ("count", pa.int64()),
        ("digest", pa.string()),
        ("decision", WORD),
        ("admitted", pa.bool_()),
        ("rule", WORD),
        ("code", WORD),
        ("message", pa.string()),
        ("verdict", pa.string()),
    ]
)


class Judge:
    """A worker: one engine, with its connections and tokens, for as long as the audit lasts."""

    def __init__(self, policy: str, at: str) -> None:
        self.engine = verimage.Verimage(policy)
        self.at = at

    def policy(self) -> tuple[str, str]:
        """Which policy this worker has, and which keys."""
        return identity(self.engine.policy)

    def judge(self, references: Sequence[str]) -> list[Row]:
        """A row for each reference."""
        rows: list[Row] = []
        while len(rows) < len(references):
            try:
                for verdict in self.engine.verify_many(references[len(rows) :], jobs=JOBS, at=self.at):
                    rows.append(judged(references[len(rows)], verdict))
            except verimage.ImageReferenceError as error:
                # It ends the iteration; the next one begins behind it.
                rows.append({"reference": references[len(rows)], "code": error.code, "message": error.message})
        return rows


class DifferentPolicy(Exception):
    """The workers would not judge by one policy."""


def identity(policy: verimage.Policy | None) -> tuple[str, str]:
    assert policy is not None
    return policy.digest, policy.material_digest


def judged(reference: str, verdict: verimage.Verdict) -> Row:
    return {
        "reference": reference,
        "digest": verdict.digest,
        "decision": verdict.decision,
        "admitted": verdict.admitted,
        "rule": verdict.rule,
        "code": verdict.code,
        "message": verdict.message,
        "verdict": verdict.to_json(),
    }


def judge_all(references: Sequence[str], policy: str, at: str, workers: int) -> Iterator[Row]:
    """Rows in the order of the references, which are shared among workers."""
    # A machine may be lost on the way: asking again does no harm.
    worker = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=3)(Judge)
    judges = [worker.remote(policy, at) for _ in range(workers)]
    # Workers read the policy where they are. It must be the same everywhere.
    expected = identity(verimage.Policy.load(policy))
    if any(found != expected for found in ray.get([judge.policy.remote() for judge in judges])):
        raise DifferentPolicy(f"{policy}, or a key that it names, is not the same on every machine")
    batches = [references[start : start + BATCH] for start in range(0, len(references), BATCH)]
    for rows in ray.util.ActorPool(judges).map(lambda judge, batch: judge.judge.remote(batch), batches):
        yield from rows


def status(rows: Sequence[Row]) -> int:
    if any("decision" not in row for row in rows):
        return 2
    refused = {row["decision"] for row in rows if not row["admitted"]}
    return 0 if not refused else 1 if "deny" in refused else 3


def read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("references", type=Path, help="a file with one reference a line")
    parser.add_argument("--policy", required=True, help="a file that is at the same path on every machine")
    parser.add_argument("--output", required=True, type=Path, help="the table, Parquet")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--address", help="a cluster, such as `auto`; without it Ray is started on this machine")
    parser.add_argument("--at", default=datetime.now(timezone.utc).isoformat(), help="one time for all [default: now]")
    return parser.parse_args()


def connect(options: argparse.Namespace) -> None:
    if options.address:
        ray.init(address=options.address, log_to_driver=False)
    else:
        ray.init(address="local", num_cpus=options.workers, include_dashboard=False, log_to_driver=False, logging_level="warning")


def audit(options: argparse.Namespace) -> int:
    verimage.Policy.load(options.policy)
    lines = options.references.read_text(encoding="utf-8").splitlines()
    counts = Counter(line.strip() for line in lines if line.strip())
    if not counts:
        raise ValueError(f"{options.references} has no references")
    connect(options)
    rows = list(judge_all(list(counts), options.policy, options.at, options.workers))
    for row in rows:
        row["count"] = counts[row["reference"]]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), options.output, compression="zstd")
    print(f"{counts.total()} references, {len(counts)} different, {len({row.get('digest') for row in rows} - {None})} digests")
    for (decision, code), number in sorted(Counter((row.get("decision") or "-", row.get("code") or "-") for row in rows).items()):
        print(f"{number:8} {decision} {code}")
    return status(rows)


def main() -> int:
    options = read()
    try:
        return audit(options)
    except (verimage.VerimageError, ray.exceptions.RayError, DifferentPolicy, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
