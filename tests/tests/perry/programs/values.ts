// What must be refused before anything starts, by its code. This module does not import SandboxError, as a caller who only
// reads `code` would not.

import {
  checkPolicy,
  checkPolicySync,
  container,
  explain,
  explainSync,
  runCapability,
  runCapabilitySync,
  runSync,
  stream,
  verify,
  verifySync,
  version,
} from "@perry-sandbox/perry";
import { check, codeOf, codeOfAsync } from "./check";
import { HELLO, IMAGE, POLICY } from "./places";

const wrong = undefined as never;

export async function values(): Promise<void> {
  check("a version", version().length > 4, true);
  undefinedArguments();
  await undefinedArgumentsLater();
  await texts();
  await shapes();
  await specs();
  await handles();
  await answers();
  objectsThatAreNoFields();
  await flags();
}

/** JSON would carry none of what is in them: a limit would arrive as no limit. */
function objectsThatAreNoFields(): void {
  const limited = (limits: unknown) => codeOf(() => explainSync({ capability: { name: "hello", policy: POLICY, image: IMAGE, limits: limits as never } }));
  check("limits in a Map", limited(new Map([["wallMs", 100]])), "BAD_REQUEST");
  check("limits in a Date", limited(new Date()), "BAD_REQUEST");
  check("limits that write themselves", limited({ toJSON: () => ({}) }), "BAD_REQUEST");
  check("limits as fields", limited({ wallMs: 100 }), "no error");
}

async function flags(): Promise<void> {
  check("force that is no flag", await codeOfAsync(() => container.remove("nobody", "yes" as never)), "BAD_REQUEST");
  check("force for an image that is no flag", await codeOfAsync(() => container.removeImage("nothing", 1 as never)), "BAD_REQUEST");
  check("follow that is no flag", codeOf(() => container.logs("nobody", { follow: "true" as never })), "BAD_REQUEST");
}

function undefinedArguments(): void {
  check("undefined name", codeOf(() => runCapabilitySync(wrong)), "BAD_REQUEST");
  check("undefined spec", codeOf(() => runSync(wrong)), "BAD_REQUEST");
  check("undefined image", codeOf(() => verifySync(wrong)), "BAD_REQUEST");
  check("undefined request", codeOf(() => explainSync(wrong)), "BAD_REQUEST");
  check("undefined policy", codeOf(() => checkPolicySync(wrong)), "BAD_REQUEST");
  check("undefined backend spec", codeOf(() => container.selectBackendFor(wrong)), "BAD_REQUEST");
  check("undefined capability of a stream", codeOf(() => stream(wrong)), "BAD_REQUEST");
}

async function undefinedArgumentsLater(): Promise<void> {
  check("undefined name, later", await codeOfAsync(() => runCapability(wrong)), "BAD_REQUEST");
  check("undefined image, later", await codeOfAsync(() => verify(wrong)), "BAD_REQUEST");
  check("undefined request, later", await codeOfAsync(() => explain(wrong)), "BAD_REQUEST");
  check("undefined policy, later", await codeOfAsync(() => checkPolicy(wrong)), "BAD_REQUEST");
  check("undefined container", await codeOfAsync(() => container.run(wrong)), "BAD_REQUEST");
  check("undefined backend", await codeOfAsync(() => container.setBackend(wrong)), "BAD_REQUEST");
}

function withArgument(text: string): string {
  return codeOf(() => explainSync({ capability: { name: "hello", args: [text], policy: POLICY, image: IMAGE } }));
}

async function texts(): Promise<void> {
  check("NUL in an argument", withArgument("a\u0000b"), "BAD_REQUEST");
  check("first half of a pair", withArgument("a\ud800b"), "BAD_ENCODING");
  check("second half of a pair", withArgument("\udc00"), "BAD_ENCODING");
  check("first half at the end", withArgument("a\ud834"), "BAD_ENCODING");
  check("a whole pair", withArgument("\ud834\udd1e é€"), "no error");
  check("the letters of an escape", withArgument("\\ud800 \\u0000"), "no error");
  check("NUL in a name", await codeOfAsync(() => runCapability("hel\u0000lo", HELLO)), "BAD_REQUEST");
  check("NUL in an image", codeOf(() => verifySync("oci:a\u0000b")), "BAD_REQUEST");
}

async function withOption(option: unknown): Promise<string> {
  return codeOfAsync(() => runCapability("hello", option as never));
}

