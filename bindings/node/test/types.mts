// What a user of TypeScript writes; checked by `tsc --strict`, not run.

import { type FailureCode, Policy, PolicyError, type SignatureStore, StoreError, verify, Verimage, type Verdict } from 'verimage';

const policy: Policy = await Policy.load('policy.yaml');
const verdict: Verdict = await verify('registry.example/app:v1', policy, { timeout: 5_000, signal: AbortSignal.timeout(100) });
const decision: 'allow' | 'deny' | 'inconclusive' = verdict.decision;
const code: FailureCode | null = verdict.code;
const known: boolean = code === 'signature-not-found';
// @ts-expect-error there is no such code
const unknown: boolean = code === 'signature-lost';
// @ts-expect-error a verdict does not change
verdict.allowed = true;
// @ts-expect-error options are spelt right
await verify('registry.example/app:v1', policy, { ofline: true });
// @ts-expect-error there is no default policy
await verify('registry.example/app:v1');

const store: SignatureStore = {
  async fetch(image, want) {
    if (want.kind === 'manifest') return new TextEncoder().encode(image + want.digest);
    throw new StoreError('not-found');
  },
};
const engine = new Verimage({ policy: { apiVersion: 'verimage/v1' }, registry: store, stores: { mine: store }, stateDir: false });
for await (const { image, verdict, error } of engine.verifyMany(['a', 'b'], { jobs: 4 })) {
  const line: string = error === null ? verdict.message : error.code;
  console.log(image, line, decision, known, unknown);
}
try {
  await engine.verify('registry.example/app:v1', { at: new Date(), platform: 'linux/amd64' });
} catch (error) {
  if (error instanceof PolicyError) console.error(error.pointer, error.line, error.hint);
}
