// What a call from Node costs over the same call in Rust, warm: one after another, and 64 at once.
// `VERIMAGE_NODE_PROFILE=release bindings/node/test.sh node bench/overhead.mjs WARM`, where WARM is the program of warm.rs.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Policy, Verimage } from 'verimage';
import { serve } from '../test/registry.mjs';

const [warm] = process.argv.slice(2);
const fixtures = join(process.env.VERIMAGE_REPOSITORY, 'tests/fixtures/cosign');
const name = 'registry.example/demo/app:v1';
const signed = join(fixtures, 'cases/p256/policy.yaml');
const nothing = join(process.cwd(), 'nothing.yaml');
writeFileSync(nothing, 'apiVersion: verimage/v1\nkind: ImagePolicy\nrules: [{name: nobody, images: ["**/**"], require: {deny: {reason: none}}}]\n');
const engine = new Verimage();

const registry = await serve(join(fixtures, 'layouts/p256'));
const anywhere = join(process.cwd(), 'anywhere.yaml');
const key = join(fixtures, 'keys/p256.pub');
writeFileSync(anywhere, `apiVersion: verimage/v1\nkind: ImagePolicy\ntrust: {demo: {publicKey: {file: ${key}}}}\nrules: [{name: demo, images: ["**/**"], require: {cosign: {key: demo, transparency: none}}}]\n`);
const { digest } = await engine.verify(registry.image, { policy: anywhere });
await compare('a kept verdict', anywhere, `${registry.image}@${digest}`);
await compare('nothing to fetch', nothing, `registry.example/demo/app@sha256:${'0'.repeat(64)}`);
for (const layout of ['unsigned', 'p256']) await compare(layout, signed, `oci:${join(fixtures, 'layouts', layout)}:v1`, name);

await registry.close();

async function compare(title, file, image, name) {
  const question = { policy: await Policy.load(file), ...(name ? { name } : {}) };
  const ask = () => engine.verify(image, question);
  // The best of three: whatever else the machine does only adds.
  const best = async (once) => Math.min(await once(), await once(), await once());
  const rust = await best(async () => Number((await promisify(execFile)(warm, [file, image, ...(name ? [name] : [])])).stdout));
  const [alone, together] = [await best(() => measure(1, ask)), await best(() => measure(64, ask))];
  const told = [rust, alone, alone - rust, together].map((time) => time.toFixed(1));
  console.log(`${title}: Rust ${told[0]} µs, Node ${told[1]} µs (${told[2]} µs over Rust), 64 at once ${told[3]} µs each`);
}

async function measure(atOnce, ask) {
  let begin;
  for (const calls of [500, 5_000]) {
    begin = process.hrtime.bigint();
    for (let done = 0; done < calls; done += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, ask));
    }
  }
  return Number(process.hrtime.bigint() - begin) / 1e3 / (Math.ceil(5_000 / atOnce) * atOnce);
}
