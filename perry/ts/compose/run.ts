import { Fields, isFields } from "../checked";
import { RunningLogs } from "../container/follow";
import { textList } from "../container/spec";
import { ContainerLogs, ExecOptions, LogsOptions } from "../container/types";
import { SandboxError } from "../error";
import { callSync } from "../native";
import { encodeSecrets, optionFields, taken } from "../options";
import {
  CleanupReport,
  DownOptions,
  ServiceInfo,
  changeProject,
  endProject,
  execIn,
  followServiceLogs,
  listProject,
  readProjectLogs,
  readServiceLogs,
} from "../projects";
import { raise } from "../raise";
import { fieldsOf, textOf } from "../replies";
import { attempted } from "../run";
import { Cancellable, RunResult, Secrets } from "../types";
import { BuildOptions, BuildReport, ComposeHandle, ComposeOptions, ComposeSource, UpOptions } from "./types";

/**
 * Brings a project up. Every service is allowed by the policy and verified before anything starts; what fails is undone.
 */
export function up(source: ComposeSource, options?: UpOptions): Promise<ComposeHandle> {
  return raise("composeUp", () => sourceArgs(source, options), "", handleOf);
}

/**
 * Builds images of services on this machine where the policy grants it, and signs them by a key of this machine that
 * `perry-compose build --generate-key` has made. All are decided before one is built.
 */
export function build(source: ComposeSource, options?: BuildOptions): Promise<BuildReport> {
  return attempted("composeBuild", () => sourceArgs(source, options), builtOf);
}

function builtOf(value: unknown): BuildReport {
  const fields = fieldsOf(value, "what was built");
  textOf(fields, "name", "what was built");
  if (!Array.isArray(fields.services)) {
    throw new SandboxError("INTERNAL", "the reply is not what was built");
  }
  return fields as unknown as BuildReport;
}

/** A project in its canonical form, as YAML: of a handle as it was brought up, else as its files say now. */
export function config(source: ComposeSource | ComposeHandle, options?: ComposeOptions): string {
  if (isFields(source) && typeof source.config === "function") {
    return (source as unknown as ComposeHandle).config();
  }
  const reply = fieldsOf(callSync("composeConfig", sourceArgs(source, options)), "a project");
  return textOf(reply, "yaml", "a project");
}

/** Ends a project and removes what it has; volumes only where that is said. */
export async function down(target: string | ComposeHandle, options?: DownOptions): Promise<CleanupReport> {
  return endProject(target, options);
}

/** The sandboxes of a project, or of these services. */
export async function ps(target: string | ComposeHandle, services?: string[]): Promise<ServiceInfo[]> {
  return listProject(target, services);
}

/** What a service printed so far, or all of them. */
export async function logs(
  target: string | ComposeHandle,
  options?: LogsOptions & { service?: string },
): Promise<ContainerLogs> {
  const fields = optionFields(options, []);
  const service = taken(fields, "service");
  return service === undefined ? readProjectLogs(target, fields) : readServiceLogs(target, service, fields);
}

/** What a service printed, and what it goes on to print. */
export async function followLogs(
  target: string | ComposeHandle,
  service: string,
  options?: { tail?: number },
): Promise<RunningLogs> {
  return followServiceLogs(target, service, options);
}

/** Runs a command inside a service, under its plan. An exit code other than 0 is a result. */
export async function exec(
  target: string | ComposeHandle,
  service: string,
  command: string[],
  options?: ExecOptions & Cancellable,
): Promise<RunResult> {
  return execIn(target, service, command, options);
}

/** Starts services again that have ended. Of `secrets` each is given its own. */
export async function start(target: string | ComposeHandle, services?: string[], options?: Secrets): Promise<void> {
  return changeProject("projectStart", target, services, options);
}

/** Ends services, and removes nothing. */
export async function stop(
  target: string | ComposeHandle,
  services?: string[],
  options?: { graceMs?: number },
): Promise<void> {
  return changeProject("projectStop", target, services, options);
}

/** Ends services and starts them again, as they are. Nothing is ended if one of its secrets is not here. */
export async function restart(
  target: string | ComposeHandle,
  services?: string[],
  options?: Secrets & { graceMs?: number },
): Promise<void> {
  return changeProject("projectRestart", target, services, options);
}

function sourceArgs(source: unknown, options: unknown): Fields {
  const args = optionFields(options, ["files", "text"]);
  encodeSecrets(args);
  if (typeof source === "string" && source.length > 0) {
    args.files = [source];
  } else if (Array.isArray(source) && source.length > 0) {
    args.files = textList(source, "the files");
  } else if (isFields(source) && isFields(source.services)) {
    // JSON is YAML, and what is in its texts is taken as it is: no value of the program is looked into for variables.
    args.text = JSON.stringify(source);
  } else {
    throw new SandboxError("BAD_REQUEST", "a project is an object with `services`, or the path of its file");
  }
  return args;
}

function handleOf(value: unknown): ComposeHandle {
  const fields = fieldsOf(value, "a project");
  if (!Array.isArray(fields.services)) {
    throw new SandboxError("INTERNAL", "the reply is not a project");
  }
  const services = fields.services as { service: string; containerId: string | null }[];
  return handle(textOf(fields, "name", "a project"), services, textOf(fields, "yaml", "a project"));
}

// Closures that return the promise of a function of the module: compiler 0.5.1182 gives stale values from async methods.
function handle(
  name: string,
  services: { service: string; containerId: string | null }[],
  yaml: string,
): ComposeHandle {
  return {
    name: name,
    services: services,
    ps: () => ps(name),
    logs: (options?: LogsOptions & { service?: string }) => logs(name, options),
    followLogs: (service: string, options?: { tail?: number }) => followLogs(name, service, options),
    exec: (service: string, command: string[], options?: ExecOptions & Cancellable) =>
      exec(name, service, command, options),
    config: () => yaml,
    start: (services?: string[], options?: Secrets) => start(name, services, options),
    stop: (services?: string[]) => stop(name, services),
    restart: (services?: string[], options?: Secrets & { graceMs?: number }) => restart(name, services, options),
    down: (options?: DownOptions) => down(name, options),
  };
}
