// What cannot be asked is a typed error, whatever it is; nothing ends the process.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Policy, PolicyError, StoreError, UsageError, verify, Verimage, VerimageError } from 'verimage';
import { fixtures, Layout, repository } from './support.mjs';

const folder = mkdtempSync(join(tmpdir(), 'verimage-'));
after(() => rmSync(folder, { recursive: true }));

const IMAGE = `oci:${fixtures('cosign/layouts/p256')}:v1`;
const POLICY = fixtures('cosign/cases/p256/policy.yaml');
const options = { name: 'registry.example/demo/app:v1', offline: true };
const native = (rest = {}) => ({
  apiVersion: 'verimage/v1',
  kind: 'ImagePolicy',
  trust: { demo: { publicKey: { file: fixtures('cosign/keys/p256.pub') } } },
  rules: [{ name: 'demo', images: ['registry.example/**'], require: { cosign: { key: 'demo', transparency: 'none' } } }],
  ...rest,
});

test('a verdict is a frozen plain object', async () => {
  const verdict = await verify(IMAGE, POLICY, options);
  assert.ok(verdict.allowed && verdict.admitted);
  assert.deepEqual(verdict.warnings, ['log-not-required']);
  assert.equal(verdict.digest, 'sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136');
  assert.equal(verdict.policy.source, POLICY);
  assert.equal(Object.getPrototypeOf(verdict), Object.prototype);
  for (const part of [verdict, verdict.reports, verdict.reports[0], verdict.reports[0].facts, verdict.subject]) assert.ok(Object.isFrozen(part));
  assert.throws(() => {
    'use strict';
    verdict.allowed = false;
  }, TypeError);
  assert.deepEqual(JSON.parse(JSON.stringify(verdict)), structuredClone(verdict));
});

test('a policy is a path, an object, or loaded', async () => {
  const text = JSON.stringify(native());
  for (const policy of [POLICY, native(), await Policy.load(POLICY), await Policy.fromText(text), await Policy.fromObject(native())]) {
    assert.ok((await verify(IMAGE, policy, options)).allowed);
  }
  assert.match((await Policy.fromText(text, { source: 'here' })).digest, /^sha256:/);
  assert.equal((await Policy.fromText(text, { source: 'here' })).source, 'here');
});

test('policies of other tools are recognised', async () => {
  const policy = await Policy.fromText('{"default": [{"type": "reject"}]}');
  const verdict = await verify(IMAGE, policy, options);
  assert.deepEqual([verdict.allowed, verdict.code], [false, 'policy-rejects']);
  // Their keys are placeholders: who was understood is told which key cannot be had.
  const samples = join(repository, 'tests/tests/policy/samples');
  for (const name of readdirSync(samples)) {
    const error = await Policy.load(join(samples, name)).catch((error) => error);
    assert.ok(error instanceof PolicyError && error.pointer !== '' && error.file.endsWith(name) && error.line > 0, `${name}: ${error}`);
  }
});

test('a bad policy says where it is bad', async () => {
  const file = join(folder, 'policy.yaml');
  writeFileSync(file, 'apiVersion: verimage/v1\nkind: ImagePolicy\nrules:\n- name: demo\n  images: ["**/**"]\n  requires: {}\n');
  const error = await Policy.load(file).catch((error) => error);
  assert.ok(error instanceof PolicyError && error instanceof VerimageError && error instanceof Error);
  assert.deepEqual([error.name, error.code, error.file, error.line], ['PolicyError', 'policy-invalid', file, 6]);
  assert.ok(error.pointer.startsWith('/rules/0') && error.column > 0 && error.message.includes('requires'), error.message);
  await assert.rejects(verify(IMAGE, file, options), { code: 'policy-invalid', file });
  await assert.rejects(Policy.fromText('rules: ['), { name: 'PolicyError', code: 'policy-invalid', file: null });
  await assert.rejects(Policy.fromText('{}'), { code: 'policy-invalid', hint: /apiVersion/ });
  await assert.rejects(Policy.load(join(folder, 'absent.yaml')), { code: 'policy-invalid', message: /absent/ });
  await assert.rejects(Policy.fromObject(native({ trust: {} })), { code: 'policy-undefined-name' });
  await assert.rejects(Policy.fromObject(native({ trust: { demo: { publicKey: { file: 'relative.pub' } } } })), { message: /relative/ });
});

