// A reply is an answer to one request, in one protocol, or it is nothing.

import { Fields, isFields } from "./checked";
import { SandboxError, isErrorCode } from "./error";

/** The version of the envelope. */
export const PROTOCOL = 1;

/** The id of a reply to a request that could not be read; such a reply is always an error. */
const NO_ID = "";

/** The value of a reply that is an answer to `id`; throws for everything else. */
export function opened(text: string, id: string): unknown {
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
