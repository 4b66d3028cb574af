"""OpenPGP packets (RFC 4880): taken apart, put together, and signed with openssl where gpg would not sign."""

import base64
import bz2
import hashlib
import re
import struct
import zlib
from dataclasses import dataclass
from datetime import datetime

from signing import run_or_fail, sign_with_openssl

SIGNATURE, ONE_PASS, PUBLIC_KEY, COMPRESSED, MARKER, LITERAL, USER_ID, SUBKEY = 2, 4, 6, 8, 10, 11, 13, 14
RSA = 1
HASHES = {"md5": 1, "sha1": 2, "sha256": 8, "sha384": 9, "sha512": 10}
# Subpackets of signatures.
CREATED, EXPIRES, KEY_EXPIRES, ISSUER, FLAGS, EMBEDDED, FINGERPRINT = 2, 3, 9, 16, 27, 32, 33
CERTIFIES, SIGNS, ENCRYPTS = 1, 2, 12
# Types of signatures.
BINARY, TEXT, STANDALONE, CERTIFICATION, SUBKEY_BINDING, PRIMARY_BINDING, REVOCATION = (
    0x00,
    0x01,
    0x02,
    0x13,
    0x18,
    0x19,
    0x20,
)
TIMESTAMP = 0x40


@dataclass(frozen=True)
class Packet:
    """A packet; `raw` is all of it."""

    tag: int
    body: bytes
    raw: bytes


def packets(content):
    """The packets of a message or of a key, all of known length but for a compressed last one."""
    found = []
    while content:
        tag, start, end = header(content)
        found.append(Packet(tag, content[start:end], content[:end]))
        content = content[end:]
    return found


def header(content):
    """Tag, begin and end of the first packet."""
    first = content[0]
    if first & 0x40:
        start, length = new_length(content)
        return first & 0x3F, start, start + length
    kind = first & 3
    if kind == 3:
        return first >> 2 & 0xF, 1, len(content)
    start = 1 + (1 << kind)
    return first >> 2 & 0xF, start, start + int.from_bytes(content[1:start], "big")


def new_length(content):
    """Begin and length of the body of a packet in the new format; partial lengths are not read."""
    octet = content[1]
    if octet < 192:
        return 2, octet
    if octet < 224:
        return 3, (octet - 192 << 8) + content[2] + 192
    if octet == 255:
        return 6, int.from_bytes(content[2:6], "big")
    raise ValueError("a partial length")


def length(size):
    """A length in the new format."""
    if size < 192:
        return bytes([size])
    if size < 8384:
        return bytes([(size - 192 >> 8) + 192, (size - 192) & 0xFF])
    return b"\xff" + struct.pack(">I", size)


def packet(tag, body):
    """A packet in the new format."""
    return bytes([0xC0 | tag]) + length(len(body)) + body


def old_packet(tag, body):
    """A packet in the old format, with a length of two octets."""
    return bytes([0x80 | tag << 2 | 1]) + struct.pack(">H", len(body)) + body


def partial_packet(tag, body, part=512):
    """A packet in parts."""
    parts = b""
    while len(body) > part:
        parts += bytes([224 + part.bit_length() - 1]) + body[:part]
        body = body[part:]
    return bytes([0xC0 | tag]) + parts + length(len(body)) + body


def literal(content, mode=b"b", name=b"", date=0):
    """A literal data packet."""
    return packet(LITERAL, mode + bytes([len(name)]) + name + struct.pack(">I", date) + content)


def literal_content(body):
    """What a literal data packet holds."""
    return body[6 + body[1] :]


def compressed(content, algorithm="zip"):
    """A compressed data packet as gpg writes it, without a length."""
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    code, inner = {
        "none": lambda: (0, content),
        "zip": lambda: (1, raw.compress(content) + raw.flush()),
        "zlib": lambda: (2, zlib.compress(content, 9)),
        "bzip2": lambda: (3, bz2.compress(content)),
    }[algorithm]()
    return b"\xa3" + bytes([code]) + inner


def seconds(time):
    """A time of RFC 3339 as OpenPGP counts it."""
    return int(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp())


def number(value):
    """An integer of any size."""
    return struct.pack(">H", value.bit_length()) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def subpacket(kind, body, critical=False):
    """A subpacket of a signature."""
    return length(len(body) + 1) + bytes([kind | (0x80 if critical else 0)]) + body


def at(kind, time):
    """A subpacket with a time."""
    return subpacket(kind, struct.pack(">I", seconds(time)))


def duration(kind, count):
    """A subpacket with a number of seconds."""
    return subpacket(kind, struct.pack(">I", count))


def with_unhashed(body, more):
    """The body of a signature of version 4 with more subpackets in the area that is not signed."""
    hashed = struct.unpack_from(">H", body, 4)[0]
    start = 6 + hashed
    size = struct.unpack_from(">H", body, start)[0]
    return body[:start] + struct.pack(">H", size + len(more)) + more + body[start + 2 :]


