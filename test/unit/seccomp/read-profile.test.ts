import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isLadingError } from "../../../src/core/errors.ts";
import { convertProfile } from "../../../src/seccomp/convert.ts";
import { SeccompError } from "../../../src/seccomp/errors.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import { readProfile, readProfileAsEngine } from "../../../src/seccomp/read-profile.ts";
import type { ProfileFormat } from "../../../src/seccomp/schema.ts";
import type { SeccompEngine } from "../../../src/seccomp/types.ts";

const ENGINES: [engine: SeccompEngine, format: ProfileFormat][] = [
  ["containers-common", "containers-common"],
  ["moby", "moby"],
  ["containerd", "runtime-spec"],
];
const GOOD =
  '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}';
const NODE = { arch: "amd64", capabilities: [], kernel: "6.1" };
const MIB = 1024 * 1024;

/** What every engine takes, and strict reading refuses; with the path of the problem. */
const ODD: [text: string, kind: string, path: string][] = [
  [GOOD.replace("ACT_ERRNO", "ACT_DENY"), "enum", "$['defaultAction']"],
  [GOOD.replace("ACT_ALLOW", "ACT_PERMIT"), "enum", "$['syscalls'][0]['action']"],
  [GOOD.replace("CMP_EQ", "CMP_IS"), "enum", "$['syscalls'][0]['args'][0]['op']"],
  [GOOD.replace('"index":0', '"index":6'), "maximum", "$['syscalls'][0]['args'][0]['index']"],
  [GOOD.replace("{", '{"flags":["SECCOMP_FILTER_FLAG_FAST"],'), "enum", "$['flags'][0]"],
  [GOOD.replace("{", '{"architectures":["amd64"],'), "enum", "$['architectures'][0]"],
  [GOOD.replace("{", '{"defaultAction":"SCMP_ACT_ALLOW",'), "duplicate-key", "$['defaultAction']"],
  [GOOD.replace("{", '{"comments":[],'), "additionalProperties", "$['comments']"],
  [GOOD.replace(":38", ":65536"), "out-of-range", "$['defaultErrnoRet']"],
  [GOOD.replace(":38", ":null"), "type", "$['defaultErrnoRet']"],
  [GOOD.replace('"names"', '"Names"'), "additionalProperties", "$['syscalls'][0]['Names']"],
];

/** What no engine reads. */
const NUMBERS = [
  "-1",
  "-0",
  "1.5",
  "1.0",
  "1e3",
  '"1"',
  "18446744073709551616",
  `1${"0".repeat(5000)}`,
  "[]",
  "true",
];

function isRefused(error: unknown, code: string): boolean {
  return error instanceof SeccompError && error.code === code;
}