test('what JSON cannot say is no policy', async () => {
  class Rules {}
  const loop = {};
  loop.again = loop;
  const values = [undefined, () => true, Symbol('s'), 1n, NaN, Infinity, new Map(), new Date(), new Rules(), loop, [, 1]];
  for (const value of values) {
    const leaf = { key: 'demo', transparency: 'none', annotations: value };
    const policy = native({ rules: [{ name: 'demo', images: ['**/**'], require: { cosign: leaf } }] });
    const error = await Policy.fromObject(policy).catch((error) => error);
    assert.ok(error instanceof PolicyError, String(error));
    assert.ok(error.pointer.startsWith('/rules/0/require/cosign/annotations'), error.pointer);
  }
  const hidden = Object.assign(JSON.parse('{"__proto__": {"x": 1}}'), native());
  await assert.rejects(Policy.fromObject(hidden), { code: 'policy-invalid' });
});

test('wrong types are typed errors', async () => {
  const engine = new Verimage({ policy: POLICY, offline: true });
  for (const wrong of [undefined, null, 1, {}, [], Symbol('s'), () => '']) {
    await assert.rejects(engine.verify(wrong), UsageError);
    await assert.rejects(Policy.load(wrong), UsageError);
    await assert.rejects(Policy.fromText(wrong), UsageError);
  }
  for (const wrong of [undefined, null, 1, Symbol('s'), () => '']) await assert.rejects(verify(IMAGE, wrong, options), VerimageError);
  await assert.rejects(new Verimage({ offline: true }).verify(IMAGE), { code: 'usage' });
  for (const wrong of ['', 'A B', 'oci:', 'registry.example/app:v1:v2', '\0', 'docker-daemon:x', 'x'.repeat(1e6)]) {
    await assert.rejects(engine.verify(wrong), { name: 'UsageError', code: 'usage' });
  }
  for (const wrong of [{ at: 'yesterday' }, { platform: 'linux' }, { name: '!' }, { allEvidence: 'yes' }, { atx: 1 }, { at: new Date(NaN) }]) {
    await assert.rejects(engine.verify(IMAGE, { name: options.name, ...wrong }), UsageError, JSON.stringify(wrong));
  }
  for (const wrong of [{ policy: null }, { policy: 5 }]) await assert.rejects(engine.verify(IMAGE, { name: options.name, ...wrong }), VerimageError);
  for (const wrong of [{ signal: {} }, { signal: 1 }]) await assert.rejects(engine.verify(IMAGE, { name: options.name, ...wrong }), UsageError);
});

test('wrong options of an engine are typed errors', () => {
  const wrong = [
    { timeout: 'long' }, { timeout: -1 }, { timeout: NaN }, { ofline: true }, { limits: { bytes: 1 } }, { limits: { rounds: -1 } },
    { stateDir: true }, { plainHttp: 'x' }, { registry: {} }, { registry: 'x' }, { stores: { x: null } }, { repositories: { 'A B': '/' } },
    { repositories: { 'registry.example/x': join(folder, 'absent') } }, { caFiles: [join(folder, 'absent')] }, { authFile: 1 },
    { credentials: { x: { username: 'x' } } }, { web: false }, { notary: null },
  ];
  for (const options of wrong) {
    assert.throws(() => new Verimage(options), VerimageError, JSON.stringify(options));
  }
});

test('a store that does wrong is unavailable, never absent', async () => {
  const layout = new Layout(fixtures('cosign/layouts/p256'), () => 'v1');
  const judge = (fetch) => verify('registry.example/demo/app:v1', POLICY, { offline: true, registry: { fetch } });
  assert.ok((await judge((image, want) => layout.fetch(image, want))).allowed);
  assert.ok((await judge(async (image, want) => [layout.fetch(image, want)])).allowed);
  const bad = [
    () => undefined, () => null, () => 'text', () => [1], () => ({}), () => Promise.reject(), () => new ArrayBuffer(1),
    () => { throw new Error('broken'); }, () => { throw undefined; }, () => { throw Symbol('s'); },
    () => { throw { toString() { throw new Error('again'); } }; }, () => { throw new StoreError('no-such-reason', 'x'); },
    async () => { throw new StoreError('unauthorized'); }, () => [], () => Buffer.alloc(5_000_000),
    (image, want) => (want.kind === 'resolve' ? layout.fetch(image, want) : undefined),
  ];
  for (const fetch of bad) {
    const verdict = await judge(fetch);
    assert.deepEqual([verdict.decision, verdict.allowed], ['inconclusive', false], `${fetch}: ${verdict.message}`);
  }
  const absent = await judge((image, want) => {
    if (want.kind === 'resolve') return layout.fetch(image, want);
    throw new StoreError('not-found');
  });
  assert.deepEqual([absent.decision, absent.code], ['deny', 'signature-not-found']);
  const late = await verify('registry.example/demo/app:v1', POLICY, { timeout: 50, offline: true, registry: { fetch: () => new Promise(() => {}) } });
  assert.equal(late.code, 'deadline-exceeded');
  const forged = await judge((image, want) => (want.kind === 'blob' ? Buffer.from('{}') : layout.fetch(image, want)));
  assert.equal(forged.allowed, false);
});
