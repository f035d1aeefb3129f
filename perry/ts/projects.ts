// What Compose projects and workload graphs have in common once they run: both are found by their names, by any program.

import { Fields, flagOf, isFields } from "./checked";
import { RunningLogs, followLogs } from "./container/follow";
import { sandboxId, textList } from "./container/spec";
import { ContainerInfo, ContainerLogs, ExecOptions } from "./container/types";
import { SandboxError } from "./error";
import { call } from "./native";
import { encodeInput, encodeSecrets, optionFields, requireText } from "./options";
import { fieldsOf, runResultOf, textOf } from "./replies";
import { attempted } from "./run";
import { forget } from "./stacks";
import { Cancellable, RunResult, Secrets } from "./types";

/** What was ended and removed. */
export interface CleanupReport {
  /** Sandboxes. */
  containersRemoved: number;
  /** Networks. */
  networksRemoved: number;
  /** Volumes, with all that was in them. */
  volumesRemoved: number;
  /** Always empty: what could not be removed is a thrown error, whose `details` are this report. */
  errors: string[];
}

/** How something is ended. */
export interface DownOptions {
  /** Removes volumes too, with all that is in them. */
  volumes?: boolean;
  /** Milliseconds that each program has to end by itself. */
  graceMs?: number;
  /** Only these services or nodes. */
  services?: string[];
}

/** A sandbox of a project. */
export interface ServiceInfo extends ContainerInfo {
  /** The service or node. */
  service: string;
  /** Which of its replicas, from one. */
  replica: number;
  /** What its health check says, if it has one and runs. */
  health: "starting" | "healthy" | "unhealthy" | null;
}

/** The name in whatever stands for a project: a handle, or the name itself. */
export function projectName(target: unknown): string {
  if (typeof target === "string" && target.length > 0) {
    return target;
  }
  if (isFields(target) && typeof target.name === "string" && target.name.length > 0) {
    return target.name;
  }
  throw new SandboxError("BAD_REQUEST", "a stack or graph is named by its name, or by the handle that bringing it up gave");
}

/** Ends what runs of a project and removes it. */
export async function endProject(target: unknown, options: unknown): Promise<CleanupReport> {
  const args = optionFields(options, ["project"]);
  args.project = projectName(target);
  const report = reportOf(await call("projectDown", args));
  if (args.services === undefined) {
    forget(textOf(args, "project", "a project"));
  }
  return report;
}

/** Ends everything that is a project, whoever brought it up. */
export async function endAll(options: unknown): Promise<CleanupReport> {
  return reportOf(await call("projectDownAll", optionFields(options, [])));
}

function reportOf(value: unknown): CleanupReport {
  const fields = fieldsOf(value, "a report");
  if (typeof fields.containersRemoved !== "number" || !Array.isArray(fields.errors)) {
    throw new SandboxError("INTERNAL", "the reply is not a report");
  }
  return fields as unknown as CleanupReport;
}

/** The sandboxes of a project, of every state. */
export async function listProject(target: unknown, services: unknown): Promise<ServiceInfo[]> {
  const found = await call("projectPs", servicesOf(target, services));
  if (!Array.isArray(found)) {
    throw new SandboxError("INTERNAL", "the reply is not a list of sandboxes");
  }
  return found as ServiceInfo[];
}

/** Starts, stops or restarts services of a project. */
export async function changeProject(op: string, target: unknown, services: unknown, options: unknown): Promise<void> {
  const args: Fields = { ...optionFields(options, ["project", "services"]), ...servicesOf(target, services) };
  encodeSecrets(args);
  await call(op, args);
}

function servicesOf(target: unknown, services: unknown): Fields {
  const args: Fields = { project: projectName(target) };
  if (typeof services === "string") {
    args.services = [services];
  } else if (services !== undefined && services !== null) {
    args.services = textList(services, "services");
  }
  return args;
}

async function find(target: unknown, service: unknown): Promise<string> {
  const args = { project: projectName(target), service: requireText(service, "service") };
  return sandboxId(await call("projectFind", args));
}

/** What a service printed so far. */
export async function readServiceLogs(target: unknown, service: unknown, options: unknown): Promise<ContainerLogs> {
  const args = optionFields(options, ["id"]);
  if (flagOf(args.follow, "follow")) {
    throw new SandboxError("BAD_REQUEST", "output is followed by `followLogs`");
  }
  delete args.follow;
  args.id = await find(target, service);
  const read = fieldsOf(await call("sandboxLogs", args), "logs");
  return { stdout: textOf(read, "stdout", "logs"), stderr: textOf(read, "stderr", "logs") };
}

/** What all services printed so far, each with its name before it. */
export async function readProjectLogs(target: unknown, options: unknown): Promise<ContainerLogs> {
  let stdout = "";
  let stderr = "";
  for (const one of await listProject(target, undefined)) {
    const args = optionFields(options, ["id"]);
    args.id = one.id;
    const read = fieldsOf(await call("sandboxLogs", args), "logs");
    stdout += prefixed(one.name, textOf(read, "stdout", "logs"));
    stderr += prefixed(one.name, textOf(read, "stderr", "logs"));
  }
  return { stdout: stdout, stderr: stderr };
}

function prefixed(name: string, text: string): string {
  let all = "";
  for (const line of text.split("\n")) {
    if (line.length > 0) {
      all += name + "  | " + line + "\n";
    }
  }
  return all;
}

/** What a service printed, and what it goes on to print. */
export async function followServiceLogs(target: unknown, service: unknown, options: unknown): Promise<RunningLogs> {
  const args = optionFields(options, ["id", "follow"]);
  args.id = await find(target, service);
  args.follow = true;
  return followLogs(args);
}

/** Runs a command inside a service. */
export async function execIn(
  target: unknown,
  service: unknown,
  command: unknown,
  options: (ExecOptions & Cancellable) | undefined,
): Promise<RunResult> {
  const args = optionFields(options, ["id", "command"]);
  encodeInput(args);
  args.command = textList(command, "command");
  args.id = await find(target, service);
  return attempted("sandboxExec", () => args, runResultOf);
}

/** Undoes what a program had begun that was killed while it brought a project up. True when there was something. */
export async function recoverProject(target: unknown, options?: Secrets): Promise<boolean> {
  const args = optionFields(options, ["project"]);
  encodeSecrets(args);
  args.project = projectName(target);
  const reply = fieldsOf(await call("projectRecover", args), "what was undone");
  if (Array.isArray(reply.left) && reply.left.length > 0) {
    throw new SandboxError("IO", "not all of it could be undone: `details` says what is left", reply);
  }
  return reply.undone === true;
}

/** The names of all projects and graphs that have sandboxes. */
export async function projectNames(): Promise<string[]> {
  return textList(await call("projectNames", {}), "the reply");
}

