import { Fields, isFields } from "./checked";
import { SandboxError } from "./error";
import { call, callSync } from "./native";
import { optionFields, requireText } from "./options";
import { auditReportOf, explanationOf, fieldsOf, policyReportOf, textOf, verifiedOf } from "./replies";
import { attempted } from "./run";
import { Access, Auditable, AuditReport, Cancellable, Explainable, Explanation, PolicyReport, Requirement, Verified } from "./types";

/**
 * Proves who built an image. Resolves only when the requirement holds; otherwise rejects with `NOT_VERIFIED`, whose
 * `details.candidates` say what was found and why each did not do.
 */
export function verify(image: string, requirement?: Requirement, access?: Access & Cancellable): Promise<Verified> {
  return attempted("verify", () => verifyArgs(image, requirement, access), verifiedOf);
}

/** {@link verify} on this thread. */
export function verifySync(image: string, requirement?: Requirement, access?: Access): Verified {
  return verifiedOf(callSync("verify", verifyArgs(image, requirement, access)));
}

/** Says what a run would be told and who would enforce each line of it. Runs nothing. A denial is an answer here, no error. */
export async function explain(request: Explainable): Promise<Explanation> {
  return explanationOf(await call("explain", optionFields(request, [])));
}

/** {@link explain} on this thread. */
export function explainSync(request: Explainable): Explanation {
  return explanationOf(callSync("explain", optionFields(request, [])));
}

/** Reads a policy and reports everything that is wrong with it. */
export async function checkPolicy(policy: { text: string } | { path: string }): Promise<PolicyReport> {
  return policyReportOf(await call("checkPolicy", policyArgs(policy)));
}

/** {@link checkPolicy} on this thread. */
export function checkPolicySync(policy: { text: string } | { path: string }): PolicyReport {
  return policyReportOf(callSync("checkPolicy", policyArgs(policy)));
}

/**
 * Finds what is dangerous in a text: a Compose file, a Pod, a policy, a trust policy or a seccomp profile, told apart by its
 * content; or in a command line of docker, podman or nerdctl. Nothing runs, and no file that it names is read.
 */
export async function audit(what: Auditable): Promise<AuditReport> {
  return auditReportOf(await call("audit", auditArgs(what)));
}

/** {@link audit} on this thread. */
export function auditSync(what: Auditable): AuditReport {
  return auditReportOf(callSync("audit", auditArgs(what)));
}

/** The version of the native half. */
export function version(): string {
  return textOf(fieldsOf(callSync("version", {}), "a version"), "version", "a version");
}

/**
 * Ends everything: running calls and streams are cancelled and waited for. Every later call is an error with the code
 * `CLOSED`. Sandboxes that were started with a name by `container` are not touched: they outlive the program on purpose.
 */
export function close(): void {
  callSync("close", {});
}

function verifyArgs(image: string, requirement: unknown, access: unknown): Fields {
  const args = optionFields(access, ["image", "requirement"]);
  args.image = requireText(image, "image");
  if (requirement !== undefined) {
    args.requirement = optionFields(requirement, []);
  }
  return args;
}

function auditArgs(what: unknown): Fields {
  if (!isFields(what)) {
    throw new SandboxError("BAD_REQUEST", "give `{ text }` or `{ argv }`");
  }
  return optionFields(what, []);
}

function policyArgs(policy: unknown): Fields {
  if (!isFields(policy)) {
    throw new SandboxError("BAD_REQUEST", "give `{ text }` or `{ path }`");
  }
  return optionFields(policy, []);
}
