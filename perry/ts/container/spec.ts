// From upstream's ContainerSpec to the envelope's Spec. A field either means the same there, or is refused here.

import { Fields, isFields } from "../checked";
import { SandboxError } from "../error";
import { optionFields, requireText } from "../options";

/** What `sandboxRun` and `sandboxCreate` take. */
export interface SandboxArgs {
  spec: Fields;
  name?: string;
  labels?: Fields;
}

/** Fields that mean the same in both. */
const SAME = [
  "image",
  "env",
  "policy",
  "tier",
  "backend",
  "signer",
  "limits",
  "timeoutMs",
  "platform",
  "repository",
  "pull",
  "insecureRegistries",
  "registryCa",
];

/** snake_case and camelCase of one field. */
const PAIRS = [
  ["read_only", "readOnly"],
  ["cap_add", "capAdd"],
  ["cap_drop", "capDrop"],
  ["no_new_privileges", "noNewPrivileges"],
];

/** Fields that are translated or judged one by one. */
const OWN = [
  "name",
  "labels",
  "cmd",
  "entrypoint",
  "volumes",
  "grants",
  "ports",
  "network",
  "rm",
  "privileged",
  "user",
  "workdir",
  "seccomp",
];

/** Translates a whole spec, or throws. */
export function sandboxArgs(spec: unknown): SandboxArgs {
  const fields = oneSpelling(optionFields(spec, []));
  requireText(fields.image, "image");
  refuseWeakening(fields);
  refuseUnavailable(fields);
  const translated: Fields = {};
  for (const name of Object.keys(fields)) {
    if (SAME.indexOf(name) >= 0) {
      translated[name] = fields[name];
    }
  }
  putCommand(fields, translated);
  const grants = grantsOf(fields);
  if (Object.keys(grants).length > 0) {
    translated.grants = grants;
  }
  const args: SandboxArgs = { spec: translated };
  if (fields.name !== undefined) {
    args.name = requireText(fields.name, "name");
  }
  if (fields.labels !== undefined) {
    args.labels = optionFields(fields.labels, []);
  }
  return args;
}

/** Brings camelCase to snake_case, and refuses names that nobody knows. */
function oneSpelling(fields: Fields): Fields {
  const spelled: Fields = {};
  for (const name of Object.keys(fields)) {
    const known = snakeName(name);
    if (spelled[known] !== undefined) {
      throw new SandboxError("BAD_REQUEST", "`" + name + "` and its other spelling are both given");
    }
    spelled[known] = fields[name];
  }
  return spelled;
}

function snakeName(name: string): string {
  for (const pair of PAIRS) {
    if (name === pair[0] || name === pair[1]) {
      return pair[0];
    }
  }
  if (SAME.indexOf(name) < 0 && OWN.indexOf(name) < 0) {
    throw new SandboxError("BAD_REQUEST", "`" + name + "` is not a field of a ContainerSpec");
  }
  return name;
}

function denied(message: string): SandboxError {
  return new SandboxError("DENIED", message);
}

function unavailable(message: string): SandboxError {
  return new SandboxError("NOT_AVAILABLE", message);
}

/** No key switches these off, at any tier. */
function refuseWeakening(fields: Fields): void {
  if (!isOneOf(fields.privileged, [undefined, false])) {
    throw denied("`privileged` does not exist here: ask for the single grants that the program needs");
  }
  if (!isOneOf(fields.no_new_privileges, [undefined, true])) {
    throw denied("`no_new_privileges` is always on: leave it out or give true");
  }
  if (!isOneOf(fields.seccomp, [undefined, "default"])) {
    throw denied("`seccomp` must be \"default\": every program has its tier's filter; widen it in the policy, with a reason");
  }
  if (!isOneOf(fields.read_only, [undefined, true])) {
    throw denied("the root file system is always read-only: ask for what must be written with `volumes` or `grants.write`");
  }
}

