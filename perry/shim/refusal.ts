import { SandboxError } from "@perry-sandbox/perry";

/** The version that is to have Compose projects and workload graphs. */
const COMING = "0.2";

/**
 * The error of a function that is not there yet, so that a program stops where Perry's own module would do nothing.
 *
 * The loop is no ornament: compiler 0.5.1520 copies a shorter function into modules that do not know the error's class, and
 * what they throw then is an empty object.
 */
export function refusal(module: string, name: string): SandboxError {
  let text = "";
  for (const part of [module, ".", name, " is not part of @perry-sandbox/perry yet; version ", COMING, " is to have it"]) {
    text += part;
  }
  return new SandboxError("NOT_AVAILABLE", text);
}
