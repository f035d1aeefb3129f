// Replies are checked for what a caller decides by, so that a wrong shape is an error and never a silent yes.

import { Fields, isFields } from "./checked";
import { SandboxError } from "./error";
import { AuditReport, Ended, Explanation, PolicyReport, RunResult, Verified } from "./types";

function unexpected(what: string): SandboxError {
  return new SandboxError("INTERNAL", "the reply is not " + what + ": package and native archive do not fit");
}

/** The reply as an object. */
export function fieldsOf(value: unknown, what: string): Fields {
  if (!isFields(value)) {
    throw unexpected(what);
  }
  return value;
}

/** The text in a reply's field. */
export function textOf(fields: Fields, name: string, what: string): string {
  const text = fields[name];
  if (typeof text !== "string") {
    throw unexpected(what);
  }
  return text;
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || typeof value === "number";
}

/** How a run ended. */
export function endedOf(value: unknown): Ended {
  const fields = fieldsOf(value, "the end of a run");
  const digest = fields.planDigest;
  if (!isNumberOrNull(fields.exitCode) || !isNumberOrNull(fields.signal) || typeof digest !== "string") {
    throw unexpected("the end of a run");
  }
  return value as Ended;
}

/** How a run ended, with its output. */
export function runResultOf(value: unknown): RunResult {
  endedOf(value);
  const fields = fieldsOf(value, "a result");
  textOf(fields, "stdout", "a result");
  textOf(fields, "stderr", "a result");
  return value as RunResult;
}

/** A verification that succeeded. */
export function verifiedOf(value: unknown): Verified {
  if (fieldsOf(value, "a verification").verified !== true) {
    throw unexpected("a verification");
  }
  return value as Verified;
}

/** An explanation. */
export function explanationOf(value: unknown): Explanation {
  const verdict = fieldsOf(value, "an explanation").verdict;
  if (verdict !== "allow" && verdict !== "deny" && verdict !== "not-verified") {
    throw unexpected("an explanation");
  }
  return value as Explanation;
}

/** A policy report. */
export function policyReportOf(value: unknown): PolicyReport {
  const fields = fieldsOf(value, "a policy report");
  if (typeof fields.ok !== "boolean" || !Array.isArray(fields.refusals)) {
    throw unexpected("a policy report");
  }
  return value as PolicyReport;
}

/** The report of an audit. */
export function auditReportOf(value: unknown): AuditReport {
  const fields = fieldsOf(value, "an audit");
  const verdict = fields.verdict;
  if ((verdict !== "clean" && verdict !== "found" && verdict !== "ungraded") || !Array.isArray(fields.findings)) {
    throw unexpected("an audit");
  }
  return value as AuditReport;
}
