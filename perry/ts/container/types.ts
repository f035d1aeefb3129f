import { Access, Grants, LimitHit, Limits, PolicyText, Signer } from "../types";

/**
 * A sandbox that outlives the call, in the words of `perry/container`. Every field has its snake_case and its camelCase name.
 *
 * What the native backend cannot do is an error that says what to do instead. Nothing is ever left out without a word.
 */
export interface ContainerSpec extends Access {
  /** A registry reference, `oci:DIR[:TAG|@DIGEST]`, or `docker-archive:FILE`. */
  image: string;
  /** Without it a name of the form `{md5_8}-{random_8}` is made. */
  name?: string;
  /** The command, or the arguments of the entry point. */
  cmd?: string[];
  /** The program, and arguments that stand before `cmd`. */
  entrypoint?: string | string[];
  /** Variables of the program. */
  env?: Record<string, string>;
  /** Labels to find it by. */
  labels?: Record<string, string>;
  /** Host folders as `"/path:/path[:ro|:rw]"`; the second path is where it is seen inside. Without a mode: `rw`. */
  volumes?: string[];
  /** Must be empty: the native backend publishes no ports. */
  ports?: string[];
  /** Only `"none"`. What may be reached is a grant: `grants.egress`. */
  network?: string;
  /** Must be false: remove it with `remove`, or use `run` of the package itself, which leaves nothing. */
  rm?: boolean;
  /** Must be true. What may be written is a grant: `volumes`, or `grants.write`. */
  read_only?: boolean;
  /** The same as `read_only`. */
  readOnly?: boolean;
  /** Must be false. */
  privileged?: boolean;
  /** Not supported: the policy's tier says which user runs. */
  user?: string;
  /** Not supported: the image says where the program starts. */
  workdir?: string;
  /** Linux caps to ask for; the policy must allow each. */
  cap_add?: string[];
  /** The same as `cap_add`. */
  capAdd?: string[];
  /** Linux caps to drop. All are dropped anyway; naming one that `cap_add` names too is an error. */
  cap_drop?: string[];
  /** The same as `cap_drop`. */
  capDrop?: string[];
  /** Only `"default"`: the tier's profile. */
  seccomp?: string;
  /** Must be true. */
  no_new_privileges?: boolean;
  /** The same as `no_new_privileges`. */
  noNewPrivileges?: boolean;
  /** Policy files, or a policy as text. */
  policy?: string | string[] | PolicyText;
  /** A tier that tightens what the policy says. */
  tier?: string;
  /** Use this backend and no other. */
  backend?: string;
  /** Who must have signed; without it the policy says. */
  signer?: Signer;
  /** More that it asks to touch. */
  grants?: Grants;
  /** Tighter limits than the policy's. */
  limits?: Limits;
  /** Short for `limits.wallMs`. */
  timeoutMs?: number;
}

/** Names one sandbox. Functions take it, its id, or its name. */
export interface ContainerHandle {
  /** Unique on this machine. */
  id: string;
  /** The name that was given or made. */
  name: string;
}

/** What is known of one sandbox. */
export interface ContainerInfo extends ContainerHandle {
  /** The image as it was asked for. */
  image: string;
  /** The digest that was verified and runs. */
  digest: string;
  /** Where it is in its life; `"dead"` when its supervisor is gone. */
  status: "created" | "running" | "exited" | "dead";
  /** The program's exit code, when it exited. */
  exitCode?: number | null;
  /** The signal that ended it. */
  signal?: number | null;
  /** The limit that was hit. */
  limitHit?: LimitHit | null;
  /** What went wrong beside: it could not be watched, or something could not be written down. */
  failure?: string | null;
  /** When it was made, as `2026-01-31T12:00:00Z`. */
  created: string;
  /** When it was started. */
  started?: string | null;
  /** When it ended. */
  finished?: string | null;
  /** Its labels. */
  labels: Record<string, string>;
  /** The tier that it runs under. */
  tier: string;
  /** Digest of the launch plan that is enforced. */
  planDigest: string;
  /** Always empty on the native backend. */
  ports: string[];
}

/** What a sandbox printed. */
export interface ContainerLogs {
  /** Standard output. */
  stdout: string;
  /** Standard error. */
  stderr: string;
}

/** How a sandbox ended. */
export interface ContainerExit {
  /** The program's exit code; null when a signal ended it. */
  exitCode: number | null;
  /** The signal that ended it. */
  signal: number | null;
  /** The limit that was hit. */
  limitHit: LimitHit | null;
  /** What went wrong beside; null when nothing did. */
  failure: string | null;
}

/** Which part of the output. */
export interface LogsOptions {
  /** Only that many of the last lines. */
  tail?: number;
  /** Give what comes from now on too, as an async iterator. */
  follow?: boolean;
}

/** Which sandboxes to list. */
export interface ListOptions {
  /** Those that ended too. */
  all?: boolean;
  /** Only those with all these labels. */
  labels?: Record<string, string>;
}

/** Options of a command that joins a sandbox. */
export interface ExecOptions {
  /** More variables. */
  env?: Record<string, string>;
  /** Where it starts. */
  workdir?: string;
  /** Its whole input. */
  stdin?: string | Uint8Array;
  /** How its output is carried. */
  encoding?: "utf8" | "base64";
  /** Milliseconds until it is killed. */
  timeoutMs?: number;
}

/** An image in the store. */
export interface ImageInfo {
  /** The name that it came by. */
  name: string;
  /** What that name came to: an index, or the manifest. */
  digest: string;
  /** The manifest that runs. */
  manifest: string;
  /** Its configuration. */
  configDigest: string;
  /** `linux/amd64` and the like. */
  platform: string;
  /** Its repository; null for a layout or an archive. */
  repository: string | null;
  /** The tag of its name; null without one. */
  tag: string | null;
  /** Bytes in the store. */
  size: number;
  /** When it was stored; null where the clock was wrong. */
  storedAt: string | null;
}

/** A backend, and whether it can be used. */
export interface BackendInfo {
  /** Its name. */
  name: string;
  /** Whether it can run something here. */
  available: boolean;
  /** Why not, or how it was found. */
  reason?: string | null;
  /** Its version. */
  version?: string | null;
  /** The isolation levels that it gives. */
  isolationLevels?: string[];
}

/** How strict {@link selectBackendFor} is; everything that is security is strict in every mode. */
export type SelectMode = "strict-native" | "accept-emulated" | "accept-partial";
