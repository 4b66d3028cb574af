#!/usr/bin/env python3
"""An API server for the examples: sends an AdmissionReview, and prints what is answered.

    python3 examples/admission.py ADDRESS AUTHORITY PATH OBJECT

AUTHORITY is the certificate that the server must have, OBJECT a JSON file: a Kubernetes object as it shall be stored.
"""

import base64
import json
import ssl
import sys
import urllib.request


def review(thing):
    """The question whether an object may be stored."""
    group, _, version = thing["apiVersion"].rpartition("/")
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "2b2f0b6c-demo",
            "operation": "UPDATE",
            "kind": {"group": group, "version": version, "kind": thing["kind"]},
            "name": thing["metadata"]["name"],
            "namespace": thing["metadata"].get("namespace", ""),
            "object": thing,
        },
    }


def main():
    address, authority, path, file = sys.argv[1:]
    with open(file, encoding="utf-8") as content:
        body = json.dumps(review(json.load(content))).encode()
    request = urllib.request.Request(f"{address}{path}?timeout=10s", body, {"Content-Type": "application/json"})
    context = ssl.create_default_context(cafile=authority)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(request) as answer:
        response = json.load(answer)["response"]
    print("allowed" if response["allowed"] else f"denied: {response['status']['message']}")
    for change in json.loads(base64.b64decode(response.get("patch", "W10="))):
        print(f"{change['op']} {change['path']} {change['value']}")
    return 0 if response["allowed"] else 1


if __name__ == "__main__":
    sys.exit(main())
