"""The audit on a real Ray, over 200 references of a registry on the loopback interface: `./test.sh` runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import verimage

HERE = Path(__file__).parent
POLICY = HERE / "policy.yaml"


def audit(work, references, policy=POLICY):
    """Exit status, what was printed, and the rows."""
    listed, table = work / "list.txt", work / "verdicts.parquet"
    listed.write_text("\n".join(references))
    table.unlink(missing_ok=True)
    command = [sys.executable, HERE / "audit.py", "--policy", policy, "--output", table, listed]
    finished = subprocess.run(command, capture_output=True, text=True)
    rows = pq.read_table(table).to_pylist() if table.exists() else []
    return finished.returncode, finished.stdout + finished.stderr, {row["reference"]: row for row in rows}


def check_fleet(work, references):
    """Verdicts are those of the library, each reference once, and none is lost."""
    status, printed, rows = audit(work, references)
    assert status == 1, printed
    assert printed.startswith("200 references, 40 different, 1 digests\n"), printed
    assert sum(row["count"] for row in rows.values()) == 200 and set(rows) == set(references), printed
    with verimage.Verimage(POLICY) as engine:
        for reference, row in rows.items():
            verdict = engine.verify(reference, at=json.loads(row["verdict"])["at"])
            assert row["verdict"] == verdict.to_json(), reference
            assert (row["decision"], row["digest"], row["code"]) == (verdict.decision, verdict.digest, verdict.code)
    codes = sorted({row["code"] or "" for row in rows.values()})
    assert codes == ["", "signature-invalid", "signature-not-found"], codes


def check_statuses(work, references):
    """The exit status is that of the command line."""
    signed = references[0]
    assert audit(work, [signed, signed])[0] == 0
    assert audit(work, [signed, "nowhere.example/app:v1"])[0] == 3
    status, printed, rows = audit(work, [signed, "No Reference", references[1]])
    assert status == 2 and rows["No Reference"]["code"] == "usage", printed
    assert rows[signed]["admitted"] and rows[references[1]]["admitted"], rows
    for listed, policy in [([signed], work / "missing.yaml"), ([""], POLICY)]:
        status, printed, rows = audit(work, listed, policy)
        assert status == 2 and not rows and printed.startswith("error: "), printed


def main():
    work = Path(sys.argv[1])
    references = (work / "references.txt").read_text().splitlines()
    check_fleet(work, references)
    check_statuses(work, references)
    print("audit-on-ray: 200 references passed")


if __name__ == "__main__":
    main()
