import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { LadingError } from "../../../src/core/errors.ts";
import { ExplainError } from "../../../src/explain/errors.ts";
import type { ExplainOptions } from "../../../src/explain/explain-subject.ts";
import { readPod } from "../../../src/explain/pod.ts";
import { recordSubject, replayExplanation } from "../../../src/explain/record.ts";
import { decode, decodeError, encode, encodeError } from "../../../src/explain/recording-codec.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { resolvePullSources } from "../../../src/oci/mirrors/pull-sources.ts";
import { parseRegistriesConf } from "../../../src/oci/mirrors/registries.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { publicKeyPem } from "../../../src/testing/certificates.ts";
import {
  crioAnswers,
  type FakeRegistries,
  fakeRegistries,
  key,
  type NodeByHand,
  otherKey,
  podOf,
  pushImage,
  signedPolicy,
} from "./place.ts";

const NAME = "quay.io/team/app";
const KEY_PATH = "/etc/containers/keys/team.pub";
const FILE_POLICY = {
  default: [{ type: "sigstoreSigned", keyPath: KEY_PATH, signedIdentity: { type: "matchRepository" } }],
};

async function record(
  pod: unknown,
  registries: FakeRegistries,
  node: NodeByHand = {},
  options: Partial<ExplainOptions> = {},
) {
  const answers = await crioAnswers(node);
  try {
    return await recordSubject(readPod(pod), answers, {
      registry: registries.registry,
      calls: ["mount"],
      ...options,
    });
  } finally {
    await answers.close();
  }
}

async function signedRegistries(): Promise<FakeRegistries> {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  return registries;
}

/** An entry of a tape, as far as it is changed here. */
interface RecordedManifest {
  answer?: { bytes?: { $bytes: string } };
}

const CASES: [what: string, kind: string, node: NodeByHand, down: string[]][] = [
  ["signed, checked twice", "runs", { policy: signedPolicy(NAME), checkedAtCreate: true }, []],
  ["signed, key in a file", "runs", { policy: FILE_POLICY, files: { [KEY_PATH]: publicKeyPem(key) } }, []],
  ["key file missing", "fails", { policy: FILE_POLICY }, []],
  ["another key", "fails", { policy: signedPolicy(NAME, otherKey) }, []],
  ["registry down", "undecided", { policy: signedPolicy(NAME) }, ["quay.io"]],
  [
    "one of two places down",
    "runs",
    { registriesConf: '[[registry]]\nlocation="quay.io"\n[[registry.mirror]]\nlocation="m.example/q"' },
    ["m.example"],
  ],
  ["blocked", "fails", { registriesConf: '[[registry]]\nlocation="quay.io"\nblocked=true' }, []],
  [
    "no policy",
    "fails",
    { change: { policy: async () => Promise.reject(new PolicyError("ERR_POLICY_FILE", "none")) } },
    [],
  ],
  [
    "profile of a file",
    "runs",
    {
      files: { "/p.json": '{"defaultAction":"SCMP_ACT_ERRNO"}' },
      change: {
        seccomp: async () => ({
          runtime: { kind: "cri-o", version: "1.36.0", seccompProfile: "/p.json" },
          kubelet: { seccompDefault: true },
          defaultCapabilities: [],
        }),
      },
    },
    [],
  ],
];

for (const [what, kind, node, down] of CASES) {
  test(`a replay gives the same bytes, with nobody to ask: ${what}`, async () => {
    const registries = await signedRegistries();
    for (const host of down) registries.down.add(host);
    const { explanation, recording } = await record(
      podOf(`${NAME}:1`, "quay.io/none/at-all:1"),
      registries,
      node,
    );
    const first = explanation.images[0]?.outcome.kind;
    assert.equal(first, kind);
    const replayed = await replayExplanation(recording);
    assert.equal(JSON.stringify(replayed.explanation), JSON.stringify(explanation));
    assert.equal(replayed.isSame, true);
    assert.equal((await replayExplanation(Buffer.from(recording))).isSame, true);
  });
}

