// The hooks of examples/, with requests as Express and Fastify make them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Verimage } from 'verimage';
import { fixtures, Layout, repository } from './support.mjs';

const { admitted, preHandler } = await import(new URL('../examples/hooks.mjs', import.meta.resolve('verimage')));

const engine = (layout) => {
  const registry = new Layout(fixtures('cosign/layouts', layout), () => 'v1');
  return new Verimage({ offline: true, registry, policy: fixtures('cosign/cases/p256/policy.yaml') });
};
const request = (image) => ({ body: { image } });
const reply = () => {
  const said = {};
  const end = (body) => Object.assign(said, { body });
  const status = (code) => (Object.assign(said, { code }), { json: end, send: end });
  return { said, status, code: status };
};

for (const [name, hook] of [['Express', admitted], ['Fastify', (engine) => asExpress(preHandler(engine))]]) {
  test(`the hook for ${name}`, async () => {
    const [good, bad] = [request('registry.example/demo/app:v1'), request('registry.example/demo/app:v1')];
    const passed = [];
    const answers = [reply(), reply()];
    await hook(engine('p256'))(good, answers[0], () => passed.push(good.verdict.digest));
    await hook(engine('unsigned'))(bad, answers[1], () => passed.push('unsigned'));
    assert.deepEqual(passed, ['sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136']);
    assert.deepEqual([answers[0].said, answers[1].said.code, answers[1].said.body.code], [{}, 403, 'signature-not-found']);
    const failures = [];
    await hook(engine('p256'))(request('A B'), reply(), (error) => failures.push(error.code));
    assert.deepEqual(failures, ['usage']);
  });
}

/** Fastify goes on by itself, or hands over what was thrown. */
function asExpress(preHandler) {
  return async (request, reply, next) => {
    try {
      const sent = await preHandler(request, reply);
      if (sent === undefined) next();
    } catch (error) {
      next(error);
    }
  };
}

test('the script that README.md opens with', async () => {
  const readme = readFileSync(join(repository, 'bindings/node/README.md'), 'utf8');
  const script = /```js\n([\s\S]*?)```/.exec(readme)[1].replaceAll("'tests/", `'${repository}/tests/`).replaceAll("oci:tests/", `oci:${repository}/tests/`);
  assert.equal(script.trim().split('\n').length, 5);
  const lines = [];
  const original = console.log;
  console.log = (...line) => lines.push(line);
  try {
    await import(`data:text/javascript,${encodeURIComponent(script.replace("'verimage'", `'${import.meta.resolve('verimage')}'`))}`);
  } finally {
    console.log = original;
  }
  assert.deepEqual(lines, [[true, 'sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136']]);
});
