// One program with all themes, so that each compiler compiles and links it once. PART says which theme runs; the arguments
// of the command line do not arrive in 0.5.1182.

import { atOnce } from "./atonce";
import { calls } from "./calls";
import { closing } from "./closing";
import { containers, containersLater } from "./containers";
import { graphs, graphsHalt, graphsLater, graphsStay } from "./graphs";
import { leaving } from "./leaving";
import { pace } from "./pace";
import { runs } from "./runs";
import { streams } from "./streams";
import { values } from "./values";

async function main(): Promise<void> {
  const part = process.env.PART;
  if (part === "values") {
    await values();
  } else if (part === "calls") {
    await calls();
  } else if (part === "runs") {
    await runs();
  } else if (part === "streams") {
    await streams();
  } else if (part === "closing") {
    await closing();
  } else if (part === "leaving") {
    await leaving();
  } else if (part === "atonce") {
    atOnce();
  } else if (part === "containers") {
    await containers();
  } else if (part === "containers-later") {
    await containersLater();
  } else if (part === "graphs") {
    await graphs();
  } else if (part === "graphs-later") {
    await graphsLater();
  } else if (part === "graphs-halt") {
    return graphsHalt();
  } else if (part === "graphs-stay") {
    return graphsStay();
  } else if (part === "pace") {
    await pace();
  } else {
    console.log("FAILED no such part: " + part);
  }
  console.log("done");
}

main();
