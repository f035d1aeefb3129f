import { Fields, isFields } from "./checked";
import { SandboxError } from "./error";
import { callAs, callSync, newId } from "./native";
import { encodeInput, encodeSecrets, optionFields, requireText, taken } from "./options";
import { runResultOf } from "./replies";
import { Cancellable, CapabilityOptions, Io, RunResult, Secrets, Spec } from "./types";

/**
 * Runs a capability of the policy and waits for its end.
 *
 * Rejects with a {@link SandboxError}, and then nothing ran: `DENIED` when the policy says no, `NOT_VERIFIED` when the image
 * is not signed as it must be, `NOT_AVAILABLE` when this machine cannot enforce the plan. An exit code other than 0 is a result.
 */
export function runCapability(name: string, options?: CapabilityOptions & Cancellable): Promise<RunResult> {
  return attempted("runCapability", () => capabilityArgs(name, options), runResultOf);
}

/** {@link runCapability} on this thread: nothing else of the program goes on meanwhile. */
export function runCapabilitySync(name: string, options?: CapabilityOptions): RunResult {
  return runResultOf(callSync("runCapability", capabilityArgs(name, options)));
}

/** Runs an image that is no capability; the policy's `[ad-hoc]` section or `spec.signer` says who must have signed it. */
export function run(spec: Spec, options?: Io & Secrets & Cancellable): Promise<RunResult> {
  return attempted("run", () => specArgs(spec, options), runResultOf);
}

/** {@link run} on this thread: nothing else of the program goes on meanwhile. */
export function runSync(spec: Spec, options?: Io & Secrets): RunResult {
  return runResultOf(callSync("run", specArgs(spec, options)));
}

function capabilityArgs(name: string, options: unknown): Fields {
  const args = optionFields(options, ["name"]);
  encodeInput(args);
  encodeSecrets(args);
  args.name = requireText(name, "name");
  return args;
}

function specArgs(spec: Spec, options: unknown): Fields {
  const args = optionFields(options, ["spec"]);
  encodeInput(args);
  encodeSecrets(args);
  args.spec = optionFields(spec, []);
  return args;
}

/** Runs an operation that ends early when its signal aborts. What is wrong with the arguments rejects too. */
export function attempted<T>(op: string, arguments_: () => Fields, decode: (value: unknown) => T): Promise<T> {
  return attemptedAs(newId(), op, arguments_, decode);
}

/** Like {@link attempted}, with an id that the caller knows. */
export function attemptedAs<T>(
  id: string,
  op: string,
  arguments_: () => Fields,
  decode: (value: unknown) => T,
): Promise<T> {
  let args: Fields;
  let signal: unknown;
  try {
    args = arguments_();
    signal = taken(args, "signal");
    if (signal !== undefined && (!isFields(signal) || typeof signal.aborted !== "boolean")) {
      throw new SandboxError("BAD_REQUEST", "`signal` must be an AbortSignal");
    }
    if (isFields(signal) && signal.aborted === true) {
      throw new SandboxError("CANCELLED", "cancelled before it started");
    }
  } catch (error) {
    return Promise.reject(error);
  }
  const result = callAs(id, op, args, decode);
  if (isFields(signal)) {
    listen(id, signal, result);
  }
  return result;
}

/** How often a signal is looked at that cannot be listened to, in milliseconds. */
const POLL_MS = 10;

function listen(id: string, signal: Fields, result: Promise<unknown>): void {
  if (typeof signal.addEventListener === "function") {
    // It stays after the call's end: cancelling a call that is over does nothing.
    (signal as unknown as AbortSignal).addEventListener("abort", () => cancelQuietly(id));
    return;
  }
  // In 0.5.1182 a signal has no methods except right behind its controller's name: it is looked at.
  const timer = setInterval(() => {
    if (signal.aborted === true) {
      clearInterval(timer);
      cancelQuietly(id);
    }
  }, POLL_MS);
  const over = (): void => clearInterval(timer);
  result.then(over, over);
}

/** Asks for a call's end; that it is over already, or everything is closed, is as good. */
function cancelQuietly(id: string): void {
  try {
    callSync("cancel", { id: id });
  } catch (_) {
    return;
  }
}
