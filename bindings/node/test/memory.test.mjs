// Calls leave nothing behind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Policy, Verimage } from 'verimage';
import { fixtures, Layout } from './support.mjs';

const MEBIBYTE = 1 << 20;

test('10,000 calls need no more memory than a few', async () => {
  const layout = new Layout(fixtures('cosign/layouts/p256'), () => 'v1');
  const policy = await Policy.load(fixtures('cosign/cases/p256/policy.yaml'));
  const engine = new Verimage({ offline: true, registry: layout });
  const { signal } = new AbortController();
  const run = async (calls) => {
    for (let done = 0; done < calls; done += 50) {
      const options = done % 100 === 0 ? { policy } : { policy, signal };
      const verdicts = await Promise.all(Array.from({ length: 50 }, () => engine.verify('registry.example/demo/app:v1', options)));
      assert.ok(verdicts.every(({ allowed }) => allowed));
      await engine.verify('A B', { policy }).catch(() => {});
    }
    globalThis.gc?.();
    await new Promise((done) => setTimeout(done, 50));
    globalThis.gc?.();
    return process.memoryUsage().rss;
  };
  const before = await run(3_000);
  const after = await run(10_000);
  assert.ok(after - before < 24 * MEBIBYTE, `${((after - before) / MEBIBYTE).toFixed(1)} MiB more`);
});
