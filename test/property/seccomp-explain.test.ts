import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAuditLine } from "../../src/seccomp/explain/index.ts";
import { readAuditLog } from "../../src/seccomp/recordings/index.ts";
import { property } from "./runs.ts";

const LINE =
  'type=1326 audit(1732180000.123:456): uid=1000 pid=77 comm="mount" exe="/bin/mount" sig=0 arch=c000003e syscall=165 ip=0x7f11 code=0x50000';

describe("lines of the kernel's log", () => {
  const edit = fc.tuple(fc.nat({ max: LINE.length }), fc.nat({ max: 9 }), fc.string({ maxLength: 6 }));
  const mutated = fc
    .array(edit, { maxLength: 3 })
    .map((edits) =>
      edits.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), LINE),
    );

  test("give an event that is in range, or nothing, and never throw", () => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string()), (line) => {
        const event = parseAuditLine(line);
        if (!event) return;
        assert.ok(Number.isInteger(event.nr) && event.nr >= 0 && event.nr < 2 ** 32);
        assert.ok(!Number.isNaN(event.time.getTime()));
        assert.match(event.action, /^SCMP_ACT_/);
      }),
      property,
    );
  });

  test("are the same to whoever reads them: one line, or a log for a recording", () => {
    const logged = mutated.map((line) => line.replace("0x50000", "0x7ffc0000"));
    fc.assert(
      fc.property(fc.oneof(mutated, logged), (line) => {
        const [only = ""] = line.split(/\r?\n/);
        const event = parseAuditLine(only);
        if (!event) return;
        const { calls, architectures, passedOver } = readAuditLog(only);
        const isLogged = event.action === "SCMP_ACT_LOG" && event.name !== undefined;
        assert.deepEqual(calls, isLogged ? [{ name: event.name }] : []);
        assert.equal(architectures.length, isLogged ? 1 : 0);
        assert.equal(passedOver.length, isLogged ? 0 : 1);
      }),
      property,
    );
  });
});