describe("readProfile", () => {
  test("gives a good profile, with 64-bit numbers exact", async () => {
    for (const [engine, format] of ENGINES) {
      const { profile, bytes, ...rest } = await readProfile(GOOD, { format });
      assert.equal(Buffer.from(bytes).toString(), GOOD);
      assert.deepEqual(rest, { mode: "strict", format, confinement: "filtered" });
      assert.equal(profile.engine, engine);
      assert.equal(profile.syscalls?.[0]?.args?.[0]?.value, 18446744073709551615n);
    }
  });

  test("refuses what engines pass over, at its place", async () => {
    for (const [text, kind, path] of ODD) {
      for (const [, format] of ENGINES) {
        await assert.rejects(readProfile(text, { format }), (error) => {
          assert.ok(isRefused(error, "ERR_SECCOMP_STRICT"), `${text}: ${error}`);
          const { problems = [], position } = error as SeccompError;
          assert.ok(
            problems.some((problem) => problem.kind === kind && problem.position.path === path),
            `${kind} ${path} in ${problems.map((each) => `${each.kind} ${each.position.path}`)}`,
          );
          assert.deepEqual(position, problems[0]?.position);
          return true;
        });
      }
    }
  });

  test("refuses numbers that have no place in a profile", async () => {
    for (const number of NUMBERS) {
      for (const text of [GOOD.replace(":38", `:${number}`), GOOD.replace("18446744073709551615", number)]) {
        for (const [engine, format] of ENGINES) {
          await assert.rejects(readProfile(text, { format }), { code: "ERR_SECCOMP_STRICT" });
          await assert.rejects(readProfileAsEngine(text, engine), { code: "ERR_SECCOMP_TYPE" });
        }
      }
    }
  });

  test("refuses fields that exclude each other", async () => {
    const arches = '{"architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}],';
    const named = GOOD.replace('"names"', '"name":"write","names"');
    for (const format of ["containers-common", "moby"] as const) {
      for (const text of [GOOD.replace("{", arches), named]) {
        await assert.rejects(readProfile(text, { format }), { code: "ERR_SECCOMP_STRICT" });
      }
    }
  });

  test("refuses every text that an engine takes for no filter", async () => {
    const none = [
      "{}",
      "null",
      '{"syscalls":[]}',
      '{"default_action":"SCMP_ACT_ERRNO"}',
      '{"defaultAction":""}',
    ];
    for (const text of none) {
      for (const [engine, format] of ENGINES) {
        await assert.rejects(readProfile(text, { format }), { code: "ERR_SECCOMP_STRICT" });
        const reading = await readProfileAsEngine(text, engine);
        assert.equal(reading.confinement, "unconfined", `${engine} ${text}`);
        assert.notEqual(reading.oddities.length, 0);
        assert.equal(convertProfile(reading.profile, NODE).confinement, "unconfined");
      }
    }
  });

  test("says of a filter that lets everything through that it stops nothing", async () => {
    const open = '{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}';
    assert.equal((await readProfile(open)).confinement, "stops-nothing");
    const denied = open.replace("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO");
    assert.equal((await readProfile(denied)).confinement, "filtered");
  });

  test("takes no more bytes, rules and levels than the limits", async () => {
    const padded = GOOD.padEnd(MIB, " ");
    assert.equal((await readProfile(padded)).confinement, "filtered");
    await assert.rejects(readProfile(`${padded} `), { code: "ERR_SECCOMP_TOO_LARGE" });
    await assert.rejects(readProfile(" ".repeat(10 * MIB)), { code: "ERR_SECCOMP_TOO_LARGE" });
    const many = (count: number): string =>
      `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":[${'"read",'.repeat(count - 1)}"read"],"action":"SCMP_ACT_ALLOW"}]}`;
    await readProfile(many(4096));
    await assert.rejects(readProfile(many(4097)), { code: "ERR_SECCOMP_TOO_LARGE" });
    await readProfile(many(4097), { maxRules: 4097 });
    for (const maxRules of [-1, 0.5, Number.NaN])
      await assert.rejects(readProfile(GOOD, { maxRules }), RangeError);
    for (const depth of [1_001, 10_001, 300_000]) {
      const bomb = `{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
      await assert.rejects(readProfile(bomb), { code: "ERR_SECCOMP_SYNTAX" });
    }
  });
});

describe("readProfileAsEngine", () => {
  test("takes what the engine takes, and tells what it passes over", async () => {
    for (const [text, kind, path] of ODD.filter(([, kind]) => kind !== "out-of-range")) {
      for (const [engine] of ENGINES) {
        const { profile, oddities } = await readProfileAsEngine(text, engine);
        assert.deepEqual(profile, parseProfile(text, { engine }));
        assert.ok(
          oddities.some((each) => each.kind === kind && each.position.path === path),
          path,
        );
      }
    }
    for (const [engine] of ENGINES) assert.deepEqual((await readProfileAsEngine(GOOD, engine)).oddities, []);
  });

  test("reads as deep as the engine does", async () => {
    const deep = (levels: number): string =>
      GOOD.replace("{", `{"x":${"[".repeat(levels)}${"]".repeat(levels)},`);
    for (const [engine] of ENGINES) {
      assert.equal(
        (await readProfileAsEngine(deep(9_999), engine)).oddities[0]?.kind,
        "additionalProperties",
      );
      await assert.rejects(readProfileAsEngine(deep(10_000), engine), { code: "ERR_SECCOMP_SYNTAX" });
    }
  });

  test("stays within its limits, whatever the size", async () => {
    const maxBytes = 64 * MIB;
    const list = `{"defaultAction":"SCMP_ACT_ERRNO","flags":[${'"",'.repeat(400_000)}""]}`;
    const { oddities } = await readProfileAsEngine(list, "moby", { maxBytes, maxOddities: 3 });
    assert.equal(oddities.length, 3);
    const padded = GOOD.padEnd(10 * MIB, " ");
    await assert.rejects(readProfileAsEngine(padded, "moby"), { code: "ERR_SECCOMP_TOO_LARGE" });
    assert.deepEqual((await readProfileAsEngine(padded, "moby", { maxBytes })).oddities, []);
  });

  test("throws only its own errors for text that is none", async () => {
    for (const text of ["", " ", "{", "[", '"', "{}{}", "\u0000", '{"a"}', "NaN", "\ufeff{}"]) {
      for (const [engine, format] of ENGINES) {
        for (const reading of [readProfileAsEngine(text, engine), readProfile(text, { format })]) {
          await assert.rejects(
            reading,
            (error) => isLadingError(error) && error.code === "ERR_SECCOMP_SYNTAX",
          );
        }
      }
    }
  });
});

describe("convertProfile", () => {
  test("says unconfined where its conditions drop the only rules of a profile without default action", () => {
    const text =
      '{"syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO","includes":{"caps":["CAP_SYS_ADMIN"]}}]}';
    for (const engine of ["containers-common", "moby"] as const) {
      const profile = parseProfile(text, { engine });
      assert.equal(convertProfile(profile, NODE).confinement, "unconfined");
      const capable = { ...NODE, capabilities: ["CAP_SYS_ADMIN"] };
      assert.equal(convertProfile(profile, capable).confinement, "filtered");
    }
  });
});
