// The program ends while a sandbox runs; whoever started it looks whether anything is left.

import { streamSpec } from "@perry-sandbox/perry";
import { shell } from "./places";

export async function leaving(): Promise<void> {
  const running = streamSpec(shell("echo up; exec sleep " + process.env.MARK));
  for await (const piece of running) {
    console.log("leaving after " + piece.text.trim());
    process.exit(0);
  }
}
