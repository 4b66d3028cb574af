"""Compares two verifiers question by question and keeps the list of known differences honest."""

import fnmatch
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

EXCEPTIONS = Path(__file__).with_name("exceptions.json")


@dataclass
class Question:
    """One image and one expectation of its signer, to be asked of every verifier.

    `ask` maps the name of a verifier to a function that gives an `Answer`. `verimage` is one of them.
    """

    name: str
    ask: dict
    answers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Accepted or not; `trouble` says why an answer cannot be counted at all."""

    accepted: bool
    status: int
    trouble: str = None

    def __str__(self):
        return self.trouble or f"{'accept' if self.accepted else 'refuse'} ({self.status})"


@dataclass
class KnownDifference:
    """An entry of exceptions.json: `question` is a glob, `peers` the verifiers that answer otherwise."""

    question: str
    peers: list
    verimage: str
    reason: str
    met: bool = False
    seen: bool = False

    def covers(self, question, peer):
        """Whether the entry is about this question and this peer."""
        return peer in self.peers and fnmatch.fnmatchcase(question.name, self.question)


def known_differences(suite):
    """The entries for one suite."""
    return [KnownDifference(**entry) for entry in json.loads(EXCEPTIONS.read_text())[suite]]


def answer_all(questions, workers=4):
    """Asks every verifier every question."""
    jobs = [(question, verifier) for question in questions for verifier in question.ask]
    with ThreadPoolExecutor(workers) as pool:
        answers = pool.map(lambda job: job[0].ask[job[1]](), jobs)
        for (question, verifier), answer in zip(jobs, answers):
            question.answers[verifier] = answer


def judge(question, differences):
    """The problems of one question, and the reasons of the differences that are known."""
    ours = question.answers["verimage"]
    if ours.trouble:
        return [ours.trouble], []
    problems, reasons = [], []
    for peer, theirs in question.answers.items():
        if peer == "verimage":
            continue
        covering = [entry for entry in differences if entry.covers(question, peer)]
        for entry in covering:
            entry.seen = True
        if theirs.accepted == ours.accepted:
            continue
        fitting = [entry for entry in covering if (entry.verimage == "accept") == ours.accepted]
        for entry in fitting:
            entry.met = True
        reasons += [entry.reason for entry in fitting[:1]]
        if not fitting:
            problems.append(f"{peer} answers otherwise")
    return problems, sorted(set(reasons))


def report(questions, differences, complete):
    """Prints the table and gives the number of failures; `complete` means that no tool was absent."""
    width = max(len(question.name) for question in questions)
    peers = sorted({verifier for question in questions for verifier in question.ask})
    print(f"{'question'.ljust(width)}  {''.join(peer.ljust(14) for peer in peers)}")
    failed = 0
    for question in questions:
        problems, reasons = judge(question, differences)
        failed += bool(problems)
        cells = "".join(str(question.answers.get(peer, "-")).ljust(14) for peer in peers)
        note = f"FAIL: {'; '.join(problems)}" if problems else "; ".join(reasons)
        print(f"{question.name.ljust(width)}  {cells}{note}".rstrip())
    stale = [entry for entry in differences if not entry.met and (entry.seen or complete)]
    for entry in stale:
        print(f"FAIL: stale entry in {EXCEPTIONS.name}: {entry.question} ({', '.join(entry.peers)})")
    print(f"{len(questions) - failed} passed, {failed + len(stale)} failed")
    return failed + len(stale)
