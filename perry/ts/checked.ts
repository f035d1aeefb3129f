// What JSON cannot carry is refused before anything is sent: JSON.stringify would change it without a word, and a limit
// that is NaN would arrive as no limit at all.

import { SandboxError } from "./error";

const MAX_DEPTH = 32;

/** An object whose fields are not known yet. */
export type Fields = { [name: string]: unknown };

/** Whether a value is an object with fields, and no list. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether an object is one that was written down as fields: a Map, a Date or a Promise has none that JSON would carry. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && typeof (value as Fields).toJSON !== "function";
}

/** A flag that is absent counts as false; anything else that is no flag is refused. */
export function flagOf(value: unknown, name: string): boolean {
  if (value === undefined || value === null) {
    return false;
  }
  if (typeof value !== "boolean") {
    throw new SandboxError("BAD_REQUEST", "`" + name + "` must be true or false");
  }
  return value;
}

/**
 * Throws unless everything below `value` is a text, a finite number, a boolean, a list, a plain object, `null` or an absent
 * field. `path` names the value in messages. What is in a text is judged by the native half: halves of surrogate pairs reach
 * it as escapes, which it refuses.
 */
export function checkValue(value: unknown, path: string, depth: number): void {
  if (value === null || value === undefined || typeof value === "boolean" || typeof value === "string") {
    return;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) {
      throw new SandboxError("BAD_REQUEST", "`" + path + "` is not a finite number");
    }
    return;
  }
  if (typeof value !== "object") {
    throw new SandboxError("BAD_REQUEST", "`" + path + "` is a " + typeof value + ", which a request cannot carry");
  }
  if (depth >= MAX_DEPTH) {
    throw new SandboxError("BAD_REQUEST", "`" + path + "` is nested too deeply");
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (value[i] === undefined || value[i] === null) {
        throw new SandboxError("BAD_REQUEST", "`" + path + "[" + i + "]` is missing");
      }
      checkValue(value[i], path + "[" + i + "]", depth + 1);
    }
    return;
  }
  if (!isPlain(value)) {
    throw new SandboxError("BAD_REQUEST", "`" + path + "` is not a plain object: its fields would be lost");
  }
  const fields = value as Fields;
  for (const name of Object.keys(fields)) {
    checkValue(fields[name], path + "." + name, depth + 1);
  }
}
