/** The way of a verdict: image and signatures in a store, policy text in, verdict with its trace out. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { OciError } from "../../src/oci/errors.ts";
import { type MemoryStore, memoryStore } from "../../src/oci/memory-store.ts";
import type { ReadStore } from "../../src/oci/store.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { sigstoreAttachments } from "../../src/policy/sources/attachments.ts";
import { emptySource, type SignatureSource } from "../../src/policy/sources/signature-source.ts";
import type { Policy } from "../../src/policy/types.ts";
import { createVerifier, type VerifierOptions, type VerifyOptions } from "../../src/policy/verifier.ts";
import { type Authorities, createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../../src/testing/certificates.ts";
import { attachSignatures, signImage } from "../../src/testing/signatures.ts";
import { imageManifest, pushImage, pushIndex } from "../unit/policy/images.ts";

const NAME = "quay.example/team/app";
const authorities = createAuthorities();
const key = mintKey();

function fulcioPolicy(change: Record<string, unknown> = {}, from: Authorities = authorities): string {
  return JSON.stringify({
    default: [{ type: "reject" }],
    transports: {
      docker: {
        "quay.example": [{ type: "reject" }],
        [NAME]: [
          {
            type: "sigstoreSigned",
            fulcio: {
              caData: base64(from.rootPem),
              oidcIssuer: DEFAULT_OIDC_ISSUER,
              subjectEmail: "dev@example.com",
            },
            rekorPublicKeyData: base64(from.logPublicKeyPem),
            signedIdentity: { type: "matchRepository" },
            ...change,
          },
        ],
      },
    },
  });
}

function keyPolicy(change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    default: [
      {
        type: "sigstoreSigned",
        keyData: base64(publicKeyPem(key)),
        signedIdentity: { type: "matchRepository" },
        ...change,
      },
    ],
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

async function evaluate(
  store: ReadStore,
  policy: string,
  options: Partial<VerifierOptions> & VerifyOptions & { reference?: string } = {},
) {
  const { reference = `${NAME}:1`, signal, platform, instanceDigest, ...rest } = options;
  const verifier = createVerifier(parsePolicy(policy), {
    source: { repository: () => store },
    signatureSources: [sigstoreAttachments()],
    ...rest,
  });
  return verifier.evaluate(reference, { signal, platform, instanceDigest });
}

async function signedStore(email = "dev@example.com"): Promise<{ store: MemoryStore; digest: string }> {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  const signer = authorities.issue(email);
  await attachSignatures(store, digest, [signImage({ reference: NAME, digest, signer, authorities })]);
  return { store, digest };
}

test("a keyless signature is accepted, and the verdict names the digest, the scope and the signature", async () => {
  const { store, digest } = await signedStore();
  const verdict = await evaluate(store, fulcioPolicy());
  assert.equal(verdict.kind, "allowed");
  assert.equal(verdict.digest, digest);
  assert.equal(verdict.reference, `${NAME}:1`);
  assert.deepEqual(verdict.scope, { kind: "scope", transport: "docker", scope: NAME });
  assert.deepEqual(verdict.overridden, ["quay.example"]);
  const location = `${NAME}:${digest.replace(":", "-")}.sig`;
  const place = "sigstore-attachments" as const;
  const lookedAt = [{ kind: "found", place, location, found: 1 }];
  assert.deepEqual(verdict.sources, [{ name: "sigstore-attachments", found: 1, lookedAt }]);
  const [requirement] = verdict.requirements;
  assert.equal(requirement?.kind, "met");
  const [signature] = requirement?.signatures ?? [];
  assert.equal(signature?.kind, "accepted");
  assert.equal(signature?.kind === "accepted" && signature.dockerReference, NAME);
});

test("a wrong e-mail gives the texts of podman and of CRI-O", async () => {
  const { store } = await signedStore("wrong@mail.example");
  const verdict = await evaluate(store, fulcioPolicy());
  assert.ok(verdict.kind === "rejected");
  const reason = 'Required email "dev@example.com" not found (got ["wrong@mail.example"])';
  assert.equal(verdict.message, `Source image rejected: ${reason}`);
  assert.equal(verdict.criError, `SignatureValidationFailed: Source image rejected: ${reason}`);
  assert.equal(verdict.errorClass, "invalid-signature");
  const [signature] = verdict.requirements[0]?.signatures ?? [];
  assert.ok(signature?.kind === "rejected");
  assert.equal(signature.step, "certificate");
});

test("an unsigned image is rejected as unsigned, whether or not a source could have more", async () => {
  const store = memoryStore();
  await pushImage(store, "1");
  for (const signatureSources of [[sigstoreAttachments()], [emptySource("none")]]) {
    const verdict = await evaluate(store, fulcioPolicy(), { signatureSources });
    assert.ok(verdict.kind === "rejected");
    assert.equal(
      verdict.criError,
      "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
    );
  }
});

test("without a source of the format that is needed there is no verdict", async () => {
  const { store } = await signedStore();
  await rejectsWith(evaluate(store, fulcioPolicy(), { signatureSources: [] }), "ERR_POLICY_UNSUPPORTED");
  const signedBy = JSON.stringify({ default: [{ type: "signedBy", keyType: "GPGKeys", keyData: "YWJj" }] });
  await rejectsWith(evaluate(store, signedBy), "ERR_POLICY_UNSUPPORTED");
});

test("cri-o#8666: an OpenPGP signature by no key of the ring is rejected, and unsigned is rejected", async () => {
  const { store } = await signedStore();
  const signedBy = JSON.stringify({ default: [{ type: "signedBy", keyType: "GPGKeys", keyData: "YWJj" }] });
  const source: SignatureSource = {
    name: "lookaside",
    formats: ["simple-signing", "sigstore-json"],
    list: async () => [{ format: "simple-signing", content: Buffer.from([0xa3]) }],
  };
  const signed = await evaluate(store, signedBy, { signatureSources: [source] });
  assert.equal(signed.kind === "rejected" && signed.reason, "No public keys imported");
  const verdict = await evaluate(store, signedBy, { signatureSources: [emptySource("lookaside")] });
  assert.equal(
    verdict.kind === "rejected" && verdict.reason,
    "A signature was required, but no signature exists",
  );
});

test("a key pair's signature is accepted; with a log only if the log has it", async () => {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  await attachSignatures(store, digest, [signImage({ reference: NAME, digest, signer: key })]);
  assert.equal((await evaluate(store, keyPolicy())).kind, "allowed");
  const logged = keyPolicy({ rekorPublicKeyData: base64(authorities.logPublicKeyPem) });
  const missing = await evaluate(store, logged);
  assert.equal(missing.kind === "rejected" && missing.errorClass, "other");
  // Class "other" is not marked: the check could not be made.
  assert.equal(
    missing.kind === "rejected" && missing.criError,
    "Source image rejected: missing dev.sigstore.cosign/bundle annotation",
  );
  await attachSignatures(store, digest, [signImage({ reference: NAME, digest, signer: key, authorities })]);
  assert.equal((await evaluate(store, logged)).kind, "allowed");
});

test("every kind of key that sigstore uses is accepted", async () => {
  const keys = [
    mintKey(),
    generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
    generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    generateKeyPairSync("ed25519").privateKey,
  ];
  for (const signer of keys) {
    const store = memoryStore();
    const { digest } = await pushImage(store, "1");
    await attachSignatures(store, digest, [signImage({ reference: NAME, digest, signer })]);
    const verdict = await evaluate(store, keyPolicy({ keyData: base64(publicKeyPem(signer)) }));
    assert.equal(verdict.kind, "allowed", signer.asymmetricKeyType);
    assert.equal((await evaluate(store, keyPolicy())).kind, "rejected");
  }
});

test("one good signature among bad ones is enough, and every bad one has its reason", async () => {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  const bad = signImage({ reference: NAME, digest, signer: mintKey() });
  const good = signImage({ reference: NAME, digest, signer: key });
  await attachSignatures(store, digest, [bad, good, bad]);
  const verdict = await evaluate(store, keyPolicy());
  assert.equal(verdict.kind, "allowed");
  assert.deepEqual(
    verdict.requirements[0]?.signatures.map(({ kind }) => kind),
    ["rejected", "accepted"],
  );
  await attachSignatures(store, digest, [bad, bad]);
  const rejected = await evaluate(store, keyPolicy());
  assert.ok(rejected.kind === "rejected");
  assert.match(rejected.reason, /^None of the signatures were accepted, reasons: crypto.*; crypto/);
  assert.equal(rejected.errorClass, "policy-requirement");
});

test("CVE-2022-35930: an attachment of another kind is no signature", async () => {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  const signature = signImage({ reference: NAME, digest, signer: key });
  await attachSignatures(store, digest, [
    { ...signature, mediaType: "application/vnd.dsse.envelope.v1+json" },
  ]);
  const verdict = await evaluate(store, keyPolicy());
  assert.equal(
    verdict.kind === "rejected" && verdict.reason,
    "A signature was required, but no signature exists (0 non-sigstore signatures, 1 sigstore non-signature attachments)",
  );
});

test("of an index the chosen image is checked, and the verdict is about that image", async () => {
  const store = memoryStore();
  const amd64 = await pushImage(store, undefined, "amd64");
  const arm64 = await pushImage(store, undefined, "arm64");
  const index = await pushIndex(store, "1", [
    { ...amd64, platform: { os: "linux", architecture: "amd64" } },
    { ...arm64, platform: { os: "linux", architecture: "arm64" } },
  ]);
  await attachSignatures(store, arm64.digest, [
    signImage({ reference: NAME, digest: arm64.digest, signer: key }),
  ]);
  const platform = (architecture: string) => ({ platform: { os: "linux", architecture } });
  const allowed = await evaluate(store, keyPolicy(), platform("arm64"));
  assert.equal(allowed.kind, "allowed");
  assert.equal(allowed.digest, arm64.digest);
  assert.equal(allowed.indexDigest, index.digest);
  const rejected = await evaluate(store, keyPolicy(), platform("amd64"));
  assert.ok(rejected.kind === "rejected");
  assert.equal(
    rejected.message,
    "copying system image from manifest list: Source image rejected: A signature was required, but no signature exists",
  );
  assert.equal((await evaluate(store, keyPolicy(), { instanceDigest: arm64.digest })).kind, "allowed");
  for (const choice of [
    {},
    platform("s390x"),
    { instanceDigest: digestOf("x") },
    { instanceDigest: "../x" },
  ]) {
    await rejectsWith(evaluate(store, keyPolicy(), choice), "ERR_POLICY_INSTANCE");
  }
});

test("a signature of the index does not count for its images", async () => {
  const store = memoryStore();
  const image = await pushImage(store, undefined, "amd64");
  const index = await pushIndex(store, "1", [{ ...image, platform: { os: "linux", architecture: "amd64" } }]);
  await attachSignatures(store, index.digest, [
    signImage({ reference: NAME, digest: index.digest, signer: key }),
  ]);
  const verdict = await evaluate(store, keyPolicy(), { platform: { os: "linux", architecture: "amd64" } });
  assert.equal(verdict.kind, "rejected");
});

test("CVE-2021-41190: a manifest that can be read in two ways gives no verdict", async () => {
  const any = JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] });
  const image = imageManifest().toString();
  const ambiguous = [
    image.replace("{", '{"manifests":[],'),
    image.replace("{", '{"schemaVersion":2,'),
    image.replace("{", '{"Layers":[],'),
    image.replace(OCI_MANIFEST, OCI_INDEX),
    image.replace(`"mediaType":"${OCI_MANIFEST}"`, '"fsLayers":[]'),
  ];
  for (const text of ambiguous) {
    const store = memoryStore();
    const content = Buffer.from(text);
    const descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(content), size: content.byteLength };
    await store.push(descriptor, content);
    await store.tag(descriptor, "1");
    await rejectsWith(evaluate(store, any), "ERR_POLICY_MANIFEST");
  }
});

test("CVE-2024-3727: a digest that is none never gets into a path or a tag", async () => {
  const { store, digest } = await signedStore();
  const asked: string[] = [];
  const listening: ReadStore = {
    resolve(tag, options) {
      asked.push(tag);
      return store.resolve(tag, options);
    },
    fetch: (descriptor, options) => store.fetch(descriptor, options),
  };
  for (const text of [
    "sha256:../../x",
    "sha256:",
    digest.toUpperCase(),
    `${digest}0`,
    "md5:d41d8cd98f00b204",
  ]) {
    await rejectsWith(
      evaluate(listening, fulcioPolicy(), { reference: `${NAME}@${text}` }),
      "ERR_POLICY_REFERENCE",
    );
  }
  assert.deepEqual(asked, []);
});

test("a reference by digest is held to that digest", async () => {
  const { store, digest } = await signedStore();
  const verdict = await evaluate(store, fulcioPolicy(), { reference: `${NAME}@${digest}` });
  assert.equal(verdict.kind, "allowed");
  const other = await pushImage(store, "2", "other");
  const lying: ReadStore = {
    resolve: async () => store.resolve("2"),
    fetch: (descriptor, options) => store.fetch(descriptor, options),
  };
  assert.notEqual(other.digest, digest);
  await rejectsWith(
    evaluate(lying, fulcioPolicy(), { reference: `${NAME}@${digest}` }),
    "ERR_POLICY_MANIFEST",
  );
});

test("references that cannot be decided on give no verdict", async () => {
  const { store, digest } = await signedStore();
  for (const reference of ["", "UPPER/x", `${NAME}:1@${digest}`, "a b", "my_host.local/app:1", `${NAME}:`]) {
    await rejectsWith(evaluate(store, fulcioPolicy(), { reference }), "ERR_POLICY_REFERENCE");
  }
});

test("content that is not what its digest says gives no verdict", async () => {
  const { store, digest } = await signedStore();
  const tampered: ReadStore = {
    resolve: (tag, options) => store.resolve(tag, options),
    async *fetch(descriptor, options) {
      for await (const chunk of store.fetch(descriptor, options)) {
        const copy = Buffer.from(chunk);
        if (descriptor.digest === digest) copy[copy.length - 2] = 0x20;
        yield copy;
      }
    },
  };
  await rejectsWith(evaluate(tampered, fulcioPolicy()), "ERR_POLICY_MANIFEST");
});

test("a store that fails anywhere on the way gives no verdict", async () => {
  const { store } = await signedStore();
  const failures = [
    new OciError("ERR_OCI_STATUS", "503", { statusCode: 503 }),
    new OciError("ERR_OCI_UNAUTHORIZED", "401", { statusCode: 401 }),
    new OciError("ERR_OCI_NETWORK", "reset"),
    new OciError("ERR_OCI_NOT_FOUND", "404", { statusCode: 404, errors: [{ code: "NAME_UNKNOWN" }] }),
    new TypeError("a fault of the store"),
  ];
  for (const failure of failures) {
    for (let at = 0; at < 4; at++) {
      let calls = 0;
      const failing: ReadStore = {
        async resolve(tag, options) {
          if (calls++ === at) throw failure;
          return store.resolve(tag, options);
        },
        async *fetch(descriptor, options) {
          if (calls++ === at) throw failure;
          yield* store.fetch(descriptor, options);
        },
      };
      const code = at < 2 ? "ERR_POLICY_MANIFEST" : "ERR_POLICY_SIGNATURES";
      await rejectsWith(evaluate(failing, fulcioPolicy()), code, failure);
    }
  }
});

test("answers that say there is no such tag mean unsigned, in the spellings that registries use", async () => {
  const { store } = await signedStore();
  const answers = [
    new OciError("ERR_OCI_NOT_FOUND", "404", { statusCode: 404 }),
    new OciError("ERR_OCI_NOT_FOUND", "404", { statusCode: 404, errors: [{ code: "MANIFEST_UNKNOWN" }] }),
    new OciError("ERR_OCI_STATUS", "400", {
      statusCode: 400,
      errors: [{ code: "UNKNOWN", message: "Not Found" }],
    }),
    new OciError("ERR_OCI_STATUS", "500", {
      statusCode: 500,
      errors: [{ code: "UNKNOWN", message: "artifact x not found" }],
    }),
  ];
  for (const answer of answers) {
    const without: ReadStore = {
      async resolve(tag, options) {
        if (tag.endsWith(".sig")) throw answer;
        return store.resolve(tag, options);
      },
      fetch: (descriptor, options) => store.fetch(descriptor, options),
    };
    const verdict = await evaluate(without, fulcioPolicy());
    assert.equal(
      verdict.kind === "rejected" && verdict.reason,
      "A signature was required, but no signature exists",
    );
  }
});

test("CVE-2022-47633: a tag that moves between two requests cannot split the verdict from its digest", async () => {
  const { store, digest } = await signedStore();
  const evil = await pushImage(store, "evil", "evil");
  let resolutions = 0;
  const flipping: ReadStore = {
    async resolve(tag, options) {
      if (tag.endsWith(".sig")) return store.resolve(tag, options);
      return store.resolve(resolutions++ === 0 ? "1" : "evil", options);
    },
    fetch: (descriptor, options) => store.fetch(descriptor, options),
  };
  const verdict = await evaluate(flipping, fulcioPolicy());
  assert.equal(verdict.kind, "allowed");
  assert.equal(verdict.digest, digest);
  assert.notEqual(verdict.digest, evil.digest);
  assert.equal(resolutions, 1);
});

test("CVE-2023-46737, CVE-2020-1702: the manifest that carries signatures is bounded, and must be an image manifest", async () => {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  const good = signImage({ reference: NAME, digest, signer: key });
  await attachSignatures(store, digest, Array(128).fill(good));
  assert.equal((await evaluate(store, keyPolicy())).kind, "allowed");
  await attachSignatures(store, digest, Array(129).fill(good));
  await rejectsWith(evaluate(store, keyPolicy()), "ERR_POLICY_SIGNATURES");
  const payload = Buffer.alloc(4 * 1024 * 1024 + 1, 0x20);
  await attachSignatures(store, digest, [good, { ...good, payload }]);
  await rejectsWith(evaluate(store, keyPolicy()), "ERR_POLICY_SIGNATURES");
  await pushIndex(store, `${digest.replace(":", "-")}.sig`, []);
  await rejectsWith(evaluate(store, keyPolicy()), "ERR_POLICY_SIGNATURES");
});

test("an abort before, during and after", async () => {
  const { store } = await signedStore();
  const reason = new Error("enough");
  await assert.rejects(
    evaluate(store, fulcioPolicy(), { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
  for (let at = 0; at < 4; at++) {
    const controller = new AbortController();
    let calls = 0;
    const stalled: ReadStore = {
      async resolve(tag, options) {
        if (calls++ === at) {
          setTimeout(() => controller.abort(reason), 5);
          await new Promise(() => {});
        }
        return store.resolve(tag, options);
      },
      async *fetch(descriptor, options) {
        if (calls++ === at) {
          setTimeout(() => controller.abort(reason), 5);
          await new Promise(() => {});
        }
        yield* store.fetch(descriptor, options);
      },
    };
    await assert.rejects(
      evaluate(stalled, fulcioPolicy(), { signal: controller.signal }),
      (error) => error === reason,
    );
  }
  const controller = new AbortController();
  const verdict = await evaluate(store, fulcioPolicy(), { signal: controller.signal });
  controller.abort(reason);
  assert.equal(verdict.kind, "allowed");
});

test("files that a policy names are read through the function given, and only for a signed image", async () => {
  const { store } = await signedStore();
  const reads: string[] = [];
  const policy = fulcioPolicy({
    fulcio: { caPath: "/ca.pem", oidcIssuer: DEFAULT_OIDC_ISSUER, subjectEmail: "dev@example.com" },
  });
  const readFile = async (path: string) => {
    reads.push(path);
    return Buffer.from(authorities.rootPem);
  };
  assert.equal((await evaluate(store, policy, { readFile })).kind, "allowed");
  assert.deepEqual(reads, ["/ca.pem"]);
  for (const broken of [
    undefined,
    async () => Promise.reject(new Error("EACCES")),
    async () => Buffer.from("no certificate"),
    async () => "text" as unknown as Uint8Array,
  ]) {
    const verdict = await evaluate(store, policy, { readFile: broken });
    assert.equal(verdict.kind === "rejected" && verdict.errorClass, "other");
  }
  const unsigned = memoryStore();
  await pushImage(unsigned, "1");
  const verdict = await evaluate(unsigned, policy, { readFile: async () => Promise.reject(new Error("no")) });
  assert.equal(
    verdict.kind === "rejected" && verdict.reason,
    "A signature was required, but no signature exists",
  );
});

test("signatures are not looked for where no requirement gets to look at them", async () => {
  const store = memoryStore();
  await pushImage(store, "1");
  const source: SignatureSource = {
    name: "never",
    formats: ["sigstore-json"],
    list: async () => Promise.reject(new Error("looked")),
  };
  const any = JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] });
  const allowed = await evaluate(store, any, { signatureSources: [source] });
  assert.equal(allowed.kind, "allowed");
  assert.deepEqual(allowed.sources, []);
  const strict = await evaluate(store, any, {
    signatureSources: [source],
    requireSignatureVerification: true,
  });
  assert.equal(
    strict.kind === "rejected" && strict.reason,
    `No signature verification policy found for image docker:${NAME}:1`,
  );
  const reject = JSON.stringify({
    default: [{ type: "reject" }, { type: "sigstoreSigned", keyData: "YWJj" }],
  });
  const rejected = await evaluate(store, reject, { signatureSources: [source] });
  assert.equal(
    rejected.kind === "rejected" && rejected.reason,
    `Running image docker://${NAME}:1 is rejected by policy.`,
  );
});

test("kyverno#16336: a policy that is changed after the verifier was made does not count", async () => {
  const { store } = await signedStore("wrong@mail.example");
  const policy = parsePolicy(fulcioPolicy());
  const signatureSources = [sigstoreAttachments()];
  const verifier = createVerifier(policy, { source: { repository: () => store }, signatureSources });
  (policy.transports as Map<string, unknown>).clear();
  (policy.default as unknown[])[0] = { type: "insecureAcceptAnything" };
  signatureSources.pop();
  const verdict = await verifier.evaluate(`${NAME}:1`);
  assert.equal(verdict.kind === "rejected" && verdict.errorClass, "invalid-signature");
});

test("a policy made by hand must be one that could be read", () => {
  const options = { source: { repository: () => memoryStore() }, signatureSources: [] };
  const requirement = parsePolicy(fulcioPolicy()).transports.get("docker")?.get(NAME)?.[0];
  assert.ok(requirement?.type === "sigstoreSigned");
  const data = { kind: "data", data: Buffer.from("a") };
  const keyed = (change: object) => ({ ...requirement, trust: { kind: "keys", keys: data, ...change } });
  const pki = (change: object) => ({ ...requirement, trust: { kind: "pki", caRoots: data, ...change } });
  for (const byDefault of [
    [],
    [{ type: "allow" }],
    [{ ...requirement, trust: { ...requirement.trust, subjectEmail: "" } }],
    [{ ...requirement, signedIdentity: { type: "matchAnything" } }],
    // Empty texts mean "no such member" in a policy file: they must not lose a requirement on the way.
    [keyed({ rekor: { kind: "path", path: "" } })],
    [keyed({ rekor: { kind: "paths", paths: [] } })],
    [keyed({ rekor: { kind: "datas", datas: [] } })],
    [keyed({ keys: { kind: "path", path: "" } })],
    [pki({ subjectEmail: "", subjectHostname: "example.com" })],
    [pki({ subjectEmail: "dev@example.com", subjectHostname: "" })],
    [pki({ subjectEmail: "dev@example.com", caIntermediates: { kind: "path", path: "" } })],
  ]) {
    const policy = { default: byDefault, transports: new Map() } as unknown as Policy;
    assert.throws(() => createVerifier(policy, options), PolicyError);
  }
});

test("bytes that a store changes after it gave them out are not what the verdict is about", async () => {
  const { store, digest } = await signedStore();
  const signed = await bytesOf(store, digest);
  // A manifest of the same length, of another content; the store reuses its buffer for what it reads next.
  const evil = Buffer.from(signed.toString("latin1").replace(/"size":100/, '"size":666'), "latin1");
  assert.equal(evil.byteLength, signed.byteLength);
  const descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(evil), size: evil.byteLength };
  const buffer = Buffer.from(evil);
  const reusing: ReadStore = {
    resolve: async (name, options) =>
      name === "1" ? descriptor : store.resolve(`${digest}.sig`.replace(":", "-"), options),
    async *fetch(wanted, options) {
      if (wanted.digest === descriptor.digest) {
        yield buffer;
        return;
      }
      signed.copy(buffer);
      yield* store.fetch(wanted, options);
    },
  };
  const verdict = await evaluate(reusing, fulcioPolicy());
  assert.equal(verdict.digest, descriptor.digest);
  assert.equal(
    verdict.kind === "rejected" && verdict.reason,
    `Signature for digest ${digest} does not match`,
  );
});

async function bytesOf(store: MemoryStore, digest: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.fetch(await store.resolve(digest))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function rejectsWith(promise: Promise<unknown>, code: string, cause?: unknown): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PolicyError, String(error));
    assert.equal(error.code, code, error.message);
    if (cause !== undefined) assert.equal(error.cause, cause);
    return true;
  });
}
