/** Which profile a container gets, where it comes from, and what is wrong with it: for any input. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { OCI_MANIFEST, SECCOMP_PROFILE_CONFIG } from "../../src/core/media-types.ts";
import { SECCOMP_ARCHES, seccompArch } from "../../src/seccomp/arch.ts";
import { fetchProfileArtifact } from "../../src/seccomp/artifact.ts";
import { checkProfileManifest, MAX_ARTIFACT_BYTES } from "../../src/seccomp/artifact-check.ts";
import { toRuntimeSpec } from "../../src/seccomp/convert.ts";
import { parseCrioVersion } from "../../src/seccomp/crio-version.ts";
import { SeccompError } from "../../src/seccomp/errors.ts";
import { createEvaluator, evaluateSyscall } from "../../src/seccomp/evaluate.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";
import { kubeletSeccompRequest } from "../../src/seccomp/pod.ts";
import { resolveSeccomp } from "../../src/seccomp/resolve.ts";
import { validateProfile } from "../../src/seccomp/schema.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const VERSIONS = ["1.30", "1.33", "1.34.2", "1.35.1", "v1.36.0", "1.37"];
const version = fc.constantFrom(...VERSIONS);

/** What it gives, or nothing where it throws a SeccompError; anything else fails the test. */
function orNothing<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(error instanceof SeccompError, String(error));
    return undefined;
  }
}

const path = fc.oneof(fc.constantFrom("a.json", "a/b", "../x", "/x", "a/../../b", "", "a/./b"), fc.string());
const field = fc.option(
  fc.record(
    {
      type: fc.oneof(
        fc.constantFrom("RuntimeDefault", "Unconfined", "Localhost"),
        fc.string({ maxLength: 3 }),
      ),
      localhostProfile: path,
    },
    { requiredKeys: ["type"] },
  ),
  { nil: undefined },
);
const key = fc
  .tuple(
    fc.constantFrom(
      "seccomp-profile.crio.io",
      "seccomp-profile.kubernetes.cri-o.io",
      "io.kubernetes.cri-o.x",
    ),
    fc.constantFrom("", "/POD", "/c", "/C", "/__proto__"),
  )
  .map((parts) => parts.join(""));
const annotations = fc.dictionary(key, fc.constantFrom("", "q.example/p:1", "unconfined", "\u0000"), {
  maxKeys: 4,
});
const pod = fc.record({
  metadata: fc.record({ annotations }),
  spec: fc.record({ securityContext: fc.record({ seccompProfile: field }) }),
});
const container = fc.record({
  name: fc.constantFrom("c", "POD", "__proto__"),
  securityContext: fc.record({ seccompProfile: field, privileged: fc.boolean() }),
});
const allowed = fc.subarray(["seccomp-profile.crio.io", "seccomp-profile.kubernetes.cri-o.io"]);

test("a choice is one that the trace names, and only an artifact that an annotation named is pulled", () => {
  const inputs = fc.record({
    pod,
    container,
    imageAnnotations: annotations,
    version,
    allowed,
    on: fc.boolean(),
  });
  fc.assert(
    fc.property(inputs, ({ pod, container, imageAnnotations, version, allowed, on }) => {
      const choice = orNothing(() =>
        resolveSeccomp({
          pod,
          container,
          imageAnnotations,
          runtime: { kind: "cri-o", version, allowedAnnotations: allowed, seccompEnabled: on },
        }),
      );
      if (!choice || choice.kind === "ambiguous") return assert.equal(choice, undefined);
      if (choice.kind === "artifact") {
        assert.ok(on && !container.securityContext.privileged);
        assert.ok(
          allowed.some((base) => choice.key.startsWith(base)),
          choice.key,
        );
        const isPods = choice.slot === "pod" || choice.slot === "pod-container";
        const named: Record<string, string> = isPods ? pod.metadata.annotations : imageAnnotations;
        assert.equal(named[choice.key], choice.reference);
      }
      // Without a filter runs only what asked for it, is privileged, or is on a node that has none.
      if (choice.kind === "none" && choice.reason === "unconfined") {
        const types = [container, pod.spec].map(
          ({ securityContext }) => securityContext.seccompProfile?.type,
        );
        assert.equal(types.find((type) => type !== undefined) ?? "Unconfined", "Unconfined");
      }
      assert.ok(choice.trace.length > 0);
    }),
    property,
  );
});

test("the file of a Pod's profile is below the kubelet's folder, or the folder itself, which no runtime can read", () => {
  fc.assert(
    fc.property(pod, container, fc.boolean(), (pod, container, seccompDefault) => {
      const answer = orNothing(() =>
        kubeletSeccompRequest(pod, container, { seccompDefault, seccompRoot: "/s" }),
      );
      if (!answer) return;
      const { type, localhostRef } = answer.request;
      assert.equal(type === "Localhost", localhostRef !== undefined);
      if (localhostRef !== undefined)
        assert.ok(`${localhostRef}/`.startsWith("/s/") && !/(^|\/)\.\.(\/|$)/.test(localhostRef));
      assert.equal(answer.trace.filter(({ outcome }) => outcome === "chosen").length, 1);
    }),
    property,
  );
});

