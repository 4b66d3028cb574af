#!/usr/bin/env python3
"""Adds one run of a target to the table in a document: table.py TARGET SECONDS LOG DOCUMENT.

Executions and time are added up; coverage and corpus are those of the last run, which began with what earlier runs found.
"""

import re
import sys
from pathlib import Path

HEAD = "| target | minutes | executions | edges | features | corpus | findings |"


def last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


def main() -> None:
    target, seconds, log, document = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
    text = log.read_text(errors="replace")
    executions = last(r"stat::number_of_executed_units:\s*(\d+)", text)
    edges, features, corpus = (last(rf"\b{name}: (\d+)", text) for name in ("cov", "ft", "corp"))
    findings = len(re.findall(r"Test unit written to", text))
    if not executions and not findings:
        sys.exit(f"{target}: the log has no figures:\n{text[-2000:]}")
    lines = document.read_text().splitlines()
    begin = lines.index(HEAD) + 2
    end = next((at for at in range(begin, len(lines)) if not lines[at].startswith("|")), len(lines))
    rows = {row.split("|")[1].strip(): row for row in lines[begin:end]}
    minutes = seconds / 60
    if target in rows:
        cells = [cell.strip() for cell in rows[target].split("|")]
        minutes += number(cells[2])
        executions += int(number(cells[3]))
        findings += int(number(cells[7]))
    rows[target] = f"| {target} | {minutes:,.1f} | {executions:,} | {edges:,} | {features:,} | {corpus:,} | {findings} |"
    lines[begin:end] = [rows[name] for name in sorted(rows)]
    document.write_text("\n".join(lines) + "\n")
    print(rows[target])


if __name__ == "__main__":
    main()
