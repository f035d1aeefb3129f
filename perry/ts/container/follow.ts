import { Fields } from "../checked";
import { OutputIterator, StreamState, begin, cancelStream } from "../stream";

/** Output of a sandbox, as it comes. */
export class RunningLogs implements AsyncIterable<{ stream: "stdout" | "stderr"; text: string }> {
  private readonly state: StreamState;

  constructor(state: StreamState) {
    this.state = state;
  }

  /** Stops following. The sandbox goes on. */
  cancel(): boolean {
    return cancelStream(this.state);
  }

  [Symbol.asyncIterator](): OutputIterator {
    return new OutputIterator(this.state);
  }
}

/** Follows the output of the sandbox that `args` name. */
export function followLogs(args: Fields): RunningLogs {
  return new RunningLogs(begin("openLogs", args));
}
