"""The real `gpg` with keys of its own, in a directory that does not outlive the run, at a time of one's choice."""

import re
from pathlib import Path

from signing import run, run_or_fail


class Gpg:
    """One home directory; use it in a `with` statement, which ends the agent."""

    def __init__(self, executable, directory, time):
        self.executable = executable
        self.home = Path(directory) / "gnupg"
        self.home.mkdir(mode=0o700)
        self.keys = {}
        self.set_time(time)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run(["gpgconf", "--kill", "all"], self.home, self.environment)

    @property
    def environment(self):
        """What other tools need to sign with these keys."""
        return {"GNUPGHOME": str(self.home)}

    def set_time(self, time):
        """What every call, also by other tools, takes for the present; without a time, the clock."""
        self.time = time
        compact = re.sub("[-:Z]", "", time) if time else ""
        (self.home / "gpg.conf").write_text(f"faked-system-time {compact}!\n" if time else "")

    def call(self, *arguments, content=None, time=None):
        """A call that must work; gives standard output."""
        before = self.time
        if time:
            self.set_time(time)
        try:
            words = [self.executable, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
            return run_or_fail([*words, *arguments], self.home, self.environment, content)
        finally:
            self.set_time(before)

    def make(self, name, kind, usage="sign", expires="never", time=None):
        """A new key; gives its fingerprint, which stands in `keys` as well. Kinds: those of gpg, as `rsa2048`."""
        self.call("--quick-generate-key", f"{name} <{name}@registry.example>", kind, usage, expires, time=time)
        self.keys[name] = self.fingerprints(f"={name} <{name}@registry.example>")[0]
        return self.keys[name]

    def add_subkey(self, name, kind, usage="sign", expires="never", time=None):
        """A new subkey; gives its fingerprint."""
        self.call("--quick-add-key", self.keys[name], kind, usage, expires, time=time)
        return self.fingerprints(self.keys[name])[-1]

    def fingerprints(self, name):
        """The fingerprints of a key and of its subkeys."""
        listed = self.call("--list-keys", "--with-colons", "--with-subkey-fingerprint", name).decode()
        return [line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:")]

    def edit(self, name, *answers, time=None):
        """Answers to what `--edit-key` asks."""
        content = "".join(f"{answer}\n" for answer in answers).encode()
        words = ["--command-fd", "0", "--expert", "--edit-key", self.keys[name]]
        before = self.time
        self.set_time(time or before)
        try:
            options = ["--no-tty", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
            run_or_fail([self.executable, *options, *words], self.home, self.environment, content)
        finally:
            self.set_time(before)

    def sign(self, name, content, *options, time=None):
        """A signed message as skopeo has it made; `name` may be a fingerprint, with `!` that of a subkey."""
        key = self.keys.get(name, name)
        return self.call("--local-user", key, *options, "--output", "-", "--sign", content=content, time=time)

    def detached(self, name, content, *options):
        """A signature alone."""
        return self.call("--local-user", self.keys[name], *options, "--output", "-", "--detach-sign", content=content)

    def clear_signed(self, name, content):
        """A text with its signature."""
        return self.call("--local-user", self.keys[name], "--output", "-", "--clear-sign", content=content)

    def encrypted(self, name, content):
        """Signed and encrypted for a new key of somebody else."""
        words = ["--trust-model", "always", "--local-user", self.keys[name], "--recipient", self.keys["reader"]]
        return self.call(*words, "--output", "-", "--sign", "--encrypt", content=content)

    def revoke(self, name):
        """Publishes the revocation that gpg made together with the key: for no reason that it names."""
        text = (self.home / "openpgp-revocs.d" / f"{self.keys[name]}.rev").read_text()
        self.call("--import", content=text[text.index(":-----BEGIN") + 1 :].encode())

    def revoke_for(self, name, reason, time=None):
        """Publishes a revocation for a reason: 1 compromised, 2 superseded, 3 no longer used."""
        self.edit(name, "revkey", "y", reason, "", "y", "save", time=time)

    def export(self, *names, armor=False):
        """Public keys in one piece."""
        keys = [self.keys.get(name, name) for name in names]
        return self.call(*(["--armor"] if armor else []), "--export", *keys)
