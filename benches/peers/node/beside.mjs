// How long sigstore-js takes for a bundle, in one process.
//
//     beside.mjs COUNT RUNS bundle ROOT BUNDLE DIGEST SUBJECT ISSUER
//
// Prints the microseconds of one verification: the shortest of RUNS runs of COUNT, after one run to warm up. The trusted root is read
// before; the bundle is parsed each time.
//
// Checked, offline: the certificate's chain at the verified time, up to the root, its embedded SCT, its name and issuer, the log entry's
// inclusion proof, checkpoint and promise, or the timestamp, the entry's body, the signature of the envelope. The library leaves the
// statement to its caller: that it names the digest is checked here.

import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

/** A function that verifies that the bundle is about a digest. */
function bundle(root, file, subject, issuer) {
    const material = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(readFileSync(root, "utf8"))));
    const verifier = new Verifier(material, { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 });
    const text = readFileSync(file, "utf8");
    // A name is a regular expression to this library.
    const name = `^${subject.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`;
    const policy = { subjectAlternativeName: name, extensions: { issuer } };
    return (digest) => {
        const parsed = bundleFromJSON(JSON.parse(text));
        verifier.verify(toSignedEntity(parsed), policy);
        const { payloadType, payload } = parsed.content.dsseEnvelope;
        if (payloadType !== "application/vnd.in-toto+json") {
            throw new Error(`the payload is ${payloadType}`);
        }
        if (!JSON.parse(payload).subject.some((one) => `sha256:${one.digest.sha256}` === digest)) {
            throw new Error("the statement is about something else");
        }
    };
}

/** The microseconds of one verification among so many. */
function run(verify, digest, count) {
    const begin = process.hrtime.bigint();
    for (let at = 0; at < count; at++) {
        verify(digest);
    }
    return Number(process.hrtime.bigint() - begin) / 1e3 / count;
}

/** Whether the evidence is not taken for a digest. */
function refuses(verify, digest) {
    try {
        verify(digest);
        return false;
    } catch {
        return true;
    }
}

const [count, runs, kind, root, file, digest, subject, issuer] = process.argv.slice(2);
if (kind !== "bundle") {
    throw new Error(`there is no ${kind}`);
}
const verify = bundle(root, file, subject, issuer);
run(verify, digest, Number(count));
if (!refuses(verify, `sha256:${"0".repeat(64)}`)) {
    throw new Error("evidence about another image was accepted");
}
const times = Array.from({ length: Number(runs) }, () => run(verify, digest, Number(count)));
console.log(Math.min(...times).toFixed(1));
