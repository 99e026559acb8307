/**
 * Profiles and artifacts made to harm: each is refused, or read within bounds, and none reads as "no profile".
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_INDEX, OCI_MANIFEST, SECCOMP_PROFILE_CONFIG } from "../../../src/core/media-types.ts";
import { type ArtifactSource, fetchProfileArtifact } from "../../../src/seccomp/artifact.ts";
import { convertProfile } from "../../../src/seccomp/convert.ts";
import type { SeccompError } from "../../../src/seccomp/errors.ts";
import { evaluateSyscall } from "../../../src/seccomp/evaluate.ts";
import { lintProfile } from "../../../src/seccomp/lint/index.ts";
import { parseProfile } from "../../../src/seccomp/parse.ts";
import { reportPortability } from "../../../src/seccomp/portability/index.ts";
import { readProfile, readProfileAsEngine } from "../../../src/seccomp/read-profile.ts";
import { validateProfile } from "../../../src/seccomp/schema.ts";

const MIB = 1024 * 1024;
const NODE = { arch: "amd64", capabilities: [], kernel: "6.1" };
const NAME = "registry.example/crio/seccomp";
const REFUSED = { code: "ERR_SECCOMP_ARTIFACT" };

function rules(count: number, rule: (at: number) => string): string {
  const list = Array.from({ length: count }, (_, at) => rule(at));
  return `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[${list.join(",")}]}`;
}

describe("a profile with 100,000 rules", () => {
  const COUNT = 100_000;
  const maxBytes = 32 * MIB;
  const allow = (args: string) => (): string =>
    `{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[${args}]}`;

  test("is refused for its size, and read where the limit allows it", async () => {
    const text = rules(COUNT, allow(""));
    assert.throws(() => parseProfile(text), { code: "ERR_SECCOMP_TOO_LARGE" });
    await assert.rejects(readProfile(text), { code: "ERR_SECCOMP_TOO_LARGE" });
    await assert.rejects(readProfile(text, { maxBytes }), { code: "ERR_SECCOMP_TOO_LARGE" });
    const { spec, rules: kept } = convertProfile(parseProfile(text, { maxBytes }), NODE);
    assert.equal(kept.length, COUNT);
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", name: "read" }).action, "SCMP_ACT_ALLOW");
    assert.equal(evaluateSyscall(spec, { arch: "x86_64", name: "write" }).action, "SCMP_ACT_ERRNO");
  });

  test("is no filter that takes quadratic time to build", () => {
    for (const op of ["SCMP_CMP_EQ", "SCMP_CMP_NE"]) {
      const syscalls = Array.from({ length: COUNT }, (_, at) => ({
        names: ["read"],
        action: "SCMP_ACT_ALLOW",
        args: [
          { index: 0, value: 1n, op: "SCMP_CMP_EQ" },
          { index: 1, value: BigInt(at), op },
        ],
      }));
      const spec = { defaultAction: "SCMP_ACT_ERRNO", syscalls };
      assert.throws(() => evaluateSyscall(spec, { arch: "x86_64", name: "read" }), {
        code: "ERR_SECCOMP_UNSUPPORTED",
      });
    }
  });

  test("is checked against the schema even where every rule is wrong", async () => {
    const text = rules(COUNT, () => '{"names":"x","Action":1}');
    const problems = await validateProfile(text, { maxBytes, maxProblems: 5 });
    assert.equal(problems.length, 5);
    await assert.rejects(readProfileAsEngine(text, "containerd", { maxBytes }), { code: "ERR_SECCOMP_TYPE" });
  });
});

describe("a member that stands 100,000 times", () => {
  test("is read over itself in linear time", async () => {
    const text = `{${'"syscalls":[{"names":["read"]},{}],'.repeat(100_000)}"syscalls":[{}],"defaultAction":"A"}`;
    for (const engine of ["containers-common", "moby", "containerd"] as const) {
      assert.deepEqual(parseProfile(text, { engine }).syscalls, [{ names: ["read"], action: "" }]);
    }
    assert.equal((await validateProfile(text, { maxProblems: 3 })).length, 3);
  });
});

describe("a profile of 10 MiB", () => {
  const maxBytes = 32 * MIB;
  const filled = (inside: string): string => `{"defaultAction":"SCMP_ACT_ERRNO",${inside}}`;
  const long = 10 * MIB;
  const texts: [name: string, text: string, problem?: string, path?: string][] = [
    ["of spaces", filled(`"syscalls":[]${" ".repeat(long)}`)],
    ["of one name", filled(`"syscalls":[{"names":["${"a".repeat(long)}"],"action":"SCMP_ACT_LOG"}]`)],
    ["of one number", filled(`"defaultErrnoRet":${"9".repeat(long)}`), "type", "$['defaultErrnoRet']"],
    [
      "of unknown members",
      filled(Array.from({ length: 10_000 }, (_, at) => `"k${at}${"x".repeat(1024)}":0`).join()),
      "additionalProperties",
      `$['k0${"x".repeat(1024)}']`,
    ],
    [
      "of one member again and again",
      filled(`${'"defaultAction":"SCMP_ACT_LOG",'.repeat(300_000)}"flags":[]`),
      "duplicate-key",
      "$['defaultAction']",
    ],
  ];

  for (const [name, text, problem, path] of texts) {
    test(`${name} is refused for its size, and else read strictly or refused with the place`, async () => {
      await assert.rejects(readProfile(text), { code: "ERR_SECCOMP_TOO_LARGE" });
      assert.throws(() => parseProfile(text), { code: "ERR_SECCOMP_TOO_LARGE" });
      await assert.rejects(lintProfile(text), { code: "ERR_SECCOMP_TOO_LARGE" });
      await assert.rejects(reportPortability(text, NODE), { code: "ERR_SECCOMP_TOO_LARGE" });
      const read = readProfile(text, { maxBytes });
      if (problem === undefined) assert.equal((await read).confinement, "filtered");
      else {
        await assert.rejects(read, (error: SeccompError) => {
          assert.equal(error.code, "ERR_SECCOMP_STRICT");
          const [first] = error.problems ?? [];
          assert.deepEqual([first?.kind, first?.position.path], [problem, path]);
          return true;
        });
      }
    });
  }

  test("and as many levels is refused without exhausting the stack", async () => {
    for (const text of ["[".repeat(long), filled(`"x":${"[".repeat(long)}`)]) {
      await assert.rejects(readProfile(text, { maxBytes }), { code: "ERR_SECCOMP_SYNTAX" });
      assert.throws(() => parseProfile(text, { maxBytes }), { code: "ERR_SECCOMP_SYNTAX" });
      const { engines } = await reportPortability(text, { ...NODE, maxBytes });
      assert.ok(engines.every(({ outcome }) => outcome.kind === "refused" && outcome.stage === "read"));
    }
  });

  test("with more than can be told is told in parts", async () => {
    const members = Array.from({ length: 5000 }, (_, at) => `"k${at}":0`).join();
    const engines = ["moby"] as const;
    const report = await reportPortability(filled(members), { ...NODE, engines });
    const ignored = report.engines[0]?.ignored ?? [];
    assert.equal(ignored.length, 1001);
    assert.deepEqual([ignored[999]?.name, ignored[1000]?.name, ignored[1000]?.count], ["k999", "…", 4000]);
    assert.equal(ignored[1000]?.paths.length, 10);
  });
});

describe("a list of a million items", () => {
  test("is checked without exhausting the stack", async () => {
    const text = `[${"0,".repeat(1_000_000)}0]`;
    assert.deepEqual(
      (await validateProfile(text)).map(({ kind, position }) => `${kind} ${position.path}`),
      ["type $"],
    );
  });
});

function descriptor(bytes: Uint8Array, change: object = {}): object {
  return { mediaType: "application/json", digest: digestOf(bytes), size: bytes.byteLength, ...change };
}

function manifestOf(layer: object): Buffer {
  const config = { mediaType: SECCOMP_PROFILE_CONFIG, digest: digestOf("{}"), size: 2 };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] }));
}

function source(document: Uint8Array, layer: Uint8Array, mediaType = OCI_MANIFEST): ArtifactSource {
  return {
    resolve: async () => ({ bytes: document, mediaType, digest: digestOf(document) }),
    fetchBlob: async () => layer,
  };
}

describe("an artifact", () => {
  const profile = Buffer.from('{"defaultAction":"SCMP_ACT_ERRNO"}');

  test("whose layer is a gzip bomb is not unpacked, and is no profile", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    assert.ok(bomb.byteLength < MIB);
    for (const mediaType of ["application/json", "application/vnd.oci.image.layer.v1.tar+gzip"]) {
      const document = manifestOf(descriptor(bomb, { mediaType }));
      const fetched = await fetchProfileArtifact(`${NAME}:v1`, { source: source(document, bomb) });
      assert.equal(fetched.profile.byteLength, bomb.byteLength);
      for (const engine of ["containers-common", "moby", "containerd"] as const) {
        assert.throws(() => parseProfile(fetched.profile, { engine }), { code: "ERR_SECCOMP_SYNTAX" });
      }
      await assert.rejects(readProfile(fetched.profile), { code: "ERR_SECCOMP_SYNTAX" });
    }
  });

  test("whose layer says it is smaller than it is, is refused", async () => {
    const document = manifestOf(descriptor(profile, { size: profile.byteLength - 1 }));
    await assert.rejects(fetchProfileArtifact(`${NAME}:v1`, { source: source(document, profile) }), REFUSED);
    const big = Buffer.alloc(2 * MIB, " ");
    const lying = manifestOf(descriptor(big, { size: 10 }));
    await assert.rejects(fetchProfileArtifact(`${NAME}:v1`, { source: source(lying, big) }), REFUSED);
  });

  test("whose title leads elsewhere is refused since 1.37, and names no file before", async () => {
    for (const title of ["../../etc/shadow", "/etc/shadow", "a/b"]) {
      const annotations = { "org.opencontainers.image.title": title };
      const document = manifestOf(descriptor(profile, { annotations }));
      const at = (version: string): ReturnType<typeof fetchProfileArtifact> =>
        fetchProfileArtifact(`${NAME}:v1`, { source: source(document, profile), version });
      await assert.rejects(at("1.37"), REFUSED);
      const { layer } = await at("1.36");
      assert.deepEqual(Object.keys(layer), ["mediaType", "digest", "size"]);
    }
  });

  test("that is an index of indexes ends after the first", async () => {
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }));
    let asked = 0;
    const loop: ArtifactSource = {
      resolve: async () => {
        asked++;
        return { bytes: index, mediaType: OCI_INDEX, digest: digestOf(index) };
      },
      fetchBlob: async () => profile,
    };
    const selectManifest = (): string => digestOf(index);
    await assert.rejects(fetchProfileArtifact(`${NAME}:v1`, { source: loop, selectManifest }), REFUSED);
    assert.equal(asked, 2);
  });

  test("whose media type is not what it was served as is refused", async () => {
    const document = manifestOf(descriptor(profile));
    for (const mediaType of [
      OCI_INDEX,
      "application/vnd.docker.distribution.manifest.v2+json",
      "text/plain",
      "",
    ]) {
      await assert.rejects(
        fetchProfileArtifact(`${NAME}:v1`, { source: source(document, profile, mediaType) }),
        REFUSED,
      );
    }
  });

  test("whose profile is no filter is unconfined in so many words", async () => {
    for (const text of ["{}", "null"]) {
      const bytes = Buffer.from(text);
      const { profile } = await fetchProfileArtifact(`${NAME}:v1`, {
        source: source(manifestOf(descriptor(bytes)), bytes),
      });
      const reading = await readProfileAsEngine(profile, "containers-common");
      assert.equal(reading.confinement, "unconfined");
      const converted = convertProfile(reading.profile, NODE);
      assert.deepEqual(converted, { confinement: "unconfined", spec: null, rules: [] });
      await assert.rejects(readProfile(profile), { code: "ERR_SECCOMP_STRICT" });
    }
  });
});