test("a recording has every content with its hash, and the clock", async () => {
  const registries = await signedRegistries();
  const now = Date.UTC(2026, 0, 2);
  const policy = signedPolicy(NAME);
  const { explanation, recording } = await record(
    podOf(`${NAME}:1`),
    registries,
    { policy },
    { now: () => now },
  );
  const { tape } = JSON.parse(recording);
  const manifest = tape.find(({ ask }: { ask: string[] }) => ask[0] === "manifest" && ask.at(-1) === "1");
  const { $bytes, digest } = manifest.answer.bytes;
  assert.equal(digestOf(Buffer.from($bytes, "base64")), digest);
  assert.equal(digest, explanation.images[0]?.digest);
  assert.equal((await replayExplanation(recording)).recordedAt, now);
});

test("no secret is recorded, wherever it is planted", async () => {
  const registries = await signedRegistries();
  const secrets = [
    "s3cret-header",
    "s3cret-env",
    "s3cret-annotation",
    "s3cret-helper",
    "s3cret-last-applied",
  ];
  const pod = {
    metadata: {
      name: "web",
      annotations: {
        token: "s3cret-annotation",
        "kubectl.kubernetes.io/last-applied-configuration": "s3cret-last-applied",
      },
    },
    spec: {
      containers: [
        {
          name: "a",
          image: `${NAME}:1`,
          env: [{ name: "PASSWORD", value: "s3cret-env" }],
          command: ["s3cret-env"],
        },
        { name: "b", image: "ghcr.io/a/b:1" },
      ],
    },
  };
  const config = parseRegistriesConf([{ name: "r", text: "" }]);
  const plain = await crioAnswers();
  await plain.close();
  const node: NodeByHand = {
    change: {
      async sources(reference) {
        const found = resolvePullSources(reference, { kind: "registries-conf", config });
        if (found.kind === "blocked") return found;
        const [first] = found.attempts;
        return { ...found, attempts: [{ ...first, headers: { authorization: ["Bearer s3cret-header"] } }] };
      },
      async credentials(place, subject, options) {
        if (place.repository.startsWith("ghcr.io/")) {
          throw new OciError("ERR_OCI_CREDENTIAL_HELPER", "the helper says s3cret-helper", {
            cause: new Error("s3cret-helper"),
          });
        }
        return await plain.credentials(place, subject, options);
      },
    },
  };
  const { recording, explanation } = await record(pod, registries, node);
  for (const secret of secrets) {
    assert.ok(!recording.includes(secret), secret);
    assert.ok(!JSON.stringify(explanation).includes(secret), secret);
  }
  assert.equal((await replayExplanation(recording)).isSame, true);
});

test("a private key, and a URL with credentials, are refused and not recorded", async () => {
  const registries = await signedRegistries();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const isSecret = (error: unknown) => error instanceof ExplainError && error.code === "ERR_EXPLAIN_SECRET";
  await assert.rejects(
    record(podOf(`${NAME}:1`), registries, { policy: FILE_POLICY, files: { [KEY_PATH]: pem } }),
    isSecret,
  );
  const config = parseRegistriesConf([{ name: "r", text: "" }]);
  const node: NodeByHand = {
    change: {
      async sources(reference) {
        const found = resolvePullSources(reference, { kind: "registries-conf", config });
        if (found.kind === "blocked") return found;
        const [first] = found.attempts;
        return { ...found, attempts: [{ ...first, url: "https://user:s3cret@quay.io/v2" }] };
      },
    },
  };
  await assert.rejects(record(podOf(`${NAME}:1`), registries, node), isSecret);
});

