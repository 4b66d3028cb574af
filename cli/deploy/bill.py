"""Leaves in a bill of materials what the binary is built from: `cargo tree --prefix none --format {p}` | bill.py BILL SOURCE.

cargo-cyclonedx lists what any feature of any member of the workspace could bring; cargo's tree has what this binary does. Where
the sources lay (SOURCE) is not said.
"""

import json
import pathlib
import sys

bill, source = sys.argv[1:]
words = [line.split() for line in sys.stdin if line.strip()]
built = {(name, version.removeprefix("v")) for name, version, *_ in words}
document = json.loads(pathlib.Path(bill).read_text().replace(source, "/verimage"))
document["components"] = [one for one in document["components"] if (one["name"], one["version"]) in built]
own = document["metadata"]["component"]
listed = {(one["name"], one["version"]) for one in document["components"]} | {("verimage-cli", own["version"])}
if built != listed:
    sys.exit(f"the bill lacks {sorted(built - listed)}")
references = {one["bom-ref"] for one in document["components"]} | {own["bom-ref"]}
document["dependencies"] = [
    {**one, "dependsOn": [other for other in one.get("dependsOn", []) if other in references]}
    for one in document["dependencies"]
    if one["ref"] in references
]
json.dump(document, sys.stdout, indent=2)
