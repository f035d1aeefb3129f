/** The functions of `perry/compose`, with objects for results and a {@link SandboxError} for every failure. */

export { build, config, down, exec, followLogs, logs, ps, restart, start, stop, up } from "./run";
export { projectNames as names, recoverProject as recover } from "../projects";
export type { CleanupReport, DownOptions, ServiceInfo } from "../projects";
export type { BuildOptions, BuildReport, ComposeHandle, ComposeOptions, ComposeSource, ComposeSpec, UpOptions } from "./types";
