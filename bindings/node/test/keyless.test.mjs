// Keyless signatures in each form, and answers about revocation from a store in JavaScript.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError, verify, Verimage } from 'verimage';
import { fixtures, read, summary } from './support.mjs';

const subject = 'https://github.com/example/app/.github/workflows/release.yml@refs/heads/main';
const issuer = 'https://token.actions.githubusercontent.com';
const NAME = 'registry.example/demo/app:v1';

function keyless(identity) {
  return {
    apiVersion: 'verimage/v1',
    kind: 'ImagePolicy',
    trust: { instance: { trustedRoot: { file: fixtures('keyless/trusted_root.json') } } },
    rules: [{ name: 'demo', images: ['registry.example/**'], require: { cosign: { keyless: { identities: [identity], root: 'instance' } } } }],
  };
}

for (const form of ['legacy', 'bundle', 'tiles', 'unsigned']) {
  test(`a keyless signature: ${form}`, async () => {
    const options = { name: NAME, at: new Date('2026-04-01T00:00:00Z'), offline: true };
    const image = `oci:${fixtures('keyless', form)}:v1`;
    const right = await verify(image, keyless({ issuer, subject }), options);
    const other = await verify(image, keyless({ issuer, subject: `${subject}2` }), options);
    if (form === 'unsigned') {
      assert.deepEqual([right.code, other.code], ['signature-not-found', 'signature-not-found']);
      return;
    }
    assert.deepEqual([right.decision, right.allowed, other.decision, other.code], ['allow', true, 'deny', 'identity-mismatch']);
    const report = right.reports.find(({ outcome }) => outcome === 'pass');
    assert.equal(report.signer, `certificate:${subject} (${issuer})`);
    assert.equal(report.signedAt[0].source, form === 'tiles' ? 'tsa' : 'rekor');
    assert.equal(report.facts.subject, subject);
  });
}

const root = (...path) => fixtures('notation-revocation', ...path);

async function revocation(way, answer, level = 'strict') {
  const web = {
    fetch(_image, want) {
      assert.ok(want.kind === 'http' && want.remoteOrigin && want.url.startsWith('http://revocation.example/'), JSON.stringify(want));
      if (answer === null) throw new StoreError('unavailable', 'silence');
      return read(root('answers', answer));
    },
  };
  const policy = {
    apiVersion: 'verimage/v1',
    kind: 'ImagePolicy',
    trust: { acme: { x509: { file: root('root.pem'), type: 'ca' } } },
    rules: [{ name: 'demo', images: ['registry.example/**'], require: { notation: { stores: ['acme'], identities: ['*'], level } } }],
  };
  const engine = new Verimage({ offline: true, web, policy });
  return engine.verify(`oci:${root('layouts', way)}:v1`, { name: NAME, at: '2030-01-01T00:00:00Z' });
}

test('answers about revocation', async () => {
  for (const [way, kind] of [['listed', 'crl'], ['responded', 'ocsp']]) {
    assert.equal((await revocation(way, `good.${kind}`)).decision, 'allow', way);
    assert.equal((await revocation(way, `revoked.${kind}`)).code, 'certificate-revoked', way);
    assert.equal((await revocation(way, `foreign.${kind}`)).code, 'revocation-unknown', way);
    assert.equal((await revocation(way, null)).decision, 'inconclusive', way);
    const lax = await revocation(way, `revoked.${kind}`, 'permissive');
    assert.ok(lax.allowed && lax.warnings.includes('notation-revocation-failed') && lax.leaves.every(({ trusted }) => !trusted), way);
    assert.equal(summary(await revocation(way, null, { revocation: 'skip' })).decision, 'allow', way);
  }
});
