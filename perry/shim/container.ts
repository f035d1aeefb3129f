// `perry/container` under its own name. The functions are those of `container` in @perry-sandbox/perry: results are objects,
// no JSON texts, and failures are thrown.

import { container } from "@perry-sandbox/perry";

export const run = container.run;
export const create = container.create;
export const start = container.start;
export const stop = container.stop;
export const remove = container.remove;
export const removeIfExists = container.removeIfExists;
export const list = container.list;
export const inspect = container.inspect;
export const wait = container.wait;
export const logs = container.logs;
export const exec = container.exec;
export const pullImage = container.pullImage;
export const listImages = container.listImages;
export const removeImage = container.removeImage;
export const getBackend = container.getBackend;
export const getBackendPriority = container.getBackendPriority;
export const detectBackend = container.detectBackend;
export const getAvailableBackends = container.getAvailableBackends;
export const setBackend = container.setBackend;
export const setBackends = container.setBackends;
export const selectBackendFor = container.selectBackendFor;
export const composeUp = container.composeUp;
export const downByProject = container.downByProject;
export const downAll = container.downAll;
export const inspectImage = container.inspectImage;
