import { setMaxListeners } from 'node:events';
import { types } from 'node:util';
import { Cancellation, Engine } from '../native.js';
import { AbortError, checkText, errorOf, UsageError, type VerimageError } from './errors.js';
import { toJson } from './json.js';
import { Policy, type PolicyLike } from './policy.js';
import { named, type SignatureStore } from './store.js';
import { type Verdict, verdictOf } from './verdict.js';

/** Bounds of every verification; what is not given stays as it is. */
export interface Limits {
  manifestBytes?: number;
  payloadBytes?: number;
  envelopeBytes?: number;
  referrers?: number;
  signatures?: number;
  rounds?: number;
  wants?: number;
  totalBytes?: number;
  indexManifests?: number;
}

/** How an engine is put together. What is not said is as the container tools of this machine are set up. */
export interface EngineOptions {
  /** How long one verification may take, in milliseconds: 30,000. Then the verdict is `deadline-exceeded`. */
  timeout?: number;
  limits?: Limits;
  /** No network of its own: what no given store answers for is unavailable. */
  offline?: boolean;
  /** Registries that speak http; those on this machine do without being named. */
  plainHttp?: readonly string[];
  /** Files with certificate authorities of registries. */
  caFiles?: readonly string[];
  /** The file with credentials, as container tools and Docker write it. */
  authFile?: string;
  /** Credentials by registry or repository. */
  credentials?: Readonly<Record<string, { username: string; password: string }>>;
  registriesConf?: string;
  /** The folder that says where lookasides are. */
  registriesD?: string;
  /** Private hosts, `name` or `name:port`, that certificates may send questions about revocation to. */
  allowPrivate?: readonly string[];
  /** Where is kept what was seen on Notary servers: by default the user's folder; false keeps nothing, and verdicts warn. */
  stateDir?: string | false;
  /**
   * How long a verdict that allows a digest of a registry is kept at most, in milliseconds: an hour, and never longer than its
   * evidence holds. What a tag names is asked each time. 0 keeps none.
   */
  keepVerdicts?: number;
  /** Answers for every registry. */
  registry?: SignatureStore;
  /** Answers for lookasides of signatures. */
  lookaside?: SignatureStore;
  /** Answers for Notary servers. */
  notary?: SignatureStore;
  /** Answers for web addresses, such as those of revocation lists. */
  web?: SignatureStore;
  /** Answer for stores that policies name. */
  stores?: Readonly<Record<string, SignatureStore>>;
  /** Answer for single repositories: a store, or the path of an OCI layout or archive. */
  repositories?: Readonly<Record<string, SignatureStore | string>>;
  /** The folder of notation's trust stores, for policies that are loaded by the engine. */
  trustStores?: string;
}

/** What is asked about one image. */
export interface Question {
  /** Takes the call back: it stops, and rejects with an `AbortError`. */
  signal?: AbortSignal;
  /** The name under which an image is judged that is not in a registry. */
  name?: string;
  /** The platform inside an index: `linux/amd64`. */
  platform?: string;
  /** The time at which is judged, RFC 3339; by default now. */
  at?: Date | string;
  /** Look on when the decision is made. */
  allEvidence?: boolean;
}

/** What is asked of an engine about one image. */
export interface VerifyOptions extends Question {
  /** Judges instead of the engine's own policy. */
  policy?: PolicyLike;
}

/** What is asked about many images. */
export interface ManyOptions extends Omit<VerifyOptions, 'name'> {
  /** How many images are judged at once: 8. */
  jobs?: number;
}

/** What came of one image among many: a verdict, or why it could not be asked for. */
export type Outcome =
  | { readonly image: string; readonly verdict: Verdict; readonly error: null }
  | { readonly image: string; readonly verdict: null; readonly error: VerimageError };

/** Judges images. Keeps connections, tokens and verdicts between calls. */
export class Verimage {
  readonly #engine: Engine;
  readonly #trustStores: string | undefined;
  readonly #policy: PolicyLike | undefined;
  #loaded: Promise<Policy> | undefined;

  /** `policy` judges every image for which no other is given. It is loaded once, at the first call. */
  constructor(options: EngineOptions & { policy?: PolicyLike } = {}) {
    const { policy, trustStores, registry, lookaside, notary, web, stores = {}, repositories = {}, ...rest } = options;
    const given = Object.entries(defined({ registry, lookaside, notary, web })).map(([role, store]) => named(role, store));
    given.push(...Object.entries(stores).map(([name, store]) => named('store', store, name)));
    const layouts: Record<string, string> = {};
    for (const [name, place] of Object.entries(repositories)) {
      if (typeof place === 'string') layouts[name] = place;
      else given.push(named('repository', place, name));
    }
    const engine = Engine.build(optionsOf({ ...rest, repositories: layouts }), given);
    if (!(engine instanceof Engine)) throw errorOf(engine);
    this.#engine = engine;
    this.#trustStores = trustStores;
    this.#policy = policy;
  }

