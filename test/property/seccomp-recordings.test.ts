import { describe, test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { lintProfile, type ProfileTarget } from "../../src/seccomp/lint/index.ts";
import {
  profileFromRecordings,
  readAuditLog,
  readOperatorProfile,
  readStraceSummary,
} from "../../src/seccomp/recordings/index.ts";
import { property } from "./runs.ts";

const VALID = [
  'type=1326 audit(1.2:3): comm="sh" arch=c000003e syscall=257 compat=0 ip=0x7f code=0x7ffc0000\n',
  "% time     seconds  usecs/call     calls    errors syscall\n------ --\n 1.0 0.1 1 1 read\n------ --\n",
  '{"apiVersion":"security-profiles-operator.x-k8s.io/v1","kind":"SeccompProfile","spec":{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}]}}',
  '{"defaultAction":"SCMP_ACT_ERRNO","archMap":[{"architecture":"SCMP_ARCH_X86_64"}],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_A"],"minKernel":"4.8"}},{"name":"socket","action":"SCMP_ACT_TRAP","errnoRet":5,"args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}]}',
];

const edit = fc.tuple(
  fc.nat({ max: 400 }),
  fc.nat({ max: 12 }),
  fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("null", "{}", "-1", '"', "\n", " ", "syscall=0")),
);
const text = fc.oneof(
  fc.string(),
  fc
    .tuple(fc.constantFrom(...VALID), fc.array(edit, { maxLength: 3 }))
    .map(([valid, edits]) =>
      edits.reduce((all, [at, cut, put]) => all.slice(0, at) + put + all.slice(at + cut), valid),
    ),
);

describe("recordings and lint, for any input", () => {
  test("reading throws nothing but its own errors, and what was read makes a profile", () => {
    fc.assert(
      fc.property(text, (input) => {
        for (const read of [readAuditLog, readStraceSummary, readOperatorProfile]) {
          try {
            profileFromRecordings([read(input), read(Buffer.from(input))]);
          } catch (error) {
            if (!isLadingError(error)) throw error;
          }
        }
      }),
      property,
    );
  });

  test("checking throws nothing but its own errors", async () => {
    const target = fc.constantFrom<ProfileTarget>("cri-o", "docker", "containerd", "oci-artifact");
    await fc.assert(
      fc.asyncProperty(text, target, async (input, target) => {
        try {
          await lintProfile(input, { target });
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
      }),
      property,
    );
  });
});
