// How long calls take, as lines `pace NAME NANOSECONDS`. Nothing is asserted: machines differ.

import { explainSync, runCapability, version } from "@perry-sandbox/perry";
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

async function middle(rounds: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    await work();
    times.push((performance.now() - begun) * 1e6);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(rounds / 2)];
}

function report(name: string, nanoseconds: number): void {
  console.log("pace " + name + " " + Math.round(nanoseconds));
}

export async function pace(): Promise<void> {
  report("version", fastest(5, 2000, () => void version()));
  const request = { capability: { name: "quick", ...HELLO } };
  report("explain", fastest(5, 500, () => void explainSync(request)));
  await runCapability("quick", HELLO);
  report("runCapability", await middle(51, () => runCapability("quick", HELLO)));
}
