// Replies must reach the call that they belong to: in class methods, by the thousand, and while the collector moves strings.

import { PolicyReport, checkPolicy, checkPolicySync, version } from "@perry-sandbox/perry";
import { check, codeIn } from "./check";

/** A policy of its own for each number: its digest or its refusal tells which one was read. */
function policy(n: number): string {
  return "schema = \"perry-sandbox/policy/v1\"\nname = \"p" + n + "\"\ndescription = \"" + "é€".repeat(n % 50) + "\"\n";
}

/** A stack handle as upstream has it: its methods return the promise of a function of the package. */
class Stack {
  private readonly base: number;

  constructor(base: number) {
    this.base = base;
  }

  read(n: number): Promise<PolicyReport> {
    return checkPolicy({ text: policy(this.base + n) });
  }

  async readAsync(n: number): Promise<PolicyReport> {
    const report = await checkPolicy({ text: policy(this.base + n) });
    return report;
  }
}

function told(report: PolicyReport): string {
  return JSON.stringify(report);
}

export async function calls(): Promise<void> {
  check("policies can be told apart", told(checkPolicySync({ text: policy(1) })) === told(checkPolicySync({ text: policy(2) })), false);
  await four();
  await thousands();
  await underPressure();
  await manyUnderPressure();
  await twentyThousand();
  await grownByWaiting();
  manyAtOnce();
}

/** Compiler 0.5.1182 repeats earlier values here when a package awaits in async methods. */
async function four(): Promise<void> {
  const stack = new Stack(100);
  const found = [
    told(await stack.read(1)),
    told(await stack.read(2)),
    told(await stack.read(3)),
    told(await stack.read(4)),
  ];
  const again = [
    told(await stack.readAsync(1)),
    told(await stack.readAsync(2)),
    told(await stack.readAsync(3)),
    told(await stack.readAsync(4)),
  ];
  for (let i = 0; i < 4; i++) {
    const expected = told(checkPolicySync({ text: policy(101 + i) }));
    check("call " + i + " of a method", found[i], expected);
    check("call " + i + " of an async method", again[i], expected);
  }
}

async function thousands(): Promise<void> {
  const waiting: Promise<PolicyReport>[] = [];
  for (let i = 0; i < 3000; i++) {
    waiting.push(checkPolicy({ text: policy(i) }));
  }
  const reports = await Promise.all(waiting);
  let right = 0;
  for (let i = 0; i < 3000; i++) {
    if (told(reports[i]) === told(checkPolicySync({ text: policy(i) }))) {
      right++;
    }
  }
  check("3,000 calls at once", right, 3000);
}

/** Makes rubbish, so that the collector runs and moves what is alive. */
function rubbish(seed: number): number {
  let length = 0;
  for (let i = 0; i < 200; i++) {
    const text = "rubbish " + seed + " " + i + " é".repeat(50);
    const object = { text: text, list: [text + i, i, seed] };
    length += JSON.stringify(object).length;
  }
  return length;
}

async function underPressure(): Promise<void> {
  const padding = "# " + "é€𝄞 ".repeat(20000) + "\n";
  let right = 0;
  let made = 0;
  for (let i = 0; i < 50; i++) {
    const expected = told(checkPolicySync({ text: policy(i) + padding }));
    const waiting = checkPolicy({ text: policy(i) + padding });
    made += rubbish(i);
    const found = told(await waiting);
    made += rubbish(i);
    if (found === expected) {
      right++;
    }
  }
  check("long texts while rubbish is made", right, 50);
  check("rubbish was made", made > 100000, true);
}

/** Many wait at the same time while the collector moves what is alive: each gets its own answer, and none is lost. */
async function manyUnderPressure(): Promise<void> {
  let right = 0;
  let made = 0;
  for (let round = 0; round < 10; round++) {
    const waiting: Promise<PolicyReport>[] = [];
    for (let i = 0; i < 300; i++) {
      waiting.push(checkPolicy({ text: policy(round * 300 + i) }));
      if (i % 10 === 0) {
        made += rubbish(i);
      }
    }
    const reports = await Promise.all(waiting);
    for (let i = 0; i < 300; i++) {
      if (told(reports[i]) === told(checkPolicySync({ text: policy(round * 300 + i) }))) {
        right++;
      }
    }
  }
  check("300 at once, ten times, while rubbish is made", right, 3000);
  check("rubbish was made for them", made > 100000, true);
}

/** More than can wait at once: those beyond are refused by name, and all are answered. */
async function twentyThousand(): Promise<void> {
  const waiting: Promise<string>[] = [];
  for (let i = 0; i < 20000; i++) {
    waiting.push(outcome(i));
  }
  const found = await Promise.all(waiting);
  let answered = 0;
  let busy = 0;
  for (const one of found) {
    answered += one === "ok" ? 1 : 0;
    busy += one === "BUSY" ? 1 : 0;
  }
  check("20,000 at once are answered or refused", answered + busy, 20000);
  check("most of them are answered", answered > 10000, true);
}

async function outcome(i: number): Promise<string> {
  try {
    const report = await checkPolicy({ text: policy(i) });
    return report.ok || report.refusals.length > 0 ? "ok" : "empty";
  } catch (error) {
    return codeIn(error);
  }
}

/** The end of a test: what waiting calls leave behind. */
async function grownByWaiting(): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    await checkPolicy({ text: policy(i % 50) });
  }
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20000; i++) {
    await checkPolicy({ text: policy(i % 50) });
  }
  console.log("waited " + Math.max(0, process.memoryUsage().rss - before));
}

function manyAtOnce(): void {
  const expected = version();
  // The first calls warm up what is made once.
  let right = 0;
  for (let i = 0; i < 10000; i++) {
    right += version() === expected ? 1 : 0;
  }
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 100000; i++) {
    right += version() === expected ? 1 : 0;
  }
  const grown = process.memoryUsage().rss - before;
  check("110,000 calls answered", right, 110000);
  console.log("grown " + Math.max(0, grown));
}
