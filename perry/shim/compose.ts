// `perry/compose` under its own name. The functions are those of `compose` in @perry-sandbox/perry: results are objects, no
// JSON texts, and failures are thrown.

import { compose } from "@perry-sandbox/perry";

export const up = compose.up;
export const build = compose.build;
export const down = compose.down;
export const ps = compose.ps;
export const logs = compose.logs;
export const exec = compose.exec;
export const config = compose.config;
export const start = compose.start;
export const stop = compose.stop;
export const restart = compose.restart;
