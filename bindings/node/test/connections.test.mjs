// Many verifications at once, over one pool of connections.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verify, Verimage } from 'verimage';
import { serve } from './registry.mjs';
import { fixtures } from './support.mjs';

const policy = {
  apiVersion: 'verimage/v1',
  kind: 'ImagePolicy',
  trust: { demo: { publicKey: { file: fixtures('cosign/keys/p256.pub') } } },
  rules: [{ name: 'demo', images: ['**/**'], require: { cosign: { key: 'demo', transparency: 'none' } } }],
};
const AT = '2026-01-01T00:00:00Z';

test('64 at once: equal verdicts, one pool', async () => {
  const registry = await serve(fixtures('cosign/layouts/p256'));
  try {
    const engine = new Verimage({ policy });
    const round = () => Promise.all(Array.from({ length: 64 }, () => engine.verify(registry.image, { at: AT })));
    const verdicts = await round();
    assert.equal(verdicts[0].decision, 'allow', verdicts[0].message);
    for (const verdict of verdicts) assert.deepEqual(verdict, verdicts[0]);
    const { connections, requests } = registry.seen;
    assert.ok(connections <= 16, `${connections} connections for ${requests} requests`);
    await round();
    for (let index = 0; index < 64; index += 1) await engine.verify(registry.image, { at: AT });
    assert.ok(registry.seen.connections <= 16, `${registry.seen.connections} connections after three rounds`);
  } finally {
    await registry.close();
  }
});

test('a verdict is kept for a digest, and tags are asked for', async () => {
  const registry = await serve(fixtures('cosign/layouts/p256'));
  try {
    const engine = new Verimage({ policy });
    const first = await engine.verify(registry.image);
    const before = registry.seen.requests;
    assert.deepEqual(await engine.verify(registry.image), first);
    assert.equal(registry.seen.requests, before + 1);
    const pinned = `${registry.image}@${first.digest}`;
    for (const signal of [undefined, new AbortController().signal]) {
      assert.equal((await engine.verify(pinned, signal ? { signal } : {})).decision, 'allow');
    }
    assert.equal(registry.seen.requests, before + 1);
    const forgetful = new Verimage({ policy, keepVerdicts: 0 });
    await forgetful.verify(pinned);
    const asked = registry.seen.requests;
    await forgetful.verify(pinned);
    assert.ok(registry.seen.requests > asked);
    assert.throws(() => new Verimage({ policy, keepVerdicts: -1 }), { code: 'usage' });
  } finally {
    await registry.close();
  }
});

test('an aborted call is over at once, and its connection closed', async () => {
  const registry = await serve(fixtures('cosign/layouts/p256'), { silent: true });
  try {
    const engine = new Verimage({ policy });
    const controller = new AbortController();
    const reason = new Error('nobody waits any more');
    const begin = Date.now();
    const call = engine.verify(registry.image, { signal: controller.signal });
    while (registry.seen.requests === 0) await new Promise((done) => setTimeout(done, 5));
    controller.abort(reason);
    await assert.rejects(call, { name: 'AbortError', code: 'ABORT_ERR', cause: reason });
    while (registry.seen.closed === 0) await new Promise((done) => setTimeout(done, 5));
    assert.ok(Date.now() - begin < 10_000, 'long before the timeout');
    await assert.rejects(engine.verify(registry.image, { signal: AbortSignal.timeout(20) }), { name: 'AbortError' });
    await assert.rejects(engine.verify(registry.image, { signal: AbortSignal.abort(reason) }), { cause: reason });
  } finally {
    await registry.close();
  }
});

test('the time that is allowed runs out: a verdict, not an error', async () => {
  const registry = await serve(fixtures('cosign/layouts/p256'), { silent: true });
  try {
    const verdict = await verify(registry.image, policy, { timeout: 50 });
    assert.deepEqual([verdict.decision, verdict.allowed, verdict.code], ['inconclusive', false, 'deadline-exceeded']);
  } finally {
    await registry.close();
  }
});

test('many images in their order, some at once', async () => {
  const registry = await serve(fixtures('cosign/layouts/p256'));
  try {
    const engine = new Verimage({ policy });
    const images = [registry.image, `${registry.host}/demo/app:absent`, 'Not A Reference', registry.image];
    const outcomes = [];
    for await (const outcome of engine.verifyMany(images, { jobs: 2, at: AT })) outcomes.push(outcome);
    assert.deepEqual(outcomes.map(({ image }) => image), images);
    assert.deepEqual(outcomes.map(({ verdict, error }) => verdict?.decision ?? error.code), ['allow', 'inconclusive', 'usage', 'allow']);
    let first = 0;
    for await (const { verdict } of engine.verifyMany(images.slice(0, 1).concat(Array(50).fill(registry.image)), { jobs: 4, at: AT })) {
      assert.ok(verdict.allowed);
      first += 1;
      break;
    }
    assert.equal(first, 1);
    await assert.rejects(engine.verifyMany(images, { jobs: 0 }).next(), { code: 'usage' });
    await assert.rejects(engine.verifyMany(images, { signal: AbortSignal.abort() }).next(), { name: 'AbortError' });
  } finally {
    await registry.close();
  }
});