async function shapes(): Promise<void> {
  check("NaN", await withOption({ timeoutMs: NaN }), "BAD_REQUEST");
  check("infinity", await withOption({ limits: { cpus: Infinity } }), "BAD_REQUEST");
  check("a function", await withOption({ args: [() => 1] }), "BAD_REQUEST");
  check("a hole in a list", await withOption({ args: ["a", undefined] }), "BAD_REQUEST");
  check("a list of options", await withOption(["a"]), "BAD_REQUEST");
  check("a number of options", await withOption(5), "BAD_REQUEST");
  check("a name among the options", await withOption({ name: "other" }), "BAD_REQUEST");
  check("an unknown option", await withOption({ polcy: "x" }), "BAD_REQUEST");
  check("an unknown limit", await withOption({ limits: { memroy: "1MiB" } }), "BAD_REQUEST");
  check("an unknown grant", await withOption({ grants: { write_: ["/"] } }), "BAD_REQUEST");
  check("a text for a list", await withOption({ args: "a" }), "BAD_REQUEST");
  check("two time limits", await withOption({ timeoutMs: 5, limits: { wallMs: 6 } }), "BAD_REQUEST");
  check("a number for input", await withOption({ stdin: 5 }), "BAD_REQUEST");
  check("a number for a signal", await withOption({ signal: 5 }), "BAD_REQUEST");
  check("a text and a path", codeOf(() => checkPolicySync({ text: "", path: "x" } as never)), "BAD_REQUEST");
  const ring: { args: unknown[] } = { args: [] };
  ring.args.push(ring);
  check("a ring", await withOption(ring), "BAD_REQUEST");
}

async function refused(spec: unknown): Promise<string> {
  return codeOfAsync(() => container.run(spec as never));
}

async function specs(): Promise<void> {
  check("no image", await refused({ cmd: ["x"] }), "BAD_REQUEST");
  check("privileged", await refused({ image: IMAGE, privileged: true }), "DENIED");
  check("seccomp unconfined", await refused({ image: IMAGE, seccomp: "unconfined" }), "DENIED");
  check("new privileges", await refused({ image: IMAGE, no_new_privileges: false }), "DENIED");
  check("new privileges in camelCase", await refused({ image: IMAGE, noNewPrivileges: false }), "DENIED");
  check("a writable root", await refused({ image: IMAGE, read_only: false }), "DENIED");
  check("all Linux caps", await refused({ image: IMAGE, capAdd: ["ALL"] }), "DENIED");
  check("ports", await refused({ image: IMAGE, ports: ["80:80"] }), "NOT_AVAILABLE");
  check("a network", await refused({ image: IMAGE, network: "host" }), "NOT_AVAILABLE");
  check("a user", await refused({ image: IMAGE, user: "root" }), "NOT_AVAILABLE");
  check("a folder to start in", await refused({ image: IMAGE, workdir: "/" }), "NOT_AVAILABLE");
  check("removal at the end", await refused({ image: IMAGE, rm: true }), "NOT_AVAILABLE");
  check("a named volume", await refused({ image: IMAGE, volumes: ["data:/data"] }), "NOT_AVAILABLE");
  check("a volume elsewhere", await refused({ image: IMAGE, volumes: ["/a:/b"] }), "DENIED");
  check("a volume's mode", await refused({ image: IMAGE, volumes: ["/a:/a:rx"] }), "BAD_REQUEST");
  check("both spellings", await refused({ image: IMAGE, read_only: true, readOnly: true }), "BAD_REQUEST");
  check("an unknown field", await refused({ image: IMAGE, privilegd: false }), "BAD_REQUEST");
  check("a command that is no list", await refused({ image: IMAGE, cmd: "sh" }), "BAD_REQUEST");
}

async function handles(): Promise<void> {
  const bad = [5, {}, { id: 5 }, "", null, [], { name: "x" }, container.list];
  for (let i = 0; i < bad.length; i++) {
    check("a wrong handle, " + i, await codeOfAsync(() => container.stop(bad[i] as never)), "BAD_REQUEST");
  }
  check("a wrong time to wait", await codeOfAsync(() => container.stop("x", -1)), "BAD_REQUEST");
}

async function answers(): Promise<void> {
  const request = { capability: { name: "hello", policy: POLICY, image: IMAGE } };
  check("an explanation", explainSync(request).verdict, "allow");
  check("the same later", (await explain(request)).verdict, "allow");
  const much = { capability: { name: "hello", args: ["a", "b", "c"], policy: POLICY, image: IMAGE } };
  check("a denial is an answer", explainSync(much).verdict, "deny");
  check("a good policy", (await checkPolicy({ path: POLICY })).ok, true);
  const report = checkPolicySync({ text: "schema = \"perry-sandbox/policy/v1\"\nname = \"x\"\nnonsense = 1\n" });
  check("a bad policy", report.ok, false);
  check("where it is bad", report.refusals.length > 0 && report.refusals[0].line === 3, true);
}
