// From what callers write to what the envelope carries.

import { Fields, isFields, isPlain } from "./checked";
import { SandboxError } from "./error";

/** A copy of `options` without the fields in `taken`, which the function sets itself. Anything but an object is refused. */
export function optionFields(options: unknown, taken: string[]): Fields {
  const fields: Fields = {};
  if (options === undefined || options === null) {
    return fields;
  }
  if (!isFields(options) || !isPlain(options)) {
    throw new SandboxError("BAD_REQUEST", "options must be a plain object");
  }
  for (const name of Object.keys(options)) {
    if (taken.indexOf(name) >= 0) {
      throw new SandboxError("BAD_REQUEST", "`" + name + "` is not an option: it is an argument of its own");
    }
    if (options[name] !== undefined && options[name] !== null) {
      fields[name] = options[name];
    }
  }
  return fields;
}

/** Takes a field out of `fields`. */
export function taken(fields: Fields, name: string): unknown {
  const value = fields[name];
  delete fields[name];
  return value;
}

/** Moves input that is bytes to where the envelope carries bytes. */
export function encodeInput(fields: Fields): void {
  const stdin = fields.stdin;
  if (stdin instanceof Uint8Array) {
    delete fields.stdin;
    fields.stdinBase64 = base64(stdin);
  } else if (stdin !== undefined && typeof stdin !== "string") {
    throw new SandboxError("BAD_REQUEST", "`stdin` must be text or a Uint8Array");
  }
}

/** Moves secrets that are bytes to where the envelope carries bytes. */
export function encodeSecrets(fields: Fields): void {
  const secrets = fields.secrets;
  if (secrets === undefined) {
    return;
  }
  if (!isFields(secrets)) {
    throw new SandboxError("BAD_REQUEST", "`secrets` must be an object of names and values");
  }
  const texts: Fields = {};
  const bytes: Fields = {};
  for (const name of Object.keys(secrets)) {
    const value = secrets[name];
    if (value instanceof Uint8Array) {
      bytes[name] = base64(value);
    } else if (typeof value === "string") {
      texts[name] = value;
    } else {
      throw new SandboxError("BAD_REQUEST", "the value of a secret must be text or a Uint8Array");
    }
  }
  fields.secrets = texts;
  fields.secretsBase64 = bytes;
}

/** Bytes as base64. */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** `value`, if it is a text with something in it. */
export function requireText(value: unknown, name: string): string {
  if (typeof value !== "string" || value.length === 0) {
    throw new SandboxError("BAD_REQUEST", "`" + name + "` must be a text that is not empty");
  }
  return value;
}
