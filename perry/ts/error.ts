/**
 * Every code that a {@link SandboxError} can have, with the HTTP-like status that belongs to it.
 *
 * `MISMATCH` is made in TypeScript only: a reply that is not the answer to the request.
 */
export const ERROR_STATUS = {
  BAD_REQUEST: 400,
  BAD_ENCODING: 400,
  BAD_POLICY: 400,
  DENIED: 403,
  NOT_VERIFIED: 403,
  NOT_FOUND: 404,
  PROGRAM_NOT_FOUND: 404,
  PROGRAM_NOT_EXECUTABLE: 422,
  CONFLICT: 409,
  CLOSED: 410,
  TICKET: 410,
  STREAM: 410,
  TOO_LARGE: 413,
  HALTED: 424,
  UNHEALTHY: 424,
  BUSY: 429,
  CANCELLED: 499,
  INTERNAL: 500,
  IO: 500,
  REGISTRY: 502,
  NOT_AVAILABLE: 503,
  MISMATCH: 500,
} as const;

/** A code of {@link ERROR_STATUS}. The message may change between versions, the code does not. */
export type ErrorCode = keyof typeof ERROR_STATUS;

/**
 * The one error that this package throws and rejects with. Nothing ran, or what ran is gone, when it is seen.
 *
 * A program that ended with a code other than 0, or hit a limit, is a result and no error.
 */
export class SandboxError extends Error {
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** The same as an HTTP-like number. */
  readonly status: number;
  /** More facts, by code: for `DENIED` the reasons, for `NOT_VERIFIED` the candidates. Absent where there are none. */
  readonly details: unknown;

  constructor(code: ErrorCode, message: string, details?: unknown) {
    super(message);
    this.name = "SandboxError";
    this.code = code;
    this.status = ERROR_STATUS[code];
    this.details = details;
  }
}

/** Whether a text is a code that this version knows. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.keys(ERROR_STATUS).indexOf(text) >= 0;
}
