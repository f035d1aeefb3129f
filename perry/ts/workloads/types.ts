import { ContainerLogs, ExecOptions, LogsOptions } from "../container/types";
import { RunningLogs } from "../container/follow";
import { CleanupReport, DownOptions, ServiceInfo } from "../projects";
import { Cancellable, Fetching, PolicyText, RunResult, Secrets, Signer } from "../types";

/** Which wall must stand around a node. Made by {@link runtime}. */
export interface Runtime {
  /** `auto` leaves it to the policy; for all others the plan must have that wall or a stronger one, or the graph is refused. */
  type: "auto" | "oci" | "gvisor" | "microvm" | "wasm";
}

/** The floor under a node: the tier, and what is added to it. Nothing here takes anything away. Made by {@link policy}. */
export interface NodePolicy {
  /** A tier of the policy. A node of `isolated` or `untrusted` is in no network. */
  tier?: string;
  /** In no network, and reaching nobody. */
  noNetwork?: boolean;
  /** A plan whose root can be written is refused. */
  readOnlyRoot?: boolean;
  /** Can only be true: no program runs without a filter. */
  seccomp?: true;
  /** A virtual machine of its own, or nothing runs. */
  microvm?: boolean;
}

/** What a variable refers to in another node, and with that an edge to it. */
export interface WorkloadRef {
  /** The other node. */
  nodeId: string;
  /** `host:port`, the host, or `http://host:port`; the host is a name, which holds when addresses change. */
  projection: "endpoint" | "ip" | "internalUrl";
  /** Which of its `ports`; without it the only one, or 80. */
  port?: number;
}

/** How far another node must be. */
export interface Dependency {
  /** Without it: `service_started`. */
  condition?:
    | "service_started"
    | "service_healthy"
    | "service_completed_successfully"
    | "started"
    | "healthy"
    | "completed";
}

/** Who says whether a node is well: a program that joins it from time to time. */
export interface NodeHealth {
  /** Program and arguments; 0 is well. */
  command: string[];
  /** From one time to the next; 30 s. */
  intervalMs?: number;
  /** How long it may take; 30 s. */
  timeoutMs?: number;
  /** Failures before this do not count. */
  startPeriodMs?: number;
  /** So many failures in a row are unhealthy; 3. */
  retries?: number;
}

/** Limits, each tighter than the policy's. */
export interface NodeResources {
  /** Bytes, or text such as `64MiB`. */
  memory?: number | string;
  /** Cores. */
  cpus?: number;
  /** Processes. */
  pids?: number;
  /** Bytes written to disk. */
  disk?: number | string;
  /** Open files. */
  openFiles?: number;
  /** Bytes of output that are kept. */
  output?: number | string;
  /** Milliseconds until it is killed. */
  wallMs?: number;
}

/** A node: an image, and what its program asks for. A field that is not here is an error. */
export interface WorkloadNode {
  /** A registry reference, `oci:DIR[:TAG|@DIGEST]`, or `docker-archive:FILE`. */
  image: string;
  /** The node's name again; must be the same. */
  id?: string;
  /** The node's name again; must be the same. */
  name?: string;
  /** The program, in the place of the image's. */
  entrypoint?: string;
  /** Its arguments. */
  command?: string[];
  /** The same as `command`. */
  cmd?: string[];
  /** Variables: texts, or what they refer to in other nodes. */
  env?: Record<string, string | WorkloadRef>;
  /** Ports that others may refer to, as `80`; published where the host's port stands before it: `"8080:80"`. */
  ports?: (number | string)[];
  /** Volumes of the graph: `"name:/place[:ro]"`. */
  volumes?: string[];
  /** Names of secrets; the values are given to {@link runGraph}, and are files in `/run/secrets`. */
  secrets?: string[];
  /** Whom it needs. */
  dependsOn?: string[] | Record<string, Dependency>;
  /** `none`, or `graph`, which is what it is without it. */
  network?: "none" | "graph";
  /** Hosts outside that it asks to reach, as `example.org:443`. */
  egress?: string[];
  /** The wall around it. */
  runtime?: Runtime | Runtime["type"];
  /** The floor under it: a tier, or more. */
  policy?: NodePolicy | string;
  /** Limits. */
  resources?: NodeResources;
  /** Who says whether it is well. */
  health?: NodeHealth;
  /** Which ends are not the last. */
  restart?: "no" | "on-failure" | "always";
  /** The user, in numbers: `1000`, or `1000:1000`. */
  user?: string;
  /** Where the program begins. */
  workdir?: string;
  /** Milliseconds that it has to end by itself; 10 s. */
  stopGraceMs?: number;
  /** `linux/amd64` and the like. */
  platform?: string;
  /** When its image's registry is asked. */
  pull?: "missing" | "always" | "never";
}