test("a recording that was changed is refused", async (t) => {
  const { recording } = await record(podOf(`${NAME}:1`), await signedRegistries(), {
    policy: signedPolicy(NAME),
  });
  const isBroken = (error: unknown) =>
    error instanceof ExplainError && error.code === "ERR_EXPLAIN_RECORDING";
  const resealed = (change: (content: { tape: RecordedManifest[] }) => void): string => {
    const { digest: _, ...content } = JSON.parse(recording);
    change(content);
    return JSON.stringify({ ...content, digest: digestOf(JSON.stringify(content)) });
  };
  const cases: [what: string, text: string][] = [
    ["a letter", recording.replace("shop", "shap")],
    ["another clock", recording.replace(/"now": \d+/, '"now": 0')],
    ["cut off", recording.slice(0, -20)],
    ["nothing", ""],
    ["another form", recording.replace("lading.recording/v1", "lading.recording/v2")],
    ["another JSON", "[]"],
    ["null", "null"],
    [
      "bytes under their old hash, with a new one for the whole",
      resealed(({ tape }) => {
        for (const { answer } of tape) if (answer?.bytes) answer.bytes.$bytes = "e30=";
      }),
    ],
    ["no tape", resealed((content) => delete (content as { tape?: unknown }).tape)],
    ["a tape of something else", resealed((content) => Object.assign(content, { tape: [null, 1, "a"] }))],
    ["a setting of something else", resealed((content) => Object.assign(content, { setting: { pod: 1 } }))],
  ];
  for (const [what, text] of cases)
    await t.test(what, () => assert.rejects(replayExplanation(text), isBroken));
  await t.test("bytes that are no text", () =>
    assert.rejects(replayExplanation(Buffer.from([0xff, 0xfe])), isBroken),
  );
  await t.test("an answer that is not there", async () => {
    const text = resealed((content) => Object.assign(content, { tape: [] }));
    await assert.rejects(
      replayExplanation(text),
      (error) => error instanceof ExplainError && error.code === "ERR_EXPLAIN_NOT_RECORDED",
    );
  });
});

test("an abort of a replay rejects with its reason", async () => {
  const { recording } = await record(podOf(`${NAME}:1`), await signedRegistries());
  const reason = new Error("enough");
  await assert.rejects(
    replayExplanation(recording, { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
});

test("values come back as they were", () => {
  const value = {
    text: "a",
    list: [1, null, true],
    big: 12345678901234567890n,
    bytes: Uint8Array.of(0, 1, 255),
    map: new Map([["__proto__", Uint8Array.of(7)]]),
    $bytes: "not bytes",
    $$odd: { $map: 1 },
    nested: { deep: { deeper: [] } },
  };
  assert.deepEqual(decode(JSON.parse(JSON.stringify(encode(value)))), value);
  assert.throws(() => encode(Number.NaN), TypeError);
  assert.throws(() => encode(() => {}), TypeError);
});

test("errors come back with what decides, and without what may be secret", () => {
  const network = new OciError("ERR_OCI_NETWORK", "down", {
    cause: Object.assign(new Error("s3cret"), { code: "ECONNREFUSED" }),
  });
  const missing = new OciError("ERR_OCI_NOT_FOUND", "404", {
    statusCode: 404,
    errors: [{ code: "MANIFEST_UNKNOWN", message: "unknown", detail: "s3cret" }],
  });
  const both = new OciError("ERR_OCI_NOT_FOUND", "both", { cause: new AggregateError([network, missing]) });
  const policy = new PolicyError("ERR_POLICY_MANIFEST", "reading manifest: both", { cause: both });
  const encoded = encodeError(policy);
  assert.ok(encoded !== undefined && !JSON.stringify(encoded).includes("s3cret"));
  const back = decodeError(JSON.parse(JSON.stringify(encoded)));
  assert.ok(back instanceof PolicyError && back.errorClass === "other" && back.message === policy.message);
  assert.ok(back.cause instanceof OciError && back.cause.cause instanceof AggregateError);
  const [first, second] = back.cause.cause.errors;
  assert.ok(first instanceof OciError && (first.cause as { code?: unknown }).code === "ECONNREFUSED");
  assert.ok(second instanceof OciError && second.statusCode === 404);
  assert.deepEqual(second.errors, [{ code: "MANIFEST_UNKNOWN", message: "unknown" }]);
  assert.equal(encodeError(new TypeError("a mistake")), undefined);
  assert.ok(back instanceof LadingError);
});
