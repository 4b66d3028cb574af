"""May this container image run under this policy, and which digest exactly?

    verdict = verimage.verify("registry.example/app:v1", "policy.yaml")
    print(verdict.allowed, verdict.digest, verdict.code, verdict.message)
"""

from verimage._codes import FailureCode, codes
from verimage._engine import Limits, PolicyLike, Verimage, averify, verify, verify_many
from verimage._errors import (
    ConfigurationError,
    Denied,
    ImageReferenceError,
    Inconclusive,
    InternalError,
    PolicyError,
    StoreError,
    VerimageError,
)
from verimage._native import VERSION as __version__
from verimage._native import Leaf, Policy, Report, Rule, Verdict, Want
from verimage._stores import KeyResolver, SignatureStore

__all__ = [
    "ConfigurationError",
    "Denied",
    "FailureCode",
    "ImageReferenceError",
    "Inconclusive",
    "InternalError",
    "KeyResolver",
    "Leaf",
    "Limits",
    "Policy",
    "PolicyError",
    "PolicyLike",
    "Report",
    "Rule",
    "SignatureStore",
    "StoreError",
    "Verdict",
    "Verimage",
    "VerimageError",
    "Want",
    "__version__",
    "averify",
    "codes",
    "verify",
    "verify_many",
]
