// Calls leave nothing behind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Policy, verify, Verimage } from 'verimage';
import { fixtures, Layout } from './support.mjs';

const MEBIBYTE = 1 << 20;
const NAME = 'registry.example/demo/app:v1';

/** Resident memory after 10,000 calls: to stores in JavaScript and to layouts, with signals, with errors, with engines of their own. */
async function round(engine, policy) {
  const image = `oci:${fixtures('cosign/layouts/p256')}:v1`;
  const { signal } = new AbortController();
  for (let done = 0; done < 10_000; done += 50) {
    const ask = done % 100 === 0 ? () => engine.verify(NAME, { policy }) : () => engine.verify(image, { policy, name: NAME, signal });
    const verdicts = await Promise.all(Array.from({ length: 48 }, ask));
    assert.ok(verdicts.every(({ allowed }) => allowed));
    await engine.verify('A B', { policy }).catch(() => {});
    await verify(image, policy, { offline: true, name: NAME });
  }
  globalThis.gc();
  await new Promise((done) => setTimeout(done, 50));
  globalThis.gc();
  return process.memoryUsage().rss;
}

// A heap finds its size step by step; what leaks grows in every round.
test('10,000 calls need no more memory than 10,000 before', async () => {
  const policy = await Policy.load(fixtures('cosign/cases/p256/policy.yaml'));
  const engine = new Verimage({ offline: true, registry: new Layout(fixtures('cosign/layouts/p256'), () => 'v1') });
  const sizes = [];
  for (let rounds = 0; rounds < 5; rounds += 1) sizes.push(await round(engine, policy));
  const growths = sizes.slice(2).map((size, index) => size - sizes[index + 1]);
  const told = growths.map((growth) => `${(growth / MEBIBYTE).toFixed(1)} MiB`).join(', ');
  assert.ok(Math.min(...growths) < 4 * MEBIBYTE, `each 10,000 calls left ${told}`);
});
