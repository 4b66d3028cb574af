export { codes, type CodeEntry } from '../native.js';
export { CODES, type FailureCode } from './codes.js';
export * from './engine.js';
export { AbortError, ConfigurationError, InternalError, PolicyError, type PolicyPlace, UsageError, VerimageError } from './errors.js';
export { Policy, type PolicyLike, type PolicyObject, type PolicyOptions } from './policy.js';
export { type Blobs, type HttpWant, type SignatureStore, StoreError, type StoreErrorReason, type Want } from './store.js';
export type { Decision, LeafVerdict, Mode, ReportVerdict, RuleVerdict, Verdict } from './verdict.js';