  /**
   * Judges one image. A denied image is a verdict, not an error.
   *
   * `image` is `[docker://]reference`, `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]` or `dir:DIR`.
   */
  async verify(image: string, options: VerifyOptions = {}): Promise<Verdict> {
    checkText('image', image);
    const { policy, signal, at, ...rest } = options;
    const question = optionsOf({ ...rest, at: types.isDate(at) ? timeOf(at) : at });
    if (signal === undefined) {
      const { native } = await this.#policyFor(policy);
      const kept = this.#engine.kept(image, native, question);
      return settled(kept ?? (await this.#engine.verify(image, native, question)));
    }
    const cancellation = new Cancellation();
    return abortable(signal, () => cancellation.cancel(), async () => {
      const { native } = await this.#policyFor(policy);
      return settled(await this.#engine.verify(image, native, question, cancellation));
    });
  }

  /**
   * Judges many images, `jobs` at once, and gives what came of each in their order. Whoever stops early stops the rest.
   */
  async *verifyMany(images: Iterable<string> | AsyncIterable<string>, options: ManyOptions = {}): AsyncGenerator<Outcome, void, undefined> {
    const { jobs = 8, signal, ...question } = options;
    if (!Number.isSafeInteger(jobs) || jobs < 1) throw new UsageError('`jobs` is a whole number from 1', 'usage');
    const stop = new AbortController();
    const cancel = () => stop.abort(signal?.reason);
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const running: Promise<Outcome>[] = [];
    try {
      for await (const image of images) {
        running.push(this.#outcome(image, { ...question, signal: stop.signal }));
        if (running.length >= jobs) yield* next(running, stop.signal);
      }
      while (running.length > 0) yield* next(running, stop.signal);
    } finally {
      signal?.removeEventListener('abort', cancel);
      stop.abort();
    }
  }

  async #outcome(image: string, question: VerifyOptions): Promise<Outcome> {
    try {
      return { image, verdict: await this.verify(image, question), error: null };
    } catch (error) {
      return { image, verdict: null, error: error as VerimageError };
    }
  }

  /** The policy of a call, or the engine's own. A load that failed is tried again by the next call. */
  async #policyFor(given: PolicyLike | undefined): Promise<Policy> {
    const trust = this.#trustStores === undefined ? {} : { trustStores: this.#trustStores };
    if (given !== undefined) return given instanceof Policy ? given : Policy.from(given, trust);
    if (this.#policy === undefined) throw new UsageError('there is no policy: give one to the call or to the engine', 'usage');
    this.#loaded ??= Policy.from(this.#policy, trust);
    try {
      return await this.#loaded;
    } catch (error) {
      this.#loaded = undefined;
      throw error;
    }
  }
}

/** Judges one image with an engine of its own. Services that judge more than one make a `Verimage` once. */
export async function verify(image: string, policy: PolicyLike, options: EngineOptions & Question = {}): Promise<Verdict> {
  const { signal, name, platform, at, allEvidence, ...engine } = options;
  if (policy === undefined) throw new UsageError('there is no policy', 'usage');
  return new Verimage(engine).verify(image, defined({ policy, signal, name, platform, at, allEvidence }));
}

/** Without what is not given. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function optionsOf(options: object): string {
  return toJson(defined(options), (what, pointer) => new UsageError(`options: ${pointer.slice(1)} cannot be ${what}`, 'usage'));
}

function timeOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'an invalid date' : date.toISOString();
}

function settled(answer: Awaited<ReturnType<Engine['verify']>>): Verdict {
  if (typeof answer === 'string') return verdictOf(answer);
  throw errorOf(answer);
}

/** Work that is over as soon as the signal says so. */
async function abortable<T>(signal: AbortSignal, cancel: () => void, work: () => Promise<T>): Promise<T> {
  if (typeof signal?.addEventListener !== 'function') throw new UsageError('`signal` is an AbortSignal', 'usage');
  if (signal.aborted) throw new AbortError(signal.reason);
  // Many calls may share one signal: that is no leak.
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => (cancel(), reject(new AbortError(signal.reason)));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function* next(running: Promise<Outcome>[], signal: AbortSignal): AsyncGenerator<Outcome, void, undefined> {
  const outcome = await running.shift();
  if (signal.aborted) throw new AbortError(signal.reason);
  if (outcome !== undefined) yield outcome;
}
