#!/usr/bin/env python3
"""Many different signed images at once, and policies of many rules: what one more costs.

    python3 benches/many.py [--plot FOLDER]

Images: `verimage audit` over a list of 10 to 100,000 images in a registry of the loopback interface (benches/src/bin/many-registry.rs), each
with a P-256 signature of its own, beside the bare signature checks that both cores can make in that time; the largest resident set. The
registry runs on the same cores, so what it takes is told apart. Rules: one verification under policies of 10 to 50,000 rules.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZES = [10, 100, 1_000, 10_000, 100_000]
RULES = [10, 100, 1_000, 10_000, 50_000]  # a policy has at most 50,000 patterns


def built():
    build = ["cargo", "build", "--quiet", "--profile", "bench", "-p", "verimage-cli", "-p", "verimage-benches", "--bins", "--message-format=json"]
    messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {Path(path).name: path for path in re.findall(r'"executable":"([^"]+)"', messages)}


def policy(work, rules):
    """So many rules, of which the middle one is for the images."""

    def rule(at):
        pattern = "**/many" if at == rules // 2 else f"registry.example/team-{at}/**"
        return f"  - {{ name: rule-{at}, images: ['{pattern}'], require: {{ cosign: {{ key: demo, transparency: none, format: simpleSigning }} }} }}\n"

    path = work / f"policy-{rules}.yaml"
    head = f"apiVersion: verimage/v1\nkind: ImagePolicy\ntrust: {{ demo: {{ publicKey: {{ file: {work}/key.pub }} }} }}\nrules:\n"
    path.write_text(head + "".join(map(rule, range(rules))))
    return path


def seconds_of(pid):
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def audit(programs, work, count):
    """Wall time and the largest resident set, in MiB, of one audit; one that does not allow every image ends the run."""
    images = work / "some.txt"
    with (work / "images.txt").open() as source, images.open("w") as target:
        target.writelines(line for line, _ in zip(source, range(count)))
    command = [programs["verimage"], "audit", "--images", images, "--policy", policy(work, 10), "--jobs", "64", "--format", "jsonl", "--output", work / "report"]
    begin = time.perf_counter()
    subprocess.run(["/usr/bin/time", "-f", "%M", "-o", work / "memory", *command], check=True, env={"HOME": str(work)}, stderr=subprocess.DEVNULL)
    took = time.perf_counter() - begin
    allowed = sum('"decision":"allow"' in line for line in (work / "report").open())
    if allowed != count:
        raise SystemExit(f"{allowed} of {count} images were allowed")
    return took, int((work / "memory").read_text()) / 1024


def ceiling(programs):
    """Bare signature checks a second on all cores."""
    count, cores = 20_000, os.cpu_count()
    command = [programs["scenario"], "aws-lc/cosign-p256", str(count), "signatures"]
    begin = time.perf_counter()
    for process in [subprocess.Popen(command) for _ in range(cores)]:
        if process.wait() != 0:
            raise SystemExit("the signature checks failed")
    return cores * count / (time.perf_counter() - begin)


def images(programs, work):
    registry = subprocess.Popen([programs["many-registry"], work, str(SIZES[-1])])
    try:
        while not (work / "ready").exists():
            time.sleep(0.05)
        most, cores = ceiling(programs), os.cpu_count()
        print(f"bare signature checks on {cores} cores: {most:.0f} a second")
        for count in SIZES:
            before = seconds_of(registry.pid)
            took, memory = audit(programs, work, count)
            others = seconds_of(registry.pid) - before
            share = count / took / most
            own = share * cores * took / (cores * took - others)
            print(f"{count:>7} images: {took:8.3f} s, {count / took:6.0f} a second, {memory:5.1f} MiB; {share:.0%} of the checks, {own:.0%} without the registry's time")
            yield count, took, memory
    finally:
        registry.kill()
        registry.wait()


def rules(programs):
    for count in RULES:
        output = subprocess.run([programs["rules"], str(count)], check=True, stdout=subprocess.PIPE, text=True).stdout
        print(f"{count:>7} rules: {float(output):6.1f} µs a verification")
        yield count, float(output)


def plot(folder, of_images, of_rules):
    """Two pictures; both axes are logarithmic, so a straight line of slope one is linear growth."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "verimage"
    from matplotlib import pyplot

    def draw(name, title, rows, unit, label):
        figure, axes = pyplot.subplots(figsize=(6, 3.5))
        axes.loglog([row[0] for row in rows], [row[1] for row in rows], marker="o")
        axes.set(title=title, xlabel=label, ylabel=unit)
        axes.grid(True, which="major", alpha=0.3)
        figure.savefig(folder / name, format="svg", bbox_inches="tight", metadata={"Date": None})

    draw("images.svg", "An audit of many images", of_images, "seconds", "images")
    draw("rules.svg", "A verification under many rules", of_rules, "microseconds", "rules")


def main():
    programs = built()
    with tempfile.TemporaryDirectory() as folder:
        of_images = list(images(programs, Path(folder)))
    of_rules = list(rules(programs))
    if sys.argv[1:2] == ["--plot"]:
        plot(Path(sys.argv[2]), of_images, of_rules)


main()
