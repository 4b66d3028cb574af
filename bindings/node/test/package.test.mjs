// The package as it is installed: both ways to load it, its codes, its command line, other threads.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as module from 'verimage';
import { fixtures, repository } from './support.mjs';

const require = createRequire(import.meta.url);
const IMAGE = `oci:${fixtures('cosign/layouts/p256')}:v1`;
const POLICY = fixtures('cosign/cases/p256/policy.yaml');
const NAME = 'registry.example/demo/app:v1';

test('both ways to load it give the same', () => {
  const common = require('verimage');
  const names = Object.keys(common).sort();
  const technical = ['__esModule', 'default', 'module.exports'];
  assert.deepEqual(Object.keys(module).filter((name) => !technical.includes(name)).sort(), names);
  for (const name of names) assert.equal(module[name], common[name]);
  assert.ok(names.includes('verify') && names.includes('Verimage') && names.includes('Policy'));
});

test('the codes are those of docs/codes.md', () => {
  const rows = readFileSync(join(repository, 'docs/codes.md'), 'utf8').split('\n').filter((line) => line.startsWith('| `'));
  const documented = rows.map((row) => row.slice(2, -2).split(' | '));
  const found = module.codes().map(({ code, class: kind, rank, meaning, remedy }) => {
    return [`\`${code}\``, kind.replace('-', ' '), String(rank), meaning, remedy];
  });
  assert.deepEqual(found, documented);
  assert.deepEqual([...module.CODES], module.codes().map(({ code }) => code));
});

test('the command line is the real one', () => {
  const bin = join(process.cwd(), 'node_modules/.bin/verimage');
  const run = (...rest) => spawnSync(bin, rest, { encoding: 'utf8' });
  const allowed = run('verify', IMAGE, '--as', NAME, '--policy', POLICY, '--offline', '--format', 'json');
  assert.deepEqual([allowed.status, JSON.parse(allowed.stdout).decision], [0, 'allow'], allowed.stderr);
  const unsigned = run('verify', IMAGE.replace('p256', 'unsigned'), '--as', NAME, '--policy', POLICY, '--offline');
  assert.deepEqual([unsigned.status, unsigned.stdout.includes('signature-not-found')], [1, true]);
  const wrong = run('verify');
  assert.deepEqual([wrong.status, wrong.stdout], [2, '']);
  assert.equal(run('codes', '--format', 'markdown').stdout, readFileSync(join(repository, 'docs/codes.md'), 'utf8'));
});

test('the verdict is that of the command line, and has the types that are promised', async () => {
  const bin = join(process.cwd(), 'node_modules/.bin/verimage');
  const run = (...rest) => JSON.parse(spawnSync(bin, rest, { encoding: 'utf8' }).stdout);
  const at = '2026-01-01T00:00:00Z';
  for (const image of [IMAGE, IMAGE.replace('p256', 'unsigned')]) {
    const expected = run('verify', image, '--as', NAME, '--policy', POLICY, '--offline', '--format', 'json', '--at', at);
    const { allowed, ...verdict } = await module.verify(image, POLICY, { name: NAME, offline: true, at });
    assert.deepEqual(verdict, expected);
    assert.equal(allowed, expected.admitted);
  }
  const types = readFileSync(new URL('verdict.d.ts', import.meta.resolve('verimage')), 'utf8');
  const schema = run('policy', 'schema', '--verdict');
  const objects = [schema, ...Object.values(schema.$defs)];
  const names = objects.flatMap(({ properties = {} }) => Object.keys(properties));
  assert.ok(names.length > 40, 'the schema is read wrongly');
  for (const name of names) assert.ok(types.includes(`readonly ${name}: `), name);
});

test('other threads have it too, and may end while it works', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { verify, Verimage } = require('verimage');
    const [image, policy, name] = workerData;
    const registry = { fetch: () => new Promise(() => {}) };
    new Verimage({ registry, policy, timeout: 60000 }).verify('registry.example/demo/app:v1').catch(() => {});
    verify(image, policy, { name, offline: true }).then((verdict) => parentPort.postMessage(verdict.allowed));`;
  const run = () => {
    const worker = new Worker(code, { eval: true, workerData: [IMAGE, POLICY, NAME] });
    return new Promise((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', async (allowed) => {
        await worker.terminate();
        resolve(allowed);
      });
    });
  };
  assert.deepEqual(await Promise.all([run(), run(), run()]), [true, true, true]);
  assert.ok((await module.verify(IMAGE, POLICY, { name: NAME, offline: true })).allowed, 'this thread goes on');
});

test('a store does not keep the process alive', () => {
  const code = `
    import { Verimage } from 'verimage';
    globalThis.engine = new Verimage({ registry: { fetch: () => new Uint8Array() }, policy: ${JSON.stringify(POLICY)} });
    await engine.verify('registry.example/demo/app:v1');
    console.log('done');`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 20_000 });
  assert.deepEqual([status, stdout], [0, 'done\n'], stderr);
});
