#!/usr/bin/env python3
"""Instructions of every scenario as callgrind counts them, beside those of its bare signature checks.

    python3 benches/instructions.py            compares with benches/baseline.csv; exit 1 if a verification grew by more than 5 %
    python3 benches/instructions.py --write    writes the baseline

Counts are the same from run to run, on a busy machine too; they change with the compiler. Callgrind shows the program a processor
without the newest instructions (SHA, AVX-512), so the ratios are not those of `make bench-ratios`.
"""

import csv
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ROOT / "benches/baseline.csv"
GROWTH = 1.05
COUNT = 5


def built():
    """The program, and nothing of the dev profile."""
    command = ["cargo", "build", "--quiet", "--profile", "bench", "-p", "verimage-benches", "--bin", "scenario", "--message-format=json"]
    messages = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return re.findall(r'"executable":"([^"]+)"', messages)[-1]


def instructions(program, scenario, what):
    """How many instructions one round takes. The first round is not like the others, so it is counted and taken off."""

    def collected(count):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect=scenario::{what}*", program, scenario, str(count), what]
        output = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True).stderr
        return int(re.search(r"Collected : (\d+)", output).group(1))

    return (collected(1 + COUNT) - collected(1)) // COUNT


def measured(program):
    names = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    with ThreadPoolExecutor(2) as pool:
        whole = pool.map(lambda name: instructions(program, name, "verify"), names)
        raw = pool.map(lambda name: instructions(program, name, "signatures"), names)
        return [(name, *counts) for name, *counts in zip(names, whole, raw)]


def main():
    if shutil.which("valgrind") is None:
        print("skipped: there is no valgrind here")
        return
    rows = measured(built())
    if sys.argv[1:] == ["--write"]:
        with BASELINE.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("scenario", "verify", "signatures"), *rows])
        return
    with BASELINE.open(newline="") as file:
        before = {row["scenario"]: int(row["verify"]) for row in csv.DictReader(file)}
    grown = []
    for name, whole, raw in rows:
        change = whole / before[name] if name in before else 1
        print(f"{name:<36} {whole:>10} instructions, {whole / raw:.2f} of its signatures, {change:.3f} of the baseline")
        if change > GROWTH:
            grown.append(name)
    if grown:
        raise SystemExit(f"more than the baseline: {', '.join(grown)}")


main()
