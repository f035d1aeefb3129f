// Bringing something up, with an ear for signals: what is up goes down with the program, what is coming is undone.

import { Fields } from "./checked";
import { attemptedAs } from "./run";
import { came, comingId, remember } from "./stacks";

/** Runs an operation that brings `name` up. */
export async function raise<T>(
  op: string,
  arguments_: () => Fields,
  name: string,
  decode: (value: unknown) => T & { name: string },
): Promise<T & { name: string }> {
  const id = comingId();
  try {
    const up = await attemptedAs(id, op, arguments_, decode);
    remember(up.name);
    return up;
  } catch (error) {
    // A graph that was halted has nodes that are up.
    if (name.length > 0 && isHalted(error)) {
      remember(name);
    }
    throw error;
  } finally {
    came(id);
  }
}

function isHalted(error: unknown): boolean {
  return typeof error === "object" && error !== null && (error as { code?: unknown }).code === "HALTED";
}
