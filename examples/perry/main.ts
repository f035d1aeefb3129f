// Asks for a capability's output, is told no, and reads along with a program that takes its time.

import { SandboxError, runCapability, stream } from "@perry-sandbox/perry";

// The policy names a repository; here the image is read from a folder instead of a registry. Its signature is checked all
// the same, and must name the repository.
const where = { policy: "policy.toml", image: "oci:../hello/image" };

async function ask(): Promise<void> {
  const counted = await runCapability("count-words", { ...where, stdin: "untrusted code, trusted answer" });
  console.log("words: " + counted.stdout.trim());
}

async function beRefused(): Promise<void> {
  try {
    await runCapability("hello", { ...where, args: ["one", "two", "three"] });
  } catch (error) {
    if (!(error instanceof SandboxError)) {
      throw error;
    }
    console.log("refused: " + error.code + " " + error.status);
    console.log("  " + error.message);
  }
}

async function readAlong(): Promise<void> {
  const counting = stream("count", where);
  for await (const piece of counting) {
    console.log(piece.stream + ": " + piece.text.trim());
  }
  const end = await counting.result;
  console.log("exit code: " + end.exitCode);
}

async function main(): Promise<void> {
  await ask();
  await beRefused();
  await readAlong();
}

main();
