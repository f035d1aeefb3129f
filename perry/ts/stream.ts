import { Fields, isFields } from "./checked";
import { SandboxError } from "./error";
import { call, callAs, callSync, newId, same } from "./native";
import { base64, encodeInput, encodeSecrets, optionFields, requireText } from "./options";
import { endedOf, fieldsOf, textOf } from "./replies";
import { CapabilityOptions, Ended, Io, OutputChunk, Secrets, Spec } from "./types";

/** Options of {@link stream} and {@link streamSpec} beside those of the run itself. */
export interface StreamOptions {
  /** Whether input is given piece by piece with {@link RunningProgram.write}, instead of `stdin`. */
  stdinStream?: boolean;
}

/** Starts a capability and gives its output while it runs. What would make it be refused rejects the first `await`. */
export function stream(name: string, options?: CapabilityOptions & StreamOptions): RunningProgram {
  const fields = optionFields(options, ["name", "capability", "spec"]);
  const args = openArgs(fields);
  fields.name = requireText(name, "name");
  args.capability = fields;
  return new RunningProgram(begin("open", args));
}

/** Starts an image that is no capability and gives its output while it runs. */
export function streamSpec(spec: Spec, options?: Io & Secrets & StreamOptions): RunningProgram {
  const args = optionFields(options, ["capability", "spec"]);
  encodeInput(args);
  encodeSecrets(args);
  args.spec = optionFields(spec, []);
  return new RunningProgram(begin("open", args));
}

/** Moves what belongs to the stream, and not to the capability, out of the options. */
function openArgs(fields: Fields): Fields {
  encodeInput(fields);
  encodeSecrets(fields);
  const args: Fields = {};
  for (const name of ["stdin", "stdinBase64", "encoding", "stdinStream", "secrets", "secretsBase64"]) {
    if (fields[name] !== undefined) {
      args[name] = fields[name];
      delete fields[name];
    }
  }
  return args;
}

/** What is known of one open stream. */
export interface StreamState {
  /** The id of the call that opens it, by which the opening itself can be cancelled. */
  openId: string;
  /** Settles when it is open or refused; never rejects. */
  opening: Promise<void>;
  /** Its name; empty until it is open. */
  name: string;
  /** Output that arrived and that nobody took yet. */
  chunks: OutputChunk[];
  /** How the program ended; null until it did. */
  end: Ended | null;
  /** Whether there will be no more output. */
  over: boolean;
  /** Why there will be no more output, when it is not the end of the program. */
  failure: SandboxError | null;
  /** The event that is being waited for. Never rejects. */
  pulling: Promise<void> | null;
  /** Whether it was cancelled. */
  cancelled: boolean;
}

// All waiting is done by functions of the module and never by async methods: compiler 0.5.1182 gives stale values to those.

/** Starts to open a stream. */
export function begin(op: string, args: Fields): StreamState {
  const state: StreamState = {
    openId: newId(),
    opening: Promise.resolve(),
    name: "",
    chunks: [],
    end: null,
    over: false,
    failure: null,
    pulling: null,
    cancelled: false,
  };
  state.opening = open(state, op, args);
  return state;
}

function fail(state: StreamState, error: unknown): void {
  state.over = true;
  if (state.cancelled) {
    state.failure = new SandboxError("CANCELLED", "the stream was cancelled");
  } else if (error instanceof SandboxError) {
    state.failure = error;
  } else {
    state.failure = new SandboxError("INTERNAL", "a stream failed: " + String(error));
  }
}

async function open(state: StreamState, op: string, args: Fields): Promise<void> {
  try {
    const opened = fieldsOf(await callAs(state.openId, op, args, same), "a stream");
    state.name = textOf(opened, "stream", "a stream");
  } catch (error) {
    fail(state, error);
  }
}

async function pullOnce(state: StreamState): Promise<void> {
  await state.opening;
  if (state.over) {
    return;
  }
  try {
    const event = fieldsOf(await call("next", { stream: state.name }), "an event");
    accept(state, event);
  } catch (error) {
    fail(state, error);
  }
}

