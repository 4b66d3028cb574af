// The folders of cases over layouts, with the answers that the Rust suite expects.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Policy, PolicyError, Verimage, VerimageError } from 'verimage';
import { fixtures, json, runAll, summary } from './support.mjs';

const SIGNATURES = 'registry.example/demo/signatures';
const AT = '2026-01-01T00:00:00Z';

for (const root of ['cosign', 'cosign-certificates', 'notation']) {
  test(`every case of ${root} has its answer`, async () => {
    const names = readdirSync(fixtures(root, 'cases')).sort();
    assert.ok(names.length > 100, 'the runner looks in the wrong place');
    const cases = names.map((name) => ({ name, ...json(fixtures(root, 'cases', name, 'case.json')) }));
    for (const item of cases) item.expect = { code: null, digest: null, ...item.expect };
    await runAll(cases, (item) => judge(root, item));
  });
}

async function judge(root, { name, image, as, signatures, platform, at = AT, expect }) {
  const refused = (decision) => (error) => {
    assert.ok(error instanceof VerimageError, error);
    return { decision, code: error.code, digest: null };
  };
  let policy;
  try {
    policy = await Policy.load(fixtures(root, 'cases', name, 'policy.yaml'));
  } catch (error) {
    assert.ok(error instanceof PolicyError, error);
    assert.equal(error.file, fixtures(root, 'cases', name, 'policy.yaml'));
    return refused('load-error')(error);
  }
  const repositories = signatures ? { [SIGNATURES]: fixtures(root, signatures) } : {};
  const engine = new Verimage({ offline: true, repositories });
  const options = { policy, name: as, at, ...(platform ? { platform } : {}) };
  const question = engine.verify(image.replace('oci:', `oci:${fixtures(root)}/`), options);
  return question.then(
    (verdict) => {
      const trusted = 'trusted' in expect ? { trusted: verdict.leaves.every((leaf) => leaf.trusted) } : {};
      return { ...summary(verdict), ...trusted };
    },
    refused('error'),
  );
}
