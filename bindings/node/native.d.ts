// What the addon exports (src/). Private: lib/ is what users see of it.

/** A failure code, as docs/codes.md lists it. */
export interface CodeEntry {
  /** The stable text. */
  code: string;
  /** What it means for the decision. */
  class: 'deny' | 'inconclusive' | 'load-error';
  /** Which code is told when one must be chosen: the highest. */
  rank: number;
  /** One sentence on what happened. */
  meaning: string;
  /** One sentence on what to do. */
  remedy: string;
}

/** Why there is no answer. */
export interface Refusal {
  layer: 'policy' | 'usage' | 'configuration' | 'aborted' | 'internal';
  code: string;
  message: string;
  pointer?: string;
  file?: string;
  line?: number;
  column?: number;
  hint?: string;
}

/** A store and what it answers for. */
export interface NamedStore {
  role: string;
  name?: string;
  /** Never throws, never rejects. */
  fetch: (image: string, want: string) => Promise<StoreAnswer>;
}

/** Bytes, or why there are none. */
export interface StoreAnswer {
  blobs?: Uint8Array[];
  reason?: string;
  detail?: string;
}

export declare class Policy {
  private constructor();
  static load(path: string, trustStores?: string): Promise<Policy | Refusal>;
  static fromText(text: string, source: string, base?: string, trustStores?: string): Promise<Policy | Refusal>;
  get source(): string;
  get digest(): string;
}

export declare class Engine {
  private constructor();
  static build(options: string, stores: NamedStore[]): Engine | Refusal;
  kept(image: string, policy: Policy, question: string): string | null | Refusal;
  verify(image: string, policy: Policy, question: string, cancellation?: Cancellation): Promise<string | Refusal>;
}

export declare class Cancellation {
  cancel(): void;
}

export declare function codes(): CodeEntry[];
export declare function runCommandLine(arguments_: string[]): number;