function accept(state: StreamState, event: Fields): void {
  if (event.event === "stdout" || event.event === "stderr") {
    state.chunks.push({ stream: event.event, text: textOf(event, "data", "an event") });
    return;
  }
  if (event.event !== "end") {
    throw new SandboxError("INTERNAL", "a stream gave an event that this package does not know");
  }
  state.over = true;
  if (isFields(event.result)) {
    state.end = endedOf(event.result);
  }
}

/** Waits for the next event, together with whoever waits for it already. */
async function pull(state: StreamState): Promise<void> {
  if (state.pulling === null) {
    state.pulling = pullOnce(state);
  }
  const waited = state.pulling;
  await waited;
  if (state.pulling === waited) {
    state.pulling = null;
  }
}

/** The next piece of output. */
export async function nextChunk(state: StreamState): Promise<IteratorResult<OutputChunk, undefined>> {
  while (state.chunks.length === 0 && !state.over) {
    await pull(state);
  }
  const chunk = state.chunks.shift();
  if (chunk !== undefined) {
    return { done: false, value: chunk };
  }
  if (state.failure !== null) {
    throw state.failure;
  }
  return { done: true, value: undefined };
}

async function ending(state: StreamState): Promise<Ended> {
  while (!state.over) {
    await pull(state);
  }
  if (state.failure !== null) {
    throw state.failure;
  }
  if (state.end === null) {
    throw new SandboxError("INTERNAL", "a stream ended without a result");
  }
  return state.end;
}

async function started(state: StreamState): Promise<void> {
  await state.opening;
  if (state.failure !== null) {
    throw state.failure;
  }
}

async function send(state: StreamState, fields: Fields): Promise<void> {
  await started(state);
  fields.stream = state.name;
  await call("write", fields);
}

/** Cancels a stream, open or still opening. */
export function cancelStream(state: StreamState): boolean {
  if (state.over) {
    return false;
  }
  state.cancelled = true;
  const target: Fields = state.name === "" ? { id: state.openId } : { stream: state.name };
  return fieldsOf(callSync("cancel", target), "a cancellation").cancelled === true;
}

async function leave(state: StreamState): Promise<IteratorResult<OutputChunk, undefined>> {
  cancelStream(state);
  return { done: true, value: undefined };
}

/** The pieces of output of one stream, in the order in which they came. Leaving the loop early cancels the stream. */
export class OutputIterator implements AsyncIterator<OutputChunk, undefined> {
  private readonly state: StreamState;

  constructor(state: StreamState) {
    this.state = state;
  }

  /** The next piece. */
  next(): Promise<IteratorResult<OutputChunk, undefined>> {
    return nextChunk(this.state);
  }

  /** Called when a loop is left early. */
  return(): Promise<IteratorResult<OutputChunk, undefined>> {
    return leave(this.state);
  }

  [Symbol.asyncIterator](): OutputIterator {
    return this;
  }
}

/** A program that runs in a sandbox. Iterate over it for its output; await {@link RunningProgram.result} for its end. */
export class RunningProgram implements AsyncIterable<OutputChunk> {
  private readonly state: StreamState;

  constructor(state: StreamState) {
    this.state = state;
  }

  /** Settles when the program was started; rejects when it was refused. */
  get started(): Promise<void> {
    return started(this.state);
  }

  /**
   * How it ended. May be awaited before, during or after iterating: output that arrives meanwhile waits for the iterator, and
   * the plan's output limit bounds it.
   */
  get result(): Promise<Ended> {
    return ending(this.state);
  }

  /** Cancels it. True when there was something to cancel; `result` then rejects with `CANCELLED` once the sandbox is gone. */
  cancel(): boolean {
    return cancelStream(this.state);
  }

  /** Gives the program a piece of input; needs the option `stdinStream`. */
  write(data: string | Uint8Array): Promise<void> {
    return send(this.state, typeof data === "string" ? { data: data } : { dataBase64: base64(data) });
  }

  /** Ends the program's input. */
  endInput(): Promise<void> {
    return send(this.state, { end: true });
  }

  [Symbol.asyncIterator](): OutputIterator {
    return new OutputIterator(this.state);
  }
}
