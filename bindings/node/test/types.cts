// The same for CommonJS.

import { codes, CODES, verify, type Verdict } from 'verimage';

const first: 'deny' | 'inconclusive' | 'load-error' | undefined = codes()[0]?.class;
const run = async (): Promise<Verdict> => verify('registry.example/app:v1', 'policy.yaml', { offline: true });
export = { first, run, CODES };
