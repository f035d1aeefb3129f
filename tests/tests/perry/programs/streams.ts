// Output while the program runs.

import { stream, streamSpec } from "@perry-sandbox/perry";
import { check, codeIn, codeOfAsync } from "./check";
import { HELLO, shell } from "./places";

async function failureOf(promise: Promise<unknown>): Promise<string> {
  return codeOfAsync(() => promise);
}

export async function streams(): Promise<void> {
  const counting = stream("count", HELLO);
  let text = "";
  for await (const piece of counting) {
    text += piece.text;
  }
  check("all of the output", text, "1\n2\n3\n");
  check("the end", (await counting.result).exitCode, 0);

  const both = streamSpec(shell("echo out; echo err >&2; exit 3"));
  check("the end without reading", (await both.result).exitCode, 3);
  const kept: string[] = [];
  for await (const piece of both) {
    kept.push(piece.stream + " " + piece.text);
  }
  check("what was not read is kept", kept.sort().join(), "stderr err\n,stdout out\n");

  const left = streamSpec(shell("echo first; sleep 60"));
  const end = failureOf(left.result);
  for await (const piece of left) {
    check("the first piece", piece.text, "first\n");
    break;
  }
  check("a loop that is left cancels", await end, "CANCELLED");

  const cancelled = streamSpec(shell("echo up; sleep 60"));
  await cancelled.started;
  check("a cancellation", cancelled.cancel(), true);
  check("its end", await failureOf(cancelled.result), "CANCELLED");
  check("a second cancellation", cancelled.cancel(), false);

  const refused = stream("nobody", HELLO);
  try {
    for await (const piece of refused) {
      check("nothing runs", piece.text, "");
    }
    check("a refused stream", "no error", "DENIED");
  } catch (error) {
    check("a refused stream", codeIn(error), "DENIED");
  }
  check("its result", await failureOf(refused.result), "DENIED");

  const fed = streamSpec(shell("read a; read b; echo \"$b $a\""), { stdinStream: true });
  await fed.write("one\n");
  await fed.write(new Uint8Array([116, 119, 111, 10]));
  await fed.endInput();
  let answer = "";
  for await (const piece of fed) {
    answer += piece.text;
  }
  check("input piece by piece", answer, "two one\n");
}
