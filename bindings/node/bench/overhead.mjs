// What a call from Node costs over the same call in Rust, warm: one after another, and 64 at once.
// `VERIMAGE_NODE_PROFILE=release bindings/node/test.sh node bench/overhead.mjs WARM`, where WARM is the program of warm.rs.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Policy, Verimage } from 'verimage';

const [warm] = process.argv.slice(2);
const fixtures = join(process.env.VERIMAGE_REPOSITORY, 'tests/fixtures/cosign');
const name = 'registry.example/demo/app:v1';
const file = join(fixtures, 'cases/p256/policy.yaml');
const policy = await Policy.load(file);
const engine = new Verimage({ offline: true });

for (const layout of ['unsigned', 'p256']) {
  const image = `oci:${join(fixtures, 'layouts', layout)}:v1`;
  const rust = Number(execFileSync(warm, [image, name, file], { encoding: 'utf8' }));
  const alone = await measure(1, image);
  const together = await measure(64, image);
  const over = (alone - rust).toFixed(1);
  console.log(`${layout}: Rust ${rust} µs, Node ${alone.toFixed(1)} µs (${over} µs over Rust), 64 at once ${together.toFixed(1)} µs each`);
}

async function measure(atOnce, image) {
  let begin;
  for (const calls of [500, 5_000]) {
    begin = process.hrtime.bigint();
    for (let done = 0; done < calls; done += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, () => engine.verify(image, { policy, name })));
    }
  }
  return Number(process.hrtime.bigint() - begin) / 1e3 / (Math.ceil(5_000 / atOnce) * atOnce);
}