/** A node that needs another, beside what nodes say themselves. */
export interface WorkloadEdge extends Dependency {
  /** The node that waits. */
  from: string;
  /** The node that it waits for. */
  to: string;
}

/** A graph. Made by {@link graph}, or written down. */
export interface WorkloadGraph {
  /** What runs of it is found again by this name. */
  name: string;
  /** The nodes by their names. */
  nodes: Record<string, WorkloadNode>;
  /** More edges. */
  edges?: WorkloadEdge[];
}

/** In which way a graph is brought up, and who is asked about it. */
export interface RunGraphOptions extends Fetching, Cancellable, Secrets {
  /** One at a time; as soon as what each needs is so far, at most `maxParallel` at once, or all; or all but those that share something. */
  strategy?: "sequential" | "maxParallel" | "dependencyAware" | "parallelSafe";
  /** With the strategy of this name: how many at once. */
  maxParallel?: number;
  /** Undo everything; keep what is up and pass over what needs the failed; or keep what is up and start nothing more. */
  onFailure?: "rollbackAll" | "partialContinue" | "haltGraph";
  /** How long a node may take to be as far as another waits for; 300 s. */
  waitTimeoutMs?: number;
  /** Policy files, or a policy as text. */
  policy?: string | string[] | PolicyText;
  /** Who must have signed, beside the policy. */
  signer?: Signer;
}

/** How far a node came. */
export interface NodeOutcome {
  /** The node. */
  nodeId: string;
  /** `failed` and `not-tried` only with `partialContinue`, or in the details of a `HALTED`. */
  state: "up" | "failed" | "not-tried";
  /** Its sandbox. */
  containerId: string | null;
  /** Why it is not up. */
  error: string | null;
}

/** Where a node stands. */
export interface NodeInfo {
  /** The node. */
  nodeId: string;
  /** The name of its sandbox. */
  name: string | null;
  /** The id of its sandbox. */
  containerId: string | null;
  /** `stopped` has ended with code 0; `failed` otherwise, or it is unhealthy; `pending` was not started. */
  state: "running" | "stopped" | "failed" | "pending";
  /** What its health check says. */
  health: "starting" | "healthy" | "unhealthy" | null;
  /** The image, as it was asked for. */
  image: string;
  /** The digest that runs. */
  digest: string | null;
  /** The tier that it runs under. */
  tier: string | null;
}

/** Where a graph stands. */
export interface GraphStatus {
  /** The graph. */
  name: string;
  /** Whether every node is well, runs where nobody says so, or has ended with code 0. */
  healthy: boolean;
  /** Every node. */
  nodes: NodeInfo[];
  /** What is wrong, by the names of nodes. */
  errors: Record<string, string>;
}

/** What policy and verifier say of a graph. */
export interface GraphVerdict {
  /** The graph. */
  name: string;
  /** Whether all of it may run. */
  allowed: boolean;
  /** Each node's verdict. */
  nodes: {
    nodeId: string;
    image: string;
    digest: string | null;
    signers: string[] | null;
    verdict: "allowed" | "denied" | "not-verified" | "not-available" | "failed";
    plan: string | null;
    reasons: { text: string; code?: string; remedy?: string | null }[];
  }[];
}

/** A graph as it was brought up. */
export interface GraphDescription {
  /** As it was written. */
  graph: WorkloadGraph;
  /** Who needs whom, references too. */
  edges: { from: string; to: string; until: "started" | "healthy" | "completed" }[];
  /** Each level needs only those before it. */
  levels: string[][];
}

/** A graph that is up. Every function of this module takes it, or its name. */
export interface GraphHandle {
  /** The graph's name. */
  name: string;
  /** How far each node came. */
  nodes: NodeOutcome[];
  /** Where it stands. */
  status(): Promise<GraphStatus>;
  /** Its sandboxes. */
  ps(): Promise<ServiceInfo[]>;
  /** What a node printed, or all of them. */
  logs(node?: string, options?: LogsOptions): Promise<ContainerLogs>;
  /** What a node prints from now on too. */
  followLogs(node: string, options?: { tail?: number }): Promise<RunningLogs>;
  /** Runs a command inside a node. */
  exec(node: string, command: string[], options?: ExecOptions & Cancellable): Promise<RunResult>;
  /** As it was brought up. */
  graph(): Promise<GraphDescription>;
  /** Ends it and removes what it has; volumes only where that is said. */
  down(options?: DownOptions): Promise<CleanupReport>;
}
