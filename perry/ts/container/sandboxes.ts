import { Fields, flagOf } from "../checked";
import { SandboxError } from "../error";
import { call } from "../native";
import { encodeInput, encodeSecrets, optionFields } from "../options";
import { fieldsOf, runResultOf, textOf } from "../replies";
import { attempted } from "../run";
import { RunningLogs, followLogs } from "./follow";
import { sandboxArgs, sandboxId, textList } from "./spec";
import {
  ContainerExit,
  ContainerHandle,
  ContainerInfo,
  ContainerLogs,
  ContainerSpec,
  ExecOptions,
  ListOptions,
  LogsOptions,
} from "./types";
import { Cancellable, RunResult, Secrets } from "../types";

/** Makes and starts a sandbox that outlives the call. Resolves when its program was started. */
export function run(spec: ContainerSpec, options?: Secrets & Cancellable): Promise<ContainerHandle> {
  return attempted("sandboxRun", () => ({ ...secretArgs(options), ...sandboxArgs(spec) }), handleOf);
}

/** Makes a sandbox without starting it; everything is verified and decided already. */
export async function create(spec: ContainerSpec): Promise<ContainerHandle> {
  return handleOf(await call("sandboxCreate", argsOf(spec)));
}

/** Starts what {@link create} made, or what has ended. Secrets are stored nowhere: every start needs them. */
export async function start(target: string | ContainerHandle, options?: Secrets): Promise<void> {
  await call("sandboxStart", { ...secretArgs(options), id: sandboxId(target) });
}

/** Asks the program to end, and kills it after `timeoutSeconds`. */
export async function stop(target: string | ContainerHandle, timeoutSeconds?: number): Promise<void> {
  const args: Fields = { id: sandboxId(target) };
  if (timeoutSeconds !== undefined) {
    if (typeof timeoutSeconds !== "number" || !(timeoutSeconds >= 0)) {
      throw new SandboxError("BAD_REQUEST", "the time to wait must be a number of seconds");
    }
    args.graceMs = Math.round(timeoutSeconds * 1000);
  }
  await call("sandboxStop", args);
}

/** Removes a sandbox and its output; one that runs only with `force`. */
export async function remove(target: string | ContainerHandle, force?: boolean): Promise<void> {
  await call("sandboxRemove", { id: sandboxId(target), force: flagOf(force, "force") });
}

/** Removes a sandbox if there is one. True when there was. */
export async function removeIfExists(target: string | ContainerHandle, force?: boolean): Promise<boolean> {
  try {
    await remove(target, force);
    return true;
  } catch (error) {
    if (error instanceof SandboxError && error.code === "NOT_FOUND") {
      return false;
    }
    throw error;
  }
}

/** The sandboxes of this user: those that run, or all. */
export async function list(which?: boolean | ListOptions): Promise<ContainerInfo[]> {
  const args = typeof which === "boolean" ? { all: which } : optionFields(which, []);
  const found = await call("sandboxList", args);
  if (!Array.isArray(found)) {
    throw new SandboxError("INTERNAL", "the reply is not a list of sandboxes");
  }
  return found as ContainerInfo[];
}

/** What is known of one sandbox. */
export async function inspect(target: string | ContainerHandle): Promise<ContainerInfo> {
  const info = fieldsOf(await call("sandboxInspect", { id: sandboxId(target) }), "a sandbox");
  textOf(info, "id", "a sandbox");
  textOf(info, "status", "a sandbox");
  return info as unknown as ContainerInfo;
}

/** Waits until the program has ended. A signal ends the wait, not the program. */
export function wait(target: string | ContainerHandle, options?: Cancellable): Promise<ContainerExit> {
  return attempted("sandboxWait", () => ({ ...optionFields(options, ["id"]), id: sandboxId(target) }), exitOf);
}

function exitOf(value: unknown): ContainerExit {
  return fieldsOf(value, "an exit") as unknown as ContainerExit;
}

/** What a sandbox printed so far; with `follow`, an async iterator over that and what comes. */
export function logs(target: string | ContainerHandle, options: LogsOptions & { follow: true }): RunningLogs;
export function logs(target: string | ContainerHandle, options?: LogsOptions & { follow?: false }): Promise<ContainerLogs>;
export function logs(
  target: string | ContainerHandle,
  options?: LogsOptions,
): RunningLogs | Promise<ContainerLogs> {
  const args = optionFields(options, ["id"]);
  args.id = sandboxId(target);
  const follow = flagOf(args.follow, "follow");
  if (follow) {
    return followLogs(args);
  }
  delete args.follow;
  return readLogs(args);
}

async function readLogs(args: Fields): Promise<ContainerLogs> {
  const read = fieldsOf(await call("sandboxLogs", args), "logs");
  return { stdout: textOf(read, "stdout", "logs"), stderr: textOf(read, "stderr", "logs") };
}

/** Runs a command inside a running sandbox, under the same plan. An exit code other than 0 is a result. */
export function exec(
  target: string | ContainerHandle,
  command: string[],
  options?: ExecOptions & Cancellable,
): Promise<RunResult> {
  return attempted("sandboxExec", () => execArgs(target, command, options), runResultOf);
}

function execArgs(target: string | ContainerHandle, command: string[], options: unknown): Fields {
  const args = optionFields(options, ["id", "command"]);
  encodeInput(args);
  args.id = sandboxId(target);
  args.command = textList(command, "command");
  return args;
}

function secretArgs(options: unknown): Fields {
  const args = optionFields(options, ["id", "spec", "name", "labels"]);
  encodeSecrets(args);
  return args;
}

function argsOf(spec: ContainerSpec): Fields {
  return { ...sandboxArgs(spec) };
}

function handleOf(value: unknown): ContainerHandle {
  const fields = fieldsOf(value, "a sandbox");
  return { id: textOf(fields, "id", "a sandbox"), name: textOf(fields, "name", "a sandbox") };
}
