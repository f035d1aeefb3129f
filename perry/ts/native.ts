// The four native functions, and the envelope around them. Nothing else in this package calls native code.

import { Fields, checkValue, isFields } from "./checked";
import { SandboxError, isErrorCode } from "./error";

declare function js_psb_abi(): string;
declare function js_psb_call_sync(request: string): string;
declare function js_psb_call(request: string): Promise<number>;
declare function js_psb_take(ticket: number): string;

const PROTOCOL = 1;

/** The id of a reply to a request that could not be read; such a reply is always an error. */
const NO_ID = "";

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

// No function here is `async`: in compiler 0.5.1182 a caller's `await` of a chain of them can give the value of an earlier
// one. A promise that is settled by hand reaches the right caller.

/** Runs one operation; the event loop goes on meanwhile. */
export function call(op: string, args: Fields): Promise<unknown> {
  return callAs(newId(), op, args, same);
}

/** Like {@link call}, with an id that the caller knows and can cancel by, and with the reply's value read by `decode`. */
export function callAs<T>(id: string, op: string, args: Fields, decode: (value: unknown) => T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    try {
      js_psb_call(request(id, op, args)).then((ticket) => {
        try {
          resolve(decode(opened(js_psb_take(ticket), id)));
        } catch (error) {
          reject(error);
        }
      });
    } catch (error) {
      reject(error);
    }
  });
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
  checkValue(args, "args", 0);
  const text = JSON.stringify({ v: PROTOCOL, id: id, op: op, args: args });
  if (typeof text !== "string") {
    throw new SandboxError("BAD_REQUEST", "the request cannot be written as JSON");
  }
  return text;
}

/** The value of a reply that is an answer to `id`; throws for everything else. */
function opened(text: string, id: string): unknown {
  const reply = parsed(text);
  if (reply.id !== id && !(reply.id === NO_ID && reply.ok === false)) {
    throw new SandboxError("MISMATCH", "a reply belongs to another request; do not trust this process's answers");
  }
  if (reply.v !== PROTOCOL) {
    throw new SandboxError("INTERNAL", "a reply is written in another protocol than this package's");
  }
  if (reply.ok === true) {
    return reply.value;
  }
  const error = reply.error;
  if (reply.ok === false && isFields(error) && isErrorCode(error.code) && typeof error.message === "string") {
    throw new SandboxError(error.code, error.message, error.details);
  }
  throw new SandboxError("INTERNAL", "a reply is neither a value nor an error that this package knows");
}

function parsed(text: string): Fields {
  let reply: unknown = null;
  try {
    reply = JSON.parse(text);
  } catch (_) {
    reply = null;
  }
  if (!isFields(reply)) {
    throw new SandboxError("INTERNAL", "a reply is not a JSON object");
  }
  return reply;
}
