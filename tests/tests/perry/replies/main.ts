// Compiled beside the package's own reader of replies: what a wrong or mixed-up reply comes to.

import { check, codeOf } from "./check";
import { opened } from "./reply";

/** A reply is taken for the call that it names, and for no other. */
function main(): void {
  const reply = (fields: object) => JSON.stringify({ v: 1, ok: true, value: "answer", ...fields });
  check("a reply of one's own", opened(reply({ id: "p1" }), "p1"), "answer");
  check("a reply of another call", codeOf(() => opened(reply({ id: "p2" }), "p1")), "MISMATCH");
  check("a reply without an id", codeOf(() => opened(reply({}), "p1")), "MISMATCH");
  check("a yes to nobody", codeOf(() => opened(reply({ id: "" }), "p1")), "MISMATCH");
  check("a reply of another protocol", codeOf(() => opened(reply({ id: "p1", v: 2 }), "p1")), "INTERNAL");
  check("no reply", codeOf(() => opened("", "p1")), "INTERNAL");
  console.log("done");
}

main();
