import { Policy as Native } from '../native.js';
import { checkText, errorOf, PolicyError } from './errors.js';
import { toJson } from './json.js';

/** A policy as an object: the native form, or that of another tool. Only JSON has a meaning in it. */
export type PolicyObject = { readonly [field: string]: unknown };

/** A policy file, a policy as an object, or one that is loaded. The text of a policy is `Policy.fromText(...)`. */
export type PolicyLike = string | PolicyObject | Policy;

/** Where the files and trust stores are that a policy names. */
export interface PolicyOptions {
  /** The folder where relative paths of a policy start that is no file. Without one they are an error. */
  base?: string;
  /** The folder of notation's trust stores, `x509/TYPE/NAME/` each; for policy files by default notation's own. */
  trustStores?: string;
  /** What verdicts call a policy that is no file. */
  source?: string;
}

/** A loaded policy. It keeps its keys: to take up new ones, load it again. */
export class Policy {
  /** @internal */
  readonly native: Native;

  private constructor(native: Native) {
    this.native = native;
    Object.freeze(this);
  }

  /** Loads a policy file of any known format, and asks for the keys that it refers to. */
  static async load(path: string, options: Pick<PolicyOptions, 'trustStores'> = {}): Promise<Policy> {
    checkText('path', path);
    return Policy.#wrap(await Native.load(path, options.trustStores));
  }

  /** Loads a policy of any known format from text, YAML or JSON. */
  static async fromText(text: string, options: PolicyOptions = {}): Promise<Policy> {
    checkText('text', text);
    return Policy.#wrap(await Native.fromText(text, options.source ?? 'text', options.base, options.trustStores));
  }

  /** Loads a policy from an object. */
  static async fromObject(object: PolicyObject, options: PolicyOptions = {}): Promise<Policy> {
    const refuse = (what: string, pointer: string) => new PolicyError(`a policy holds what JSON can say, not ${what}`, 'policy-invalid', { pointer });
    return Policy.fromText(toJson(object, refuse), { source: 'object', ...options });
  }

  /** Loads whatever stands for a policy. */
  static async from(policy: PolicyLike, options: PolicyOptions = {}): Promise<Policy> {
    if (policy instanceof Policy) return policy;
    return typeof policy === 'string' ? Policy.load(policy, options) : Policy.fromObject(policy, options);
  }

  static #wrap(loaded: Awaited<ReturnType<typeof Native.load>>): Policy {
    if (loaded instanceof Native) return new Policy(loaded);
    throw errorOf(loaded);
  }

  /** What names it in verdicts. */
  get source(): string {
    return this.native.source;
  }

  /** The digest of its text. */
  get digest(): string {
    return this.native.digest;
  }
}
