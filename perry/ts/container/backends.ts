import { Fields, flagOf } from "../checked";
import { SandboxError } from "../error";
import { call, callSync } from "../native";
import { optionFields, requireText } from "../options";
import { fieldsOf, textOf } from "../replies";
import { attempted } from "../run";
import { Cancellable, Fetching } from "../types";
import { sandboxArgs, textList } from "./spec";
import { BackendInfo, ContainerSpec, ImageInfo, SelectMode } from "./types";

/** Fetches an image into the store and checks its bytes. It is verified when something runs it. */
export function pullImage(image: string, access?: Fetching & { platform?: string } & Cancellable): Promise<ImageInfo> {
  return attempted("pullImage", () => pullArgs(image, access), imageOf);
}

function pullArgs(image: string, access: unknown): Fields {
  const args = optionFields(access, ["image"]);
  args.image = requireText(image, "image");
  return args;
}

function imageOf(value: unknown): ImageInfo {
  const info = fieldsOf(value, "an image");
  textOf(info, "digest", "an image");
  return info as unknown as ImageInfo;
}

/** The images in the store. */
export async function listImages(): Promise<ImageInfo[]> {
  return listOf(await call("listImages", {})) as ImageInfo[];
}

/** Removes an image from the store. A name that fits several of them is refused, unless `force` says that all should go. */
export async function removeImage(image: string, force?: boolean): Promise<void> {
  await call("removeImage", { image: requireText(image, "image"), force: flagOf(force, "force") });
}

/** The backend that this process uses. */
export function getBackend(): string {
  const name = callSync("getBackend", {});
  if (typeof name !== "string") {
    throw unexpected();
  }
  return name;
}

/** The order in which backends are tried. */
export function getBackendPriority(): string[] {
  return textList(callSync("getBackendPriority", {}), "the reply");
}

/** The backend that would be used. */
export async function detectBackend(): Promise<BackendInfo> {
  return (await infoOf(call("detectBackend", {}))) as BackendInfo;
}

/** Every backend that is known here, whether it can be used, and why not. */
export async function getAvailableBackends(): Promise<BackendInfo[]> {
  return listOf(await call("getAvailableBackends", {})) as BackendInfo[];
}

/** Uses this backend and no other, from the first use on; later it is a `CONFLICT`. */
export async function setBackend(name: string): Promise<string> {
  return chosen({ name: requireText(name, "name") }, "setBackend");
}

/** Uses the first of these that can be used; only before the first use. */
export async function setBackends(names: string[]): Promise<string> {
  const list = textList(names, "names");
  if (list.length === 0) {
    throw new SandboxError("BAD_REQUEST", "`names` is empty");
  }
  return chosen({ names: list }, "setBackends");
}

/** The backend that could enforce all of a spec, or null. */
export function selectBackendFor(spec: ContainerSpec, mode?: SelectMode): string | null {
  const args: Fields = { spec: sandboxArgs(spec).spec };
  if (mode !== undefined) {
    args.mode = mode;
  }
  const name = callSync("selectBackendFor", args);
  if (name !== null && typeof name !== "string") {
    throw unexpected();
  }
  return name;
}

function chosen(args: Fields, op: string): string {
  return textOf(fieldsOf(callSync(op, args), "a backend"), "backend", "a backend");
}

async function infoOf(reply: Promise<unknown>): Promise<unknown> {
  const info = fieldsOf(await reply, "a backend");
  textOf(info, "name", "a backend");
  return info;
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) {
    throw unexpected();
  }
  return value;
}

function unexpected(): SandboxError {
  return new SandboxError("INTERNAL", "a reply has another shape than this package knows");
}
