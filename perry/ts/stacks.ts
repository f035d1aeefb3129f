// What this program has brought up goes down when it is asked to end by a signal.

import { call, callSync, newId } from "./native";

/** Exit codes of a program that a signal ended, as shells tell them. */
const SIGINT_EXIT = 130;
const SIGTERM_EXIT = 143;

/** Names of what is up, and the calls that bring something up. */
const up: string[] = [];
const coming: string[] = [];
let listens = false;
/** When the first signal came; null: none has come. */
let ending: number | null = null;

/** From now on a signal ends `name` too. */
export function remember(name: string): void {
  if (up.indexOf(name) < 0) {
    up.push(name);
  }
}

/** It is down, or somebody else's business. */
export function forget(name: string): void {
  const at = up.indexOf(name);
  if (at >= 0) {
    up.splice(at, 1);
  }
}

/** The id for a call that brings something up: a signal cancels it, and what it had made is undone. */
export function comingId(): string {
  listen();
  const id = newId();
  coming.push(id);
  return id;
}

/** The call is answered. */
export function came(id: string): void {
  const at = coming.indexOf(id);
  if (at >= 0) {
    coming.splice(at, 1);
  }
}

/** Listens for SIGINT and SIGTERM once, unless PERRY_NO_DEFAULT_SIGINT_CLEANUP says that the program does so itself. */
function listen(): void {
  const own = process.env.PERRY_NO_DEFAULT_SIGINT_CLEANUP;
  if (listens || (own !== undefined && own !== "")) {
    return;
  }
  listens = true;
  process.on("SIGINT", () => {
    endAllOfUs(SIGINT_EXIT);
  });
  process.on("SIGTERM", () => {
    endAllOfUs(SIGTERM_EXIT);
  });
}

/**
 * Signals this close are one: `timeout` sends its own to the program and to its group, and so do other keepers. Programs of
 * Perry hear a signal when they look for it, up to a second after it came.
 */
const SAME_MS = 3000;

/** What is coming is undone by its own call; what is up is ended, the latest first. A second signal does not wait. */
function endAllOfUs(code: number): void {
  if (ending !== null) {
    if (Math.abs(Date.now() - ending) >= SAME_MS) {
      process.exit(code);
    }
    return;
  }
  ending = Date.now();
  for (const id of coming.slice()) {
    try {
      callSync("cancel", { id: id });
    } catch (_) {
      continue;
    }
  }
  downAll().then(
    () => process.exit(code),
    () => process.exit(code),
  );
}

/** How often is looked whether the calls that were cancelled are answered, in milliseconds. */
const LOOK_MS = 20;

async function downAll(): Promise<void> {
  while (coming.length > 0) {
    await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const names = up.slice().reverse();
  for (const name of names) {
    try {
      await call("projectDown", { project: name });
    } catch (error) {
      console.error(String(error));
    }
  }
}
