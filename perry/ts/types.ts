import { Denial, Evidence, ExplanationDocument, TrailMark } from "./proofs";

/** Text that a policy file could hold, given directly. */
export interface PolicyText {
  /** The policy in TOML or JSON. */
  text: string;
  /** The name to show in messages. */
  name?: string;
}

/** What a run may touch beyond its own image. The policy must allow each; asking is not getting. */
export interface Grants {
  /** Hosts and ports that may be reached, such as `"api.example.com:443"`. */
  egress?: string[];
  /** Host folders and files to read: `"/path"` is seen at the same path inside, `"/path:/target"` at the target. */
  read?: string[];
  /** Host folders and files to write, written as those to read. */
  write?: string[];
  /** Host folders with programs to execute, at the same path inside; nobody has verified them. */
  exec?: string[];
  /** Secrets by the policy's names, to ask for them without a value: in `explain`. */
  secrets?: string[];
  /** Devices by path. */
  devices?: string[];
  /** Linux caps to keep, such as `"NET_BIND_SERVICE"`. */
  linuxCaps?: string[];
}

/** Limits of one run. They can tighten what the policy says, never widen it. Sizes are bytes, or text such as `"64MiB"`. */
export interface Limits {
  /** Memory of the whole sandbox. */
  memory?: number | string;
  /** Share of processors, such as 1.5. */
  cpus?: number;
  /** Processes and threads. */
  pids?: number;
  /** Milliseconds until it is killed. */
  wallMs?: number;
  /** Output until it is killed. */
  output?: number | string;
  /** What it can write. */
  disk?: number | string;
  /** Open files per process. */
  openFiles?: number;
}

/** How registries are asked. */
export interface Fetching {
  /** When the registry is asked; without it `"missing"`. */
  pull?: "missing" | "always" | "never";
  /** Registries that may be asked without TLS. */
  insecureRegistries?: string[];
  /** A file with certificates to trust beside the system's. */
  registryCa?: string;
}

/** Where images come from. */
export interface Access extends Fetching {
  /** `linux/amd64` and the like; without it this machine's. */
  platform?: string;
  /** The repository that the signature of a layout or an archive must name. */
  repository?: string;
}

/** What every run can say. Unknown fields are refused. */
export interface Target extends Access {
  /** Policy files, or a policy as text; without it the user's or the system's file. */
  policy?: string | string[] | PolicyText;
  /** A tier that tightens what the policy's entry says. */
  tier?: string;
  /** Use this backend and no other. */
  backend?: string;
  /** Variables of the program. */
  env?: Record<string, string>;
  /** What the run asks to touch. */
  grants?: Grants;
  /** Tighter limits than the policy's. */
  limits?: Limits;
  /** Short for `limits.wallMs`; giving both is an error. */
  timeoutMs?: number;
  /** Where a capability's image is read from, instead of the registry that its rule names. */
  image?: string;
}

/** How a program's input and output are carried. */
export interface Io {
  /** The program's whole input: text, or bytes as they are. */
  stdin?: string | Uint8Array;
  /** `"utf8"` (invalid bytes become U+FFFD), or `"base64"` for output that is no text. */
  encoding?: "utf8" | "base64";
}

/** Values that the program finds as files `/run/secrets/NAME`. */
export interface Secrets {
  /**
   * Values by the policy's names: text, or bytes as they are. Each that the policy gives must be here, and no other. They
   * are stored nowhere, and no error has them in it.
   */
  secrets?: Record<string, string | Uint8Array>;
}

/**
 * A way to give up waiting: the call is cancelled, and its promise rejects with `CANCELLED`; a run's once its sandbox is gone.
 */
export interface Cancellable {
  /** Cancels when it aborts. */
  signal?: AbortSignal;
}

/** Options of a capability of the policy. */
export interface CapabilityOptions extends Target, Io, Secrets {
  /** Arguments; the policy says which are allowed. */
  args?: string[];
}

/** Who must have signed an image. Exactly one way: a key, or an identity with its issuer. */
export interface Signer {
  /** A public key: the path of a PEM file, or the PEM text. */
  key?: string;
  /** A public key as PEM text. */
  keyText?: string;
  /** The signer's name in the certificate. */
  identity?: string;
  /** The same as a regular expression that must match in full. */
  identityRegexp?: string;
  /** Who vouched for the identity. */
  issuer?: string;
  /** The same as a regular expression that must match in full. */
  issuerRegexp?: string;
  /** A file with the roots of trust, or a folder of such files, instead of the public instance's. */
  trustedRoot?: string;
  /** Whether the signature must be in the transparency log, also for keys. */
  requireLog?: boolean;
}

/** An image to run that is no capability of the policy. */
export interface Spec extends Target {
  /** A registry reference, `oci:DIR[:TAG|@DIGEST]`, or `docker-archive:FILE`. */
  image: string;
  /** A program that replaces the image's entry point. */
  entrypoint?: string;
  /** The command, or its arguments. */
  args?: string[];
  /** Who must have signed; without it the policy says. */
  signer?: Signer;
}

/** Which limit ended a run. */
export type LimitHit = "memory" | "cpu" | "wall" | "output" | "pids" | "disk" | "open-files";

/** What a run used. */
export interface Usage {
  /** Milliseconds from start to end. */
  wallMs: number;
  /** Milliseconds of processor time in the program. */
  userMs: number;
  /** Milliseconds of processor time in the kernel. */
  systemMs: number;
  /** Most memory at one time, in bytes. */
  peakMemory: number;
  /** How: counted by the kernel for all of it, summed from time to time, of the largest process alone, or not at all. */
  peakMeasured: "cgroup" | "sampled" | "largest-process" | "unknown";
}

