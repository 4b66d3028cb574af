// Every example in JavaScript of the README, the book and the package's README runs as it stands, against a registry of its own.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { serve } from './registry.mjs';
import { fixtures, repository } from './support.mjs';

const DIGEST = 'sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136';
const book = readdirSync(join(repository, 'docs')).filter((name) => name.endsWith('.md')).sort().map((name) => `docs/${name}`);
const examples = ['README.md', 'bindings/node/README.md', ...book].flatMap((page) => {
  const text = readFileSync(join(repository, page), 'utf8');
  return [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, example], index) => ({ name: `${page}-${index + 1}`, example }));
});
const policy = {
  apiVersion: 'verimage/v1',
  kind: 'ImagePolicy',
  trust: { demo: { publicKey: { file: fixtures('cosign/keys/p256.pub') } } },
  rules: [{ name: 'demo', images: ['**/**'], require: { cosign: { key: 'demo', transparency: 'none' } } }],
};

// What examples leave to their reader.
const PRELUDE = `
import { Policy, StoreError, Verimage, verify } from 'verimage';
import { admitted, preHandler } from 'verimage/examples/hooks.mjs';
const nothing = () => undefined;
const app = { post: nothing };
Object.assign(globalThis, {
  Policy, StoreError, Verimage, verify, admitted, preHandler, app, fastify: app, deploy: nothing, express: { json: nothing },
  verimage: new Verimage({ policy: 'policy.yaml' }),
  cache: { get: nothing },
  images: ['registry.example/app:v1'],
  signal: new AbortController().signal,
  start: (digest) => console.log('start', digest),
  refuse: (...why) => console.log('refuse', ...why),
  report: (image, verdict) => console.log(image, verdict.decision, verdict.digest),
});
`;

test('there are examples', () => assert.ok(examples.length >= 6, `${examples.length}`));

for (const { name, example } of examples) {
  test(`the example ${name}`, async () => {
    // Below what is installed, so that the package is found as a user's program finds it.
    const folder = mkdtempSync(join(process.cwd(), 'example-'));
    const registry = await serve(fixtures('cosign/layouts/p256'));
    const write = (file, text) => writeFileSync(join(folder, file), text);
    try {
      symlinkSync(join(repository, 'tests'), join(folder, 'tests'));
      write('policy.yaml', JSON.stringify(policy));
      write('registries.conf', `[[registry]]\nprefix = "registry.example"\nlocation = "${registry.host}/demo"\n`);
      write('prelude.mjs', PRELUDE.replace('verimage/examples/hooks.mjs', new URL('../examples/hooks.mjs', import.meta.resolve('verimage')).href));
      write('example.mjs', `import './prelude.mjs';\n${example}`);
      const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: join(folder, 'registries.conf') };
      const { stdout } = await promisify(execFile)(process.execPath, ['example.mjs'], { cwd: folder, env });
      // Whatever asks about an image is told that it may run.
      assert.ok(!/\bverify(Many)?\(/.test(example) || stdout.includes(DIGEST), stdout);
    } finally {
      await registry.close();
      rmSync(folder, { recursive: true });
    }
  });
}
