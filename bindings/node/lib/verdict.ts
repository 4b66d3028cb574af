import type { FailureCode } from './codes.js';

/** Whether an image is proven, disproven, or could not be judged. */
export type Decision = 'allow' | 'deny' | 'inconclusive';

/** Whether a rule blocks. */
export type Mode = 'enforce' | 'audit';

/** May the image run, and which digest exactly. A frozen plain object; what is absent is null. */
export interface Verdict {
  /** Whether the image may run: the same as `admitted`. */
  readonly allowed: boolean;
  /** The version of this form: 1. */
  readonly version: number;
  /** The reference that was judged, Docker Hub's defaults filled in. */
  readonly image: string;
  /** The digest that the evidence names, or that was judged. */
  readonly digest: string | null;
  readonly subject: { readonly kind: 'manifest' | 'index' | null; readonly platform: string | null };
  /** The deciding rule's decision. */
  readonly decision: Decision;
  /** Whether every applying rule allows the image or is in audit mode. */
  readonly admitted: boolean;
  readonly mode: Mode;
  /** The deciding rule. */
  readonly rule: string | null;
  /** Why not; null when allowed. */
  readonly code: FailureCode | null;
  /** One sentence for people. */
  readonly message: string;
  /** What to do; null when allowed. */
  readonly hint: string | null;
  /** The time at which was judged, RFC 3339. */
  readonly at: string;
  readonly policy: { readonly source: string; readonly digest: string };
  readonly trustMaterial: { readonly digest: string; readonly oldest: string | null };
  /** Every applying rule. */
  readonly rules: readonly RuleVerdict[];
  /** What a reader must know beside the decision, as stable words. */
  readonly warnings: readonly string[];
  /** Every leaf of the applying rules. */
  readonly leaves: readonly LeafVerdict[];
  /** Every signature that was looked at. */
  readonly reports: readonly ReportVerdict[];
}

/** What one rule says. */
export interface RuleVerdict {
  readonly name: string;
  readonly mode: Mode;
  readonly decision: Decision;
  readonly code: FailureCode | null;
}

/** What one leaf says. */
export interface LeafVerdict {
  /** Where it stands in the policy, as a JSON pointer. */
  readonly requirement: string;
  /** Null if it was not needed. */
  readonly decision: Decision | null;
  readonly code: FailureCode | null;
  readonly detail: string | null;
  /** The digest that this leaf judged. */
  readonly subject: string | null;
  /** Where it looked. */
  readonly searched: readonly string[];
  /** Whether some signature that counts passed every check. */
  readonly trusted: boolean;
}

/** What one signature says. */
export interface ReportVerdict {
  /** The scheme. */
  readonly verifier: string;
  /** The leaf that asked. */
  readonly requirement: string;
  /** Where the signature came from. */
  readonly source: string;
  readonly outcome: 'pass' | 'fail';
  readonly code: FailureCode | null;
  readonly detail: string | null;
  /** Who signed; only for signatures that count. */
  readonly signer: string | null;
  /** Whether every check of a signature that counts passed. */
  readonly trusted: boolean | null;
  /** Authenticated times of signing. */
  readonly signedAt: readonly { readonly time: string; readonly source: string }[];
  /** What the verified bytes say besides. */
  readonly facts: Readonly<Record<string, string>>;
}

/** @internal */
export function verdictOf(json: string): Verdict {
  const verdict = JSON.parse(json) as Omit<Verdict, 'allowed'>;
  return freeze({ allowed: verdict.admitted, ...verdict });
}

function freeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) freeze(part);
  }
  return Object.freeze(value);
}
