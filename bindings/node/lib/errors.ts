import type { Refusal } from '../native.js';

/** Why a question could not be asked. A denied image is a verdict, never an error. */
export class VerimageError extends Error {
  override readonly name: string = 'VerimageError';
  /** A stable word: a failure code for policies, else `usage`, `configuration` or `internal`. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The policy cannot be used. */
export class PolicyError extends VerimageError {
  override readonly name = 'PolicyError';
  /** The place in the policy as a JSON pointer; empty for the whole. */
  readonly pointer: string;
  /** The file, if the policy came from one. */
  readonly file: string | null;
  /** The line, from 1. */
  readonly line: number | null;
  /** The column, from 1. */
  readonly column: number | null;
  /** What to do, if more is to say than the message does. */
  readonly hint: string | null;

  constructor(message: string, code: string, place: PolicyPlace = {}) {
    super(message, code);
    this.pointer = place.pointer ?? '';
    this.file = place.file ?? null;
    this.line = place.line ?? null;
    this.column = place.column ?? null;
    this.hint = place.hint ?? null;
  }
}

/** Where in a policy something is wrong, and what to do. */
export interface PolicyPlace {
  pointer?: string;
  file?: string;
  line?: number;
  column?: number;
  hint?: string;
}

/** An image reference or an option cannot be read. */
export class UsageError extends VerimageError {
  override readonly name = 'UsageError';
}

/** The settings of the engine or of this machine contradict each other, or name what is not there. */
export class ConfigurationError extends VerimageError {
  override readonly name = 'ConfigurationError';
}

/** A defect of verimage. */
export class InternalError extends VerimageError {
  override readonly name = 'InternalError';
}

/** The call was aborted by its signal, whose reason is the `cause`. Named and coded as Node's own. */
export class AbortError extends VerimageError {
  override readonly name = 'AbortError';

  constructor(cause: unknown) {
    super('The verification was aborted', 'ABORT_ERR', { cause });
  }
}

/** @internal */
export function errorOf(refusal: Refusal): VerimageError {
  const { layer, message, code } = refusal;
  switch (layer) {
    case 'policy':
      return new PolicyError(message, code, refusal);
    case 'usage':
      return new UsageError(message, code);
    case 'configuration':
      return new ConfigurationError(message, code);
    case 'aborted':
      return new AbortError(undefined);
    case 'internal':
      return new InternalError(message, code);
  }
}

/** @internal */
export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') {
    throw new UsageError(`\`${name}\` is a string, not ${value === null ? 'null' : typeof value}`, 'usage');
  }
}