test("versions and architectures of any text are known or refused", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), mutated(Buffer.from("v1.35.2-rc.1")).map(String)), (text) => {
      const behaviour = orNothing(() => parseCrioVersion(text));
      if (behaviour) assert.match(text, /^v?0*1\.[0-9]+/);
      const arch = orNothing(() => seccompArch(text));
      if (arch) assert.ok(SECCOMP_ARCHES.includes(arch));
    }),
    property,
  );
});

const LAYER = Buffer.from('{"defaultAction":"SCMP_ACT_ERRNO"}');
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: SECCOMP_PROFILE_CONFIG, digest: digestOf("{}"), size: 2 },
    layers: [{ mediaType: "a/b", digest: digestOf(LAYER), size: LAYER.length }],
  }),
);

test("no layer over the limit is accepted, and only the first", () => {
  const layer = fc.record({
    mediaType: fc.string(),
    size: fc.oneof(fc.nat(), fc.constantFrom(MAX_ARTIFACT_BYTES, MAX_ARTIFACT_BYTES + 1)),
    title: fc.option(fc.constantFrom("a", "a/b", ""), { nil: undefined }),
  });
  const manifest = fc.record({
    mediaType: fc.constant(OCI_MANIFEST),
    artifactType: fc.option(fc.string(), { nil: undefined }),
    configMediaType: fc.oneof(fc.constant(SECCOMP_PROFILE_CONFIG), fc.string()),
    layers: fc.array(layer, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(manifest, version, (given, version) => {
      const verdict = checkProfileManifest(given, { version });
      if (verdict.kind === "rejected") return assert.ok(verdict.message.length > 0);
      assert.equal(verdict.layer, 0);
      assert.ok((given.layers[0]?.size ?? Number.POSITIVE_INFINITY) <= MAX_ARTIFACT_BYTES);
    }),
    property,
  );
});

test("what a source makes up is refused: a profile is the bytes that the asked digest stands for", async () => {
  const inputs = fc.tuple(
    fc.oneof(fc.constant(MANIFEST), mutated(MANIFEST)),
    fc.oneof(fc.constant(LAYER), mutated(LAYER)),
    fc.boolean(),
    version,
  );
  await fc.assert(
    fc.asyncProperty(inputs, async ([manifest, layer, honest, version]) => {
      const source = {
        resolve: async () => ({
          mediaType: OCI_MANIFEST,
          digest: digestOf(honest ? manifest : MANIFEST),
          bytes: manifest,
        }),
        fetchBlob: async () => layer,
      };
      const reference = `r.example/p@${digestOf(MANIFEST)}`;
      try {
        const { profile } = await fetchProfileArtifact(reference, { source, version });
        assert.deepEqual([Buffer.from(manifest), Buffer.from(profile)], [MANIFEST, LAYER]);
      } catch (error) {
        if (!isLadingError(error)) throw error;
        assert.ok(
          Buffer.compare(manifest, MANIFEST) !== 0 || Buffer.compare(layer, LAYER) !== 0,
          error.message,
        );
      }
    }),
    property,
  );
});

const PROFILE = Buffer.from(
  JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],
    syscalls: [
      {
        names: ["read", "socket"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
      },
      { names: ["write"], action: "SCMP_ACT_ALLOW" },
      { names: ["clone"], action: "SCMP_ACT_ERRNO", errnoRet: 38, args: [] },
    ],
  }),
);

test("a filter of any profile that is read answers every call in one way, or is refused", () => {
  const call = fc.record({
    nr: fc.nat(500),
    args: fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(
      mutated(PROFILE),
      call,
      fc.constantFrom("x86_64", "x86", "x32"),
      (bytes, { nr, args }, arch) => {
        const spec = orNothing(() =>
          toRuntimeSpec(parseProfile(bytes), { arch: "amd64", capabilities: null }),
        );
        if (spec === undefined) return;
        const evaluator = orNothing(() => createEvaluator(spec, { native: "x86_64" }));
        const once = orNothing(() => evaluator?.evaluate({ arch, nr, args }));
        const again = orNothing(() => evaluateSyscall(spec, { arch, nr, args }));
        assert.deepEqual(again, once);
        if (once) assert.match(once.action, /^SCMP_ACT_/);
      },
    ),
    property,
  );
});

test("validation finds nothing, or problems with their places, or throws a SeccompError", async () => {
  const formats = fc.constantFrom("runtime-spec", "containers-common", "moby");
  const texts = fc.oneof(mutated(PROFILE), fc.json().map(Buffer.from), fc.uint8Array({ maxLength: 60 }));
  await fc.assert(
    fc.asyncProperty(texts, formats, async (bytes, format) => {
      try {
        const problems = await validateProfile(bytes, { format, maxProblems: 5 });
        assert.ok(problems.length <= 5);
        for (const { message, position } of problems) {
          assert.ok(message.length > 0 && position.offset <= bytes.length && position.line > 0);
        }
      } catch (error) {
        assert.ok(error instanceof SeccompError, String(error));
      }
    }),
    property,
  );
});