/** How a run ended. */
export interface Ended {
  /** The program's exit code; null when a signal ended it. */
  exitCode: number | null;
  /** The signal that ended it; null when it exited. */
  signal: number | null;
  /** The limit that was hit; null when none was. */
  limitHit: LimitHit | null;
  /** What it used. */
  usage: Usage;
  /** What was proved about the image: digest, signers, times. Null for a program that joined a sandbox. */
  evidence: Evidence | null;
  /** Digest of the launch plan that was enforced. */
  planDigest: string;
  /** The entry in the trail, where one is kept. */
  trail?: TrailMark | null;
  /** What it did with its egress grant; absent without one. */
  egress?: EgressUse;
}

/** What went through the egress proxy. */
export interface EgressUse {
  /** Connections that were made. */
  allowed: number;
  /** Connections and questions for a name that were refused. */
  refused: number;
  /** The first different refusals: where to, as far as it could be read, and why. */
  refusals: {
    to: string | null;
    reason:
      | "not-granted"
      | "bad-request"
      | "too-slow-or-long"
      | "no-address"
      | "address-barred"
      | "unreachable"
      | "not-tls"
      | "other-server-name";
  }[];
}

/** How a run ended, and what it printed. */
export interface RunResult extends Ended {
  /** Standard output, in the chosen encoding. */
  stdout: string;
  /** Standard error, in the chosen encoding. */
  stderr: string;
}

/** A piece of output as it came. */
export interface OutputChunk {
  /** Which of the two outputs. */
  stream: "stdout" | "stderr";
  /** The piece, in the chosen encoding; a character is never cut in two. */
  text: string;
}

/** Who must have signed, for {@link verify}: a policy's image rule, or a signer named here. */
export type Requirement = { policy: string | string[] | PolicyText } | { signer: Signer };

/** An image whose signatures satisfied the requirement. There is no other kind: everything else is an error. */
export interface Verified {
  verified: true;
  /** What was proved. */
  evidence: Evidence;
}

/** A request to be explained: a capability or an ad-hoc image. */
export type Explainable = (
  | { /** A capability of the policy. */ capability: ExplainedCapability }
  | { /** An ad-hoc image. */ spec: Spec }
) & {
  /** As if under this tier. */
  ifTier?: string;
  /** Give an approval line by line too, as `explanation`. Reading the lines costs more than the whole question. */
  rows?: boolean;
};

/** The capability in an {@link Explainable}. */
export interface ExplainedCapability extends Target {
  /** Its name in the policy. */
  name: string;
  /** Its arguments. */
  args?: string[];
}

/** What would happen, and why. */
export interface Explanation {
  /** What the run would be told. */
  verdict: "allow" | "deny" | "not-verified";
  /** The exit code that the command line would give. */
  exit: number;
  /** Digest of the plan, when the verdict is `"allow"`. */
  planDigest?: string;
  /** The explanation as `perry-sandbox explain` prints it. */
  text?: string;
  /** The same as a document: lines, enforcers, reasons with their places. For an approval only with `rows`. */
  explanation?: ExplanationDocument;
  /** Every candidate signature and why it does not count, when the verdict is `"not-verified"`. */
  denial?: Denial;
}

/** One thing that is wrong in a policy. */
export interface Refusal {
  /** A permanent code. */
  code: string;
  /** What is wrong, and what to do. */
  message: string;
  /** What stands at the place. */
  label?: string;
  /** What to write instead. */
  help?: string | null;
  /** The file's name. */
  file?: string;
  /** Line, counted from 1. */
  line?: number;
  /** First byte of the place in the file. */
  start?: number;
  /** The byte behind it. */
  end?: number;
}

/** What is wrong with a policy, if anything. */
export interface PolicyReport {
  /** Whether it can be used. */
  ok: boolean;
  /** Its digest, when it can be used. */
  digest?: string;
  /** Its name, when it can be used. */
  name?: string;
  /** Its capabilities, when it can be used. */
  capabilities?: string[];
  /** All that is wrong, as `perry-sandbox policy check` prints it. */
  text?: string;
  /** All that is wrong. */
  refusals: Refusal[];
}

/** What to audit: a text with the name that reports call it, or the words of a command line. */
export type Auditable = { text: string; name?: string; auditor?: boolean } | { argv: string[]; auditor?: boolean };

/** What an audit found. */
export interface AuditReport {
  schema: "perry-sandbox/audit/v1";
  /** `found`: something of high severity or worse. `ungraded`: something could not be read or seen, which is never a pass. */
  verdict: "clean" | "found" | "ungraded";
  /** The worst first. */
  findings: AuditFinding[];
  /** The report as `perry-sandbox audit` prints it. */
  text: string;
}

/** One finding; positions count from 1, `start` and `end` count bytes from 0. */
export interface AuditFinding {
  /** A permanent number: `PSB410`. */
  rule: string;
  slug: string;
  title: string;
  severity: "critical" | "high" | "medium" | "low" | "info" | "refused";
  target: { kind: string; name: string };
  message: string;
  help: string;
  file: string;
  line: number;
  column: number;
  end_line: number;
  end_column: number;
  start: number;
  end: number;
  /** The finding's identity across runs. */
  fingerprint: string;
  /** Why it does not count, if somebody answers for it. */
  suppressed: { by: string; reason: string; owner: string | null; until: string | null } | null;
}
