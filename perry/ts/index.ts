/**
 * Runs commands of signed images inside a hardened sandbox, in the process of a Perry program.
 *
 * @packageDocumentation
 */

export { ERROR_STATUS, SandboxError } from "./error";
export type { ErrorCode } from "./error";
export { run, runCapability, runCapabilitySync, runSync } from "./run";
export { audit, auditSync, checkPolicy, checkPolicySync, close, explain, explainSync, verify, verifySync, version } from "./ask";
export { OutputIterator, RunningProgram, stream, streamSpec } from "./stream";
export type { StreamOptions } from "./stream";
export type {
  Access,
  Auditable,
  AuditFinding,
  AuditReport,
  Cancellable,
  CapabilityOptions,
  Ended,
  Explainable,
  ExplainedCapability,
  Explanation,
  Fetching,
  Grants,
  Io,
  LimitHit,
  Limits,
  OutputChunk,
  PolicyReport,
  PolicyText,
  Refusal,
  Requirement,
  RunResult,
  Secrets,
  Signer,
  Spec,
  Target,
  Usage,
  Verified,
} from "./types";
export type {
  Authority,
  Denial,
  DenialReason,
  Evidence,
  ExplanationDocument,
  Place,
  TrailMark,
  Trial,
  VerifiedSignature,
} from "./proofs";
export * as compose from "./compose";
export * as container from "./container";
export * as workloads from "./workloads";
