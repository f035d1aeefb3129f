import { ComposeHandle, ComposeSource, UpOptions } from "../compose/types";
import { up } from "../compose/run";
import { requireText } from "../options";
import { CleanupReport, DownOptions, endAll, endProject } from "../projects";
import { fieldsOf, textOf } from "../replies";
import { SandboxError } from "../error";
import { listImages } from "./backends";
import { ImageInfo } from "./types";

/** The same as `up` of `compose`. */
export function composeUp(source: ComposeSource, options?: UpOptions): Promise<ComposeHandle> {
  return up(source, options);
}

/** Ends a project or graph of this name, whoever brought it up; none is no error, and the report says so. */
export async function downByProject(project: string, options?: DownOptions): Promise<CleanupReport> {
  return endProject(requireText(project, "project"), options);
}

/** Ends every project and graph of this user. */
export async function downAll(options?: { volumes?: boolean; graceMs?: number }): Promise<CleanupReport> {
  return endAll(options);
}

/** What is known of an image of the store, by its name or one of its digests. */
export async function inspectImage(image: string): Promise<ImageInfo> {
  const name = requireText(image, "image");
  for (const one of await listImages()) {
    const fields = fieldsOf(one, "an image");
    for (const field of ["name", "digest", "manifest", "configDigest"]) {
      if (textOf(fields, field, "an image") === name) {
        return one;
      }
    }
  }
  throw new SandboxError("NOT_FOUND", "the store has no image `" + name + "`: bring it here by `pullImage`");
}
