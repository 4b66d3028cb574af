// Images signed with skopeo and gpg, and their twins: lookasides in folders, the registry a store in JavaScript.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Policy, PolicyError, Verimage } from 'verimage';
import { fixtures, json, Layout, runAll, summary } from './support.mjs';

const root = fixtures('simple-signing');

test('every case has its answer', async () => {
  const cases = json(join(root, 'cases.json'));
  assert.ok(cases.length > 300, 'the runner looks in the wrong place');
  await runAll(cases, judge);
});

async function judge(item) {
  const folder = mkdtempSync(join(tmpdir(), 'verimage-'));
  try {
    const policy = item.policy
      ? await Policy.load(join(root, item.policy))
      : await Policy.fromObject(native(item), { base: root });
    const engine = new Verimage({
      registry: new Layout(join(root, 'images'), () => item.served),
      registriesD: registries(item, folder),
      stateDir: false,
    });
    const image = item.image.replace(/^dir:/, `dir:${root}/`);
    const options = { policy, at: item.at, ...(item.platform ? { platform: item.platform } : {}) };
    return summary(await engine.verify(image, options));
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { decision: 'error', code: error.code, digest: null };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function native({ keys = [], signedIdentity, subject = 'platform' }) {
  const trust = Object.fromEntries(keys.map((file, index) => [`key-${index}`, { openpgp: { file } }]));
  const leaf = { keys: Object.keys(trust), ...(signedIdentity ? { signedIdentity: identity(signedIdentity) } : {}) };
  const rule = { name: 'demo', images: ['**/**'], subject, require: { simpleSigning: leaf } };
  return { apiVersion: 'verimage/v1', kind: 'ImagePolicy', trust, rules: [rule] };
}

/** The native form of what `policy.json` says. */
function identity({ type, dockerReference, dockerRepository, prefix, signedPrefix }) {
  switch (type) {
    case 'exactReference':
      return { exactReference: dockerReference };
    case 'exactRepository':
      return { exactRepository: dockerRepository };
    case 'remapIdentity':
      return { remapIdentity: { prefix, signedPrefix } };
    default:
      return type;
  }
}

/** The map of registries, in a folder of its own. */
function registries(item, folder) {
  const map = join(folder, 'registries.d');
  mkdirSync(map);
  if (item.registriesD === undefined) {
    const place = { 'default-docker': { lookaside: `file://${lookaside(item, folder)}` } };
    writeFileSync(join(map, 'default.yaml'), JSON.stringify(place));
    return map;
  }
  for (const name of readdirSync(join(root, item.registriesD))) {
    writeFileSync(join(map, name), readFileSync(join(root, item.registriesD, name), 'utf8').replaceAll('@FIXTURES@', root));
  }
  return map;
}

/** The lookaside, changed as the case says. */
function lookaside({ signatures, repeated, padded = {} }, folder) {
  if (repeated === undefined && Object.keys(padded).length === 0) return join(root, 'lookaside');
  const place = dirname(signatures[0]);
  mkdirSync(join(folder, place), { recursive: true });
  const numbers = repeated === undefined ? [1, 2] : [...Array(repeated).fill(1), 2];
  numbers.forEach((number, index) => {
    const from = join(root, place, `signature-${number}`);
    const name = `signature-${index + 1}`;
    const to = join(folder, place, name);
    if (!existsSync(from)) return;
    if (name in padded) writeFileSync(to, readFileSync(from, 'latin1').padEnd(padded[name], ' '), 'latin1');
    else copyFileSync(from, to);
  });
  return join(folder, 'lookaside');
}