function refuseUnavailable(fields: Fields): void {
  if (fields.ports !== undefined && !(Array.isArray(fields.ports) && fields.ports.length === 0)) {
    throw unavailable("the native backend publishes no ports: leave `ports` out, or run the service elsewhere");
  }
  if (!isOneOf(fields.network, [undefined, "none"])) {
    throw unavailable("the native backend has no networks: name the hosts to reach in `grants.egress`");
  }
  if (!isOneOf(fields.rm, [undefined, false])) {
    throw unavailable("a named sandbox is kept until `remove`: use `run` of @perry-sandbox/perry, which leaves nothing");
  }
  if (fields.user !== undefined) {
    throw unavailable("`user` cannot be chosen: the policy's tier says which user runs");
  }
  if (fields.workdir !== undefined) {
    throw unavailable("`workdir` cannot be chosen: the image says where its program starts");
  }
}

function isOneOf(value: unknown, allowed: unknown[]): boolean {
  return allowed.indexOf(value) >= 0;
}

/** A list of texts, or an error. */
export function textList(value: unknown, name: string): string[] {
  const list: string[] = [];
  if (value === undefined) {
    return list;
  }
  if (!Array.isArray(value)) {
    throw new SandboxError("BAD_REQUEST", "`" + name + "` must be a list of texts");
  }
  for (const item of value) {
    if (typeof item !== "string") {
      throw new SandboxError("BAD_REQUEST", "`" + name + "` must be a list of texts");
    }
    list.push(item);
  }
  return list;
}

function putCommand(fields: Fields, translated: Fields): void {
  const entrypoint = typeof fields.entrypoint === "string" ? [fields.entrypoint] : textList(fields.entrypoint, "entrypoint");
  const args = entrypoint.slice(1).concat(textList(fields.cmd, "cmd"));
  if (entrypoint.length > 0) {
    translated.entrypoint = requireText(entrypoint[0], "entrypoint");
  }
  if (args.length > 0) {
    translated.args = args;
  }
}

function grantsOf(fields: Fields): Fields {
  const grants = optionFields(fields.grants, []);
  const added = textList(fields.cap_add, "cap_add").map(capName);
  for (const dropped of textList(fields.cap_drop, "cap_drop").map(capName)) {
    if (dropped !== "ALL" && added.indexOf(dropped) >= 0) {
      throw new SandboxError("BAD_REQUEST", "`" + dropped + "` is in `cap_add` and in `cap_drop`");
    }
  }
  if (added.indexOf("ALL") >= 0) {
    throw denied("`cap_add` cannot name ALL: name each Linux cap, and allow it in the policy");
  }
  append(grants, "linuxCaps", added);
  for (const volume of textList(fields.volumes, "volumes")) {
    const mount = mountOf(volume);
    append(grants, mount.grant, [mount.path]);
  }
  return grants;
}

function append(grants: Fields, name: string, more: string[]): void {
  if (more.length > 0) {
    grants[name] = textList(grants[name], "grants." + name).concat(more);
  }
}

/** `cap_net_admin`, `CAP_NET_ADMIN` and `NET_ADMIN` are one. */
function capName(name: string): string {
  const upper = name.toUpperCase();
  return upper.indexOf("CAP_") === 0 ? upper.substring(4) : upper;
}

function mountOf(volume: string): { grant: string; path: string } {
  const parts = volume.split(":");
  const mode = parts.length === 3 ? parts[2] : "rw";
  if (parts.length < 2 || parts.length > 3 || (mode !== "ro" && mode !== "rw")) {
    throw new SandboxError("BAD_REQUEST", "a volume is written \"/path:/path\" with \":ro\" or \":rw\" behind it, not `" + volume + "`");
  }
  if (parts[0].charAt(0) !== "/") {
    throw unavailable("the native backend has no named volumes: give a host folder instead of `" + parts[0] + "`");
  }
  const path = parts[0] === parts[1] ? parts[0] : parts[0] + ":" + parts[1];
  return { grant: mode === "ro" ? "read" : "write", path };
}

/** The id in whatever names a sandbox; a handle of another kind is refused. */
export function sandboxId(target: unknown): string {
  if (typeof target === "string" && target.length > 0) {
    return target;
  }
  if (isFields(target) && typeof target.id === "string" && target.id.length > 0) {
    return target.id;
  }
  throw new SandboxError("BAD_REQUEST", "a sandbox is named by its id, its name, or the handle that run or create gave");
}
