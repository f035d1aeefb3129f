/** The functions of `perry/container`, with objects for results and a {@link SandboxError} for every failure. */

export {
  detectBackend,
  getAvailableBackends,
  getBackend,
  getBackendPriority,
  listImages,
  pullImage,
  removeImage,
  selectBackendFor,
  setBackend,
  setBackends,
} from "./backends";
export { RunningLogs } from "./follow";
export { composeUp, downAll, downByProject, inspectImage } from "./stacks";
export { create, exec, inspect, list, logs, remove, removeIfExists, run, start, stop, wait } from "./sandboxes";
export type {
  BackendInfo,
  ContainerExit,
  ContainerHandle,
  ContainerInfo,
  ContainerLogs,
  ContainerSpec,
  ExecOptions,
  ImageInfo,
  ListOptions,
  LogsOptions,
  SelectMode,
} from "./types";
