// How long calls take, as lines `pace NAME NANOSECONDS`, those of one kind in turn in each round. Nothing is asserted: machines differ.

import { explainSync, runCapability, runCapabilitySync, version } from "@perry-sandbox/perry";
import { spawnSync } from "child_process";
import { HELLO } from "./places";

/** The time of one round in nanoseconds, from the fastest of several batches. */
function fastest(batches: number, rounds: number, work: () => void): number {
  let best = Infinity;
  for (let batch = 0; batch < batches; batch++) {
    const begun = performance.now();
    for (let round = 0; round < rounds; round++) {
      work();
    }
    best = Math.min(best, ((performance.now() - begun) * 1e6) / rounds);
  }
  return best;
}

function middle(times: number[]): number {
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)];
}

function report(name: string, nanoseconds: number): void {
  console.log("pace " + name + " " + Math.round(nanoseconds));
}

/** A command of the environment: a JSON list of words, or nothing. */
function words(name: string): string[] {
  const text = process.env[name];
  return text === undefined || text === "" ? [] : (JSON.parse(text) as string[]);
}

function spawned(command: string[]): number {
  const begun = performance.now();
  const ended = spawnSync(command[0], command.slice(1));
  const took = (performance.now() - begun) * 1e6;
  if (ended.status !== 0) {
    console.log("FAILED " + command[0] + " ended with " + ended.status);
  }
  return took;
}

export async function pace(): Promise<void> {
  report("version", fastest(5, 2000, () => void version()));
  const request = { capability: { name: "quick", ...HELLO } };
  report("explain", fastest(5, 500, () => void explainSync(request)));
  const rounds = Number(process.env.ROUNDS ?? "11");
  const commands = { cli: words("SPAWN_CLI"), podman: words("SPAWN_PODMAN") };
  const times: { [row: string]: number[] } = { sync: [], later: [], ready: [], cli: [], podman: [] };
  await runCapability("quick", HELLO);
  await runCapability("ready", HELLO);
  for (let round = 0; round < rounds; round++) {
    let begun = performance.now();
    runCapabilitySync("quick", HELLO);
    times.sync.push((performance.now() - begun) * 1e6);
    begun = performance.now();
    await runCapability("quick", HELLO);
    times.later.push((performance.now() - begun) * 1e6);
  }
  for (let round = 0; round < rounds; round++) {
    // The next one is being made after each call.
    await new Promise<void>((done) => setTimeout(done, 30));
    const begun = performance.now();
    runCapabilitySync("ready", HELLO);
    times.ready.push((performance.now() - begun) * 1e6);
  }
  // After them, as what an engine cleans up behind itself slows whoever comes next.
  for (let round = 0; round < rounds; round++) {
    if (commands.cli.length > 0) {
      times.cli.push(spawned(commands.cli));
    }
    if (commands.podman.length > 0) {
      times.podman.push(spawned(commands.podman));
    }
  }
  for (const row of ["sync", "later", "ready", "cli", "podman"]) {
    if (times[row].length > 0) {
      report(row, middle(times[row]));
    }
  }
}
