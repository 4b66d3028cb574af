// Collections of Docker Content Trust and their twins: the Notary server a store in JavaScript.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoreError, Verimage } from 'verimage';
import { fixtures, json, Layout, read, runAll, summary } from './support.mjs';

const root = fixtures('notary-v1');
const images = new Layout(join(root, 'images'), (image) => image.slice(image.lastIndexOf(':') + 1).split('@')[0]);

/** Holds one collection. */
class Server {
  constructor({ gun, padded = {} }, collection) {
    Object.assign(this, { gun, padded, collection });
  }

  async fetch(_image, want) {
    assert.deepEqual([want.kind, want.placeName], ['role', 'https://notary.example']);
    if (this.collection === null || want.collection !== this.gun) throw new StoreError('not-found', 'the server does not have it');
    const file = want.version === null ? `${want.role}.json` : `${want.version}.${want.role}.json`;
    const bytes = read(join(root, 'collections', this.collection, file));
    const padding = Math.max(0, (this.padded[file] ?? 0) - bytes.length);
    return Buffer.concat([bytes, Buffer.alloc(padding, ' ')]);
  }
}

test('every case has its answer', async () => {
  const cases = json(join(root, 'cases.json'));
  assert.ok(cases.length > 150, 'the runner looks in the wrong place');
  await runAll(cases, judge);
});

async function judge(item) {
  const stateDir = mkdtempSync(join(tmpdir(), 'verimage-'));
  const ask = (collection) => {
    const engine = new Verimage({ registry: images, notary: new Server(item, collection), stateDir, policy: policy(item) });
    return engine.verify(item.image, { at: item.at });
  };
  try {
    if (item.after !== undefined) await ask(item.after);
    return summary(await ask(item.collection));
  } finally {
    rmSync(stateDir, { recursive: true });
  }
}

function policy({ pin, delegations, byRegistry }) {
  const trust = {};
  const leaf = { server: 'https://notary.example' };
  for (const [kind, value] of Object.entries(pin)) {
    const file = join(root, String(value));
    if (kind === 'publicKey' || kind === 'certificate') {
      trust.root = { tufRoot: { file } };
      leaf.root = 'root';
    } else if (kind === 'authority') {
      trust.authority = { x509: { file, type: 'ca' } };
      leaf.authority = 'authority';
    } else if (kind === 'keyId') leaf.keyIds = [value];
    else if (kind === 'rootBinding') leaf.rootBinding = value;
    else if (kind === 'firstUse') leaf.insecureTrustOnFirstUse = true;
    else assert.fail(kind);
  }
  if (delegations !== undefined) leaf.delegations = delegations;
  let require = { notaryV1: leaf };
  if (byRegistry) {
    trust.other = { publicKey: { file: fixtures('cosign/keys/p256.pub') } };
    require = { anyOf: [require, { cosign: { key: 'other', transparency: 'none' } }] };
  }
  return { apiVersion: 'verimage/v1', kind: 'ImagePolicy', trust, rules: [{ name: 'demo', images: ['**/**'], require }] };
}
