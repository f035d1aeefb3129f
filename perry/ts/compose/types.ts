import { RunningLogs } from "../container/follow";
import { ContainerLogs, ExecOptions, LogsOptions } from "../container/types";
import { CleanupReport, DownOptions, ServiceInfo } from "../projects";
import { Cancellable, Fetching, PolicyText, RunResult, Secrets, Signer } from "../types";

/**
 * A project in the words of the Compose specification. The loader knows every field of it and refuses all others; what
 * is refused for ever is told with its place.
 */
export interface ComposeSpec {
  /** The project's name; without it, the option `projectName`. */
  name?: string;
  /** The services. What has a `build` is built by the function of that name, where the policy grants it. */
  services: Record<string, unknown>;
  /** The networks. */
  networks?: Record<string, unknown>;
  /** The volumes. */
  volumes?: Record<string, unknown>;
  /** The secrets. */
  secrets?: Record<string, unknown>;
  /** The configurations. */
  configs?: Record<string, unknown>;
}

/** Where a project is described: an object, the path of a file, or several files that are merged. */
export type ComposeSource = ComposeSpec | string | string[];

/** How a project is read. */
export interface ComposeOptions {
  /** The folder that paths are meant from; without it that of the first file, or the current folder. */
  projectDirectory?: string;
  /** The name, before all that files say. */
  projectName?: string;
  /** Files of variables. */
  envFiles?: string[];
  /** Profiles that are on. */
  profiles?: string[];
}

/** How a project is brought up. */
export interface UpOptions extends ComposeOptions, Fetching, Cancellable {
  /** Only these services, and those that they depend on. */
  services?: string[];
  /** Builds the images that are built here before, as {@link build} does. */
  build?: boolean;
  /** Makes all sandboxes anew. */
  forceRecreate?: boolean;
  /** Removes sandboxes of services that the project has no more. */
  removeOrphans?: boolean;
  /** Waits until all services are well, run, or have ended with code 0. */
  wait?: boolean;
  /** How long a service may take to be as far as another waits for; 300 s. */
  waitTimeoutMs?: number;
  /** Policy files, or a policy as text. */
  policy?: string | string[] | PolicyText;
  /** Who must have signed, beside the policy. */
  signer?: Signer;
}

/** How images of a project are built. */
export interface BuildOptions extends ComposeOptions, Cancellable {
  /** Only these services; those that they depend on are built when they are named. */
  services?: string[];
  /** Policy files, or a policy as text. */
  policy?: string | string[] | PolicyText;
  /** Who builds; without it the first that is here and can do it. */
  builder?: "podman" | "buildah" | "docker";
  /** Arguments of the steps, over the file's. */
  buildArgs?: Record<string, string>;
  /** Does every step anew. */
  noCache?: boolean;
  /** When images that a build begins with are pulled; `"missing"`. */
  pull?: "missing" | "always";
}

/** What was built. */
export interface BuildReport {
  /** The project's name. */
  name: string;
  /** The images: what each is signed as, and its digest. */
  services: { service: string; repository: string; digest: string }[];
}

/** A project that is up. Every function of this module takes it, or its name. */
export interface ComposeHandle {
  /** The project's name. */
  name: string;
  /** The sandboxes of its services. */
  services: { service: string; containerId: string | null }[];
  /** Its sandboxes. */
  ps(): Promise<ServiceInfo[]>;
  /** What a service printed, or all of them. */
  logs(options?: LogsOptions & { service?: string }): Promise<ContainerLogs>;
  /** What a service prints from now on too. */
  followLogs(service: string, options?: { tail?: number }): Promise<RunningLogs>;
  /** Runs a command inside a service. */
  exec(service: string, command: string[], options?: ExecOptions & Cancellable): Promise<RunResult>;
  /** The project in its canonical form, as YAML, as it was brought up. */
  config(): string;
  /** Starts services again that have ended. Of `secrets` each is given its own. */
  start(services?: string[], options?: Secrets): Promise<void>;
  /** Ends services, and removes nothing. */
  stop(services?: string[]): Promise<void>;
  /** Ends services and starts them again. Nothing is ended if one of its secrets is not here. */
  restart(services?: string[], options?: Secrets & { graceMs?: number }): Promise<void>;
  /** Ends the project and removes what it has; volumes only where that is said. */
  down(options?: DownOptions): Promise<CleanupReport>;
}
