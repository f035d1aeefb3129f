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
export function checkValue(value: unknown, path: string): void {
  const found = faultIn(value, 0);
  if (found !== null) {
    throw new SandboxError("BAD_REQUEST", "`" + path + found.below + "` " + found.what);
  }
}

/** What is wrong, and where: the way to it is only written down on the way back, since nearly always nothing is. */
interface Fault {
  below: string;
  what: string;
}

function faultIn(value: unknown, depth: number): Fault | null {
  if (value === null || value === undefined || typeof value === "boolean" || typeof value === "string") {
    return null;
  }
  if (typeof value === "number") {
    return Number.isFinite(value) ? null : { below: "", what: "is not a finite number" };
  }
  if (typeof value !== "object") {
    return { below: "", what: "is a " + typeof value + ", which a request cannot carry" };
  }
  if (depth >= MAX_DEPTH) {
    return { below: "", what: "is nested too deeply" };
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const missing = value[i] === undefined || value[i] === null;
      const found = missing ? { below: "", what: "is missing" } : faultIn(value[i], depth + 1);
      if (found !== null) {
        return { below: "[" + i + "]" + found.below, what: found.what };
      }
    }
    return null;
  }
  if (!isPlain(value)) {
    return { below: "", what: "is not a plain object: its fields would be lost" };
  }
  const fields = value as Fields;
  for (const name of Object.keys(fields)) {
    const found = faultIn(fields[name], depth + 1);
    if (found !== null) {
      return { below: "." + name + found.below, what: found.what };
    }
  }
  return null;
}
