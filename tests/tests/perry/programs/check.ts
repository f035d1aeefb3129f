// What the test programs report with. It names no class of the package on purpose: a program that only reads `code` must
// see it as well.

/** Reports whether `found` is `expected`. */
export function check(name: string, found: unknown, expected: unknown): void {
  if (found === expected) {
    console.log("ok " + name);
  } else {
    console.log("FAILED " + name + ": " + JSON.stringify(found) + " instead of " + JSON.stringify(expected));
  }
}

/** Reports whether what is looked for comes to be `expected`: what runs for itself takes its time. */
export async function comes(name: string, look: () => Promise<unknown>, expected: unknown): Promise<void> {
  let found = await look();
  for (let tries = 0; found !== expected && tries < 200; tries++) {
    await new Promise<void>((done) => setTimeout(done, 100));
    found = await look();
  }
  check(name, found, expected);
}

/** The code of an error, or what else was thrown. */
export function codeIn(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : "thrown: " + String(error);
}

/** The code of the error that `work` throws. */
export function codeOf(work: () => unknown): string {
  try {
    work();
    return "no error";
  } catch (error) {
    return codeIn(error);
  }
}

/** The code of the error that `work` throws or rejects with. */
export async function codeOfAsync(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "no error";
  } catch (error) {
    return codeIn(error);
  }
}
