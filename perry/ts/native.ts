// The four native functions, and the envelope around them. Nothing else in this package calls native code.

import { Fields, checkValue, isFields } from "./checked";
import { SandboxError } from "./error";
import { PROTOCOL, opened } from "./reply";

declare function js_psb_abi(): string;
declare function js_psb_call_sync(request: string): string;
declare function js_psb_call(request: string): Promise<number>;
declare function js_psb_take(ticket: number): string;

let ready = false;
let lastId = 0;

/** A new id, never used before in this process. */
export function newId(): string {
  lastId = lastId + 1;
  return "p" + lastId;
}

/** Runs one operation and waits for it on this thread. */
export function callSync(op: string, args: Fields): unknown {
  const id = newId();
  return opened(js_psb_call_sync(request(id, op, args)), id);
}

// A native promise is awaited, and never settles another one by hand: with thousands of them pending, the collector of
// compiler 0.5.1520 loses callbacks that only a native promise holds.

/** Runs one operation; the event loop goes on meanwhile. */
export function call(op: string, args: Fields): Promise<unknown> {
  return callAs(newId(), op, args, same);
}

/** Like {@link call}, with an id that the caller knows and can cancel by, and with the reply's value read by `decode`. */
export async function callAs<T>(
  id: string,
  op: string,
  args: Fields,
  decode: (value: unknown) => T,
): Promise<T> {
  const ticket = await js_psb_call(request(id, op, args));
  return decode(opened(js_psb_take(ticket), id));
}

/** The value as it is. */
export function same(value: unknown): unknown {
  return value;
}

/** Once per process: the archive that was linked must speak this protocol and know this runtime's strings. */
function prepare(): void {
  if (ready) {
    return;
  }
  const value = opened(js_psb_abi(), "abi");
  if (!isFields(value) || value.protocol !== PROTOCOL) {
    throw new SandboxError("INTERNAL", "the native archive speaks another protocol than this package: install both anew");
  }
  ready = true;
}

/** The text of a request. A text in any case: native code must never see `undefined`. */
function request(id: string, op: string, args: Fields): string {
  prepare();
  checkValue(args, "args");
  const text = JSON.stringify({ v: PROTOCOL, id: id, op: op, args: args });
  if (typeof text !== "string") {
    throw new SandboxError("BAD_REQUEST", "the request cannot be written as JSON");
  }
  return text;
}
