// What the tests share: the fixtures of the repository, and stores over its folders.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreError } from 'verimage';

export const repository = process.env.VERIMAGE_REPOSITORY;
export const fixtures = (...path) => join(repository, 'tests/fixtures', ...path);
export const json = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Bytes of a file, or "not found". */
export function read(path) {
  try {
    return readFileSync(path);
  } catch {
    throw new StoreError('not-found', 'there is no such file');
  }
}

/** What stands in fixtures as the answer. */
export function summary(verdict) {
  const { decision, code, digest, admitted, allowed } = verdict;
  assert.equal(admitted, decision === 'allow', 'an enforcing rule admits what it allows, and nothing else');
  assert.equal(allowed, admitted);
  assert.equal(code === null, admitted, 'every refusal has a code');
  return { decision, code, digest: admitted ? digest : null };
}

/** A layout that stands for every repository of a registry; `tag` gives the name of the image that is asked for. */
export class Layout {
  constructor(folder, tag) {
    this.folder = folder;
    this.tag = tag;
    this.index = json(join(folder, 'index.json')).manifests;
  }

  fetch(image, want) {
    switch (want.kind) {
      case 'resolve':
        return this.blob(this.named(this.tag(image)));
      case 'manifest-by-tag':
        return this.blob(this.named(want.tag));
      case 'manifest':
      case 'blob':
        return this.blob(want.digest);
      case 'referrers':
      case 'signature-list':
        throw new StoreError('not-found', 'there are none');
      default:
        throw new StoreError('unavailable', `not of a registry: ${want.kind}`);
    }
  }

  named(name) {
    const entry = this.index.find(({ annotations = {} }) => annotations['org.opencontainers.image.ref.name'] === name);
    if (entry === undefined) throw new StoreError('not-found', 'there is no such tag');
    return entry.digest;
  }

  blob(digest) {
    return read(join(this.folder, 'blobs', ...digest.split(':')));
  }
}

/** Runs every case, and tells all that are wrong at once. */
export async function runAll(cases, judge) {
  const wrong = [];
  for (const item of cases) {
    const found = await judge(item);
    try {
      assert.deepEqual(found, item.expect);
    } catch {
      wrong.push(`${item.name} (${item.why}):\n  expected ${JSON.stringify(item.expect)}\n  found    ${JSON.stringify(found)}`);
    }
  }
  assert.equal(wrong.length, 0, `${wrong.length} of ${cases.length} cases:\n${wrong.join('\n')}`);
}