def armored(content, kind="MESSAGE"):
    """ASCII armor."""
    text = base64.b64encode(content).decode()
    lines = [text[begin : begin + 64] for begin in range(0, len(text), 64)]
    check = base64.b64encode(crc24(content).to_bytes(3, "big")).decode()
    return "\n".join([f"-----BEGIN PGP {kind}-----", "", *lines, f"={check}", f"-----END PGP {kind}-----", ""]).encode()


def crc24(content):
    """The checksum of ASCII armor."""
    value = 0xB704CE
    for octet in content:
        value ^= octet << 16
        for _ in range(8):
            value <<= 1
            if value & 0x1000000:
                value ^= 0x1864CFB
    return value


class HandKey:
    """An RSA key of openssl as an OpenPGP key."""

    def __init__(self, key, created):
        self.key = key
        self.created = created
        text = run_or_fail(["openssl", "rsa", "-pubin", "-in", key.public, "-noout", "-modulus", "-text"], key.public.parent)
        modulus = int(re.search(rb"Modulus=([0-9A-F]+)", text)[1], 16)
        exponent = int(re.search(rb"Exponent: (\d+)", text)[1])
        self.body = b"\x04" + struct.pack(">IB", seconds(created), RSA) + number(modulus) + number(exponent)

    @property
    def material(self):
        """What fingerprints and signatures of this key are made over."""
        return b"\x99" + struct.pack(">H", len(self.body)) + self.body

    @property
    def fingerprint(self):
        """The fingerprint."""
        return hashlib.sha1(self.material).digest()

    def sign(self, kind, content, hashed=b"", unhashed=b"", digest="sha256", time=None):
        """The body of a signature of version 4 over some bytes; `hashed` follows the time and the fingerprint."""
        area = (at(CREATED, time) if time else b"") + subpacket(FINGERPRINT, b"\x04" + self.fingerprint) + hashed
        start = bytes([4, kind, RSA, HASHES[digest]]) + struct.pack(">H", len(area)) + area
        signed = content + start + b"\x04\xff" + struct.pack(">I", len(start))
        unhashed = subpacket(ISSUER, self.fingerprint[-8:]) + unhashed
        return start + struct.pack(">H", len(unhashed)) + unhashed + self.proof(signed, digest)

    def sign_version_3(self, kind, content, time, digest="sha256"):
        """The body of a signature of version 3."""
        start = bytes([kind]) + struct.pack(">I", seconds(time))
        codes = bytes([RSA, HASHES[digest]])
        return b"\x03\x05" + start + self.fingerprint[-8:] + codes + self.proof(content + start, digest)

    def proof(self, signed, digest):
        """The first two octets of the hash, and the signature."""
        value = int.from_bytes(sign_with_openssl(self.key, signed, digest), "big")
        return hashlib.new(digest, signed).digest()[:2] + number(value)

    def one_pass(self, kind=BINARY, digest="sha256"):
        """The packet that announces a signature."""
        return packet(ONE_PASS, bytes([3, kind, HASHES[digest], RSA]) + self.fingerprint[-8:] + b"\x01")

    def message(self, content, time, kind=BINARY, signed=None, digest="sha256", **areas):
        """A signed message without compression; `signed` are other bytes than those that it holds."""
        signed = content if signed is None else signed
        body = self.sign(kind, signed, digest=digest, time=time, **areas)
        return self.one_pass(kind, digest) + literal(content) + packet(SIGNATURE, body)

    def certificate(self, name, flags, *subkeys, more=b"", digest="sha256", time=None, unhashed=b""):
        """The key with a name that it certifies itself, and with subkeys."""
        identity = name.encode()
        content = self.material + b"\xb4" + struct.pack(">I", len(identity)) + identity
        hashed = subpacket(FLAGS, bytes([flags])) + more
        body = self.sign(CERTIFICATION, content, hashed, unhashed, digest, time or self.created)
        own = packet(PUBLIC_KEY, self.body) + packet(USER_ID, identity) + packet(SIGNATURE, body)
        return own + b"".join(subkeys)

    def subkey(self, other, flags, embedded=None, more=b"", unhashed=b"", binding=True):
        """Another key as a subkey of this one, with what the other says to that as `embedded`."""
        own = packet(SUBKEY, other.body)
        if not binding:
            return own
        hashed = subpacket(FLAGS, bytes([flags])) + (subpacket(EMBEDDED, embedded) if embedded else b"") + more
        content = self.material + other.material
        return own + packet(SIGNATURE, self.sign(SUBKEY_BINDING, content, hashed, unhashed, time=other.created))

    def accepts(self, primary):
        """What a signing subkey says to its primary key: the body of a signature."""
        return self.sign(PRIMARY_BINDING, primary.material + self.material, time=self.created)
