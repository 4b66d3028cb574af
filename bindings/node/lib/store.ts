import type { NamedStore, StoreAnswer } from '../native.js';
import { UsageError } from './errors.js';

/** Why a store has no bytes. Only `not-found` counts as evidence of absence. */
export type StoreErrorReason = 'not-found' | 'unauthorized' | 'rate-limited' | 'too-large' | 'deadline-exceeded' | 'unavailable';

/** What a signature store throws. Anything else that it throws means `unavailable`. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly reason: StoreErrorReason;

  constructor(reason: StoreErrorReason, detail = '') {
    super(detail);
    this.reason = reason;
  }
}

/** What a store is asked for, and where. */
export type Want = {
  /** The image's own place, a repository that the policy names, or a store that it names. */
  readonly place: 'image' | 'repository' | 'store';
  /** The name of the repository or store. */
  readonly placeName: string | null;
  /** Upper bound for the bytes of all blobs of the answer. */
  readonly maxBytes: number;
} & (
  | { readonly kind: 'resolve' }
  | { readonly kind: 'manifest-by-tag'; readonly tag: string }
  | { readonly kind: 'manifest' | 'blob' | 'signature-list'; readonly digest: string }
  | { readonly kind: 'referrers'; readonly digest: string; readonly artifactType: string | null }
  | { readonly kind: 'lookaside'; readonly digest: string; readonly index: number }
  | { readonly kind: 'role'; readonly collection: string; readonly role: string; readonly version: number | null; readonly sha256: string | null }
  | { readonly kind: 'trust-state'; readonly collection: string }
  | HttpWant
  | { readonly kind: 'other'; readonly otherKind: string; readonly key: string }
  | { readonly kind: 'unknown' }
);

/** A question to a web address. */
export interface HttpWant {
  readonly kind: 'http';
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** What is sent with the question, as bytes. */
  readonly body: readonly number[];
  readonly contentType: string | null;
  /** Whether something that was fetched named the address, not the policy: private addresses are then out of reach. */
  readonly remoteOrigin: boolean;
}

/** One blob, or several where the want may have several. */
export type Blobs = Uint8Array | readonly Uint8Array[];

/** Gives bytes and judges nothing. What is asked for by digest is hashed again by whoever asked. */
export interface SignatureStore {
  fetch(image: string, want: Want): Blobs | Promise<Blobs>;
}

/** @internal */
export function named(role: string, store: SignatureStore, name?: string): NamedStore {
  if (typeof store?.fetch !== 'function') {
    throw new UsageError(`\`${name ?? role}\`: a signature store has a method \`fetch(image, want)\``, 'usage');
  }
  const fetch = (image: string, want: string) => answer(store, image, want);
  return name === undefined ? { role, fetch } : { role, name, fetch };
}

/** Never rejects. */
async function answer(store: SignatureStore, image: string, want: string): Promise<StoreAnswer> {
  try {
    const found: unknown = await store.fetch(image, JSON.parse(want) as Want);
    const blobs: unknown[] = Array.isArray(found) ? found : [found];
    return { blobs: blobs.map(copy) };
  } catch (error) {
    if (error instanceof StoreError) return { reason: error.reason, detail: error.message };
    return { reason: 'unavailable', detail: `the signature store threw ${describe(error)}` };
  }
}

/** Bytes that nobody else changes any more. */
function copy(blob: unknown): Uint8Array {
  if (blob instanceof Uint8Array) return Uint8Array.from(blob);
  throw new TypeError('`fetch` gives a Uint8Array or an array of them');
}

function describe(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'what cannot be printed';
  }
}
