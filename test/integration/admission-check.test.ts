/** The check of Pods by policies, against a registry over loopback. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  createPodCheck,
  type ImageDecision,
  type PodCheckOptions,
  type PodCheckSubject,
  rememberContent,
  reviewAdmission,
} from "../../src/admission/index.ts";
import { createRegistry, packImage, packIndex, pushImage, type Registry } from "../../src/oci/index.ts";
import {
  createVerifier,
  type Policy,
  parsePolicy,
  sigstoreAttachments,
  type Verifier,
} from "../../src/policy/index.ts";
import {
  attachSignatures,
  mintKey,
  publicKeyPem,
  signImage,
  startRegistry,
  type TestRegistry,
} from "../../src/testing/index.ts";
import { podSpec, review } from "../unit/admission/samples.ts";

const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64" };
const key = mintKey();
const keyData = Buffer.from(publicKeyPem(key)).toString("base64");
const signed = (more: object = {}): Policy =>
  parsePolicy(JSON.stringify({ default: [{ type: "sigstoreSigned", keyData, ...more }] }));

let server: TestRegistry;
let registry: Registry;

before(async () => {
  server = await startRegistry();
  registry = createRegistry();
});
after(async () => {
  await registry.close();
  await server.close();
});

/** Pushes an image, and signs it under its reference. */
async function push(path: string, tag: string, state?: "signed"): Promise<string> {
  const repository = registry.repository(`${server.host}/${path}`);
  const image = packImage({ platform: amd64, layers: [], config: { Labels: { path, tag } } });
  const { digest } = await pushImage(repository, image, tag);
  const reference = `${server.host}/${path}:${tag}`;
  if (state) await attachSignatures(repository, digest, [signImage({ reference, digest, signer: key })]);
  return digest;
}

function verifierOf(policy: Policy, cache?: false): Verifier {
  return createVerifier(policy, {
    source: rememberContent(registry),
    signatureSources: [sigstoreAttachments()],
    ...(cache === undefined ? {} : { cache }),
  });
}

function subjectOf(images: string[], more: Partial<PodCheckSubject> = {}): PodCheckSubject {
  return {
    namespace: "team",
    kind: { group: "", version: "v1", kind: "Pod" },
    name: "web",
    operation: "CREATE",
    dryRun: false,
    images: images.map((image, index) => ({
      kind: "container",
      name: `c${index}`,
      image,
      path: ["spec", "containers", index, "image"],
    })),
    podSpec: podSpec(...images),
    ...more,
  };
}

async function decide(
  images: string[],
  options: Partial<PodCheckOptions> & { policy?: Policy } = {},
  more: Partial<PodCheckSubject> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly ImageDecision[]> {
  const { policy = signed(), ...rest } = options;
  const verifier = verifierOf(policy);
  const check = createPodCheck({ verifierFor: () => verifier, platforms: [amd64], ...rest });
  return check(subjectOf(images, more), { signal });
}

const reasonOf = (decision: ImageDecision | undefined): string =>
  decision && decision.kind !== "allowed" ? decision.reason : "";

describe("an image by a tag", () => {
  test("is resolved once, decided on under both names, and pinned, in four requests", async () => {
    const digest = await push("team/app", "1", "signed");
    const image = `${server.host}/team/app:1`;
    const from = server.requests.length;
    const [decision] = await decide([image]);
    const requests = server.requests.slice(from).map(({ method, url }) => `${method} ${url}`);
    assert.equal(decision?.kind, "allowed", reasonOf(decision));
    assert.equal(decision?.kind === "allowed" && decision.pinned, `${server.host}/team/app@${digest}`);
    assert.deepEqual(
      decision?.evaluations?.map(({ reference, kind, scope }) => [reference, kind, scope]),
      [
        [image, "allowed", "default"],
        [`${server.host}/team/app@${digest}`, "allowed", "default"],
      ],
    );
    const tagRequests = requests.filter((request) => request.endsWith("/manifests/1"));
    assert.equal(tagRequests.length, 1, requests.join("\n"));
    assert.ok(requests.filter((request) => !request.endsWith(" /v2/")).length <= 4, requests.join("\n"));
  });

  test("is refused where nobody signed it", async () => {
    await push("team/unsigned", "1");
    const [decision] = await decide([`${server.host}/team/unsigned:1`]);
    assert.equal(decision?.kind, "refused");
    assert.equal(
      reasonOf(decision),
      "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists",
    );
  });

  test("is refused where the node would refuse its digest", async () => {
    const digest = await push("team/exact", "1", "signed");
    const image = `${server.host}/team/exact:1`;
    const exact = signed({ signedIdentity: { type: "matchExact" } });
    const [decision] = await decide([image], { policy: exact });
    assert.equal(decision?.kind, "refused");
    assert.ok(reasonOf(decision).startsWith(`as ${digest.slice(0, 19)}: SignatureValidationFailed: `));
    const [other] = await decide([image], {
      policy: signed({ signedIdentity: { type: "matchRepoDigestOrExact" } }),
    });
    assert.equal(other?.kind, "allowed", reasonOf(other));
  });

  test("is refused where its tag is not the signed one, though its digest would do", async () => {
    const repository = registry.repository(`${server.host}/team/retagged`);
    const digest = await push("team/retagged", "1", "signed");
    await repository.tag(await repository.resolve(digest), "2");
    const byDigest = await decide([`${server.host}/team/retagged@${digest}`]);
    assert.equal(byDigest[0]?.kind, "allowed", reasonOf(byDigest[0]));
    const [decision] = await decide([`${server.host}/team/retagged:2`]);
    assert.equal(decision?.kind, "refused");
  });

  test("that flips between requests is what it was at the one look", async () => {
    const good = await push("team/flip", "good", "signed");
    const bad = await push("team/flip", "bad");
    const repository = registry.repository(`${server.host}/team/flip`);
    await repository.tag(await repository.resolve(good), "latest");
    const flip = server.misbehave({ path: "/team/flip/manifests/latest", flipTo: ["good", "bad"] });
    const policy = signed({ signedIdentity: { type: "matchRepository" } });
    const [decision] = await decide([`${server.host}/team/flip`], { policy });
    assert.equal(flip.met, 1);
    flip.undo();
    assert.equal(decision?.kind === "allowed" && decision.pinned, `${server.host}/team/flip@${good}`);
    assert.notEqual(good, bad);
  });
});

describe("an image by a digest", () => {
  test("is decided on once, by the digest alone", async () => {
    const digest = await push("team/digest", "1", "signed");
    const name = `${server.host}/team/digest`;
    const decisions = await decide([`${name}@${digest}`, `${name}:other@${digest}`]);
    for (const decision of decisions) {
      assert.equal(decision.kind === "allowed" && decision.pinned, `${name}@${digest}`, reasonOf(decision));
      assert.equal(decision.evaluations?.length, 1);
    }
  });

  test("that is not there, or is none, is not allowed", async () => {
    const name = `${server.host}/team/digest`;
    const decisions = await decide([
      `${name}@sha256:${"0".repeat(64)}`,
      `${name}@sha256:${"0".repeat(63)}`,
      `${name}@md5:${"0".repeat(32)}`,
      "UPPER/case:1",
      "a b",
      "",
    ]);
    assert.deepEqual(
      decisions.map(({ kind }) => kind),
      ["undecided", "refused", "refused", "refused", "refused", "refused"],
    );
    assert.equal(decisions[0]?.kind === "undecided" && decisions[0].code, "ERR_POLICY_MANIFEST");
  });
});

describe("an index", () => {
  let name = "";
  let digest = "";
  let unsigned = "";
  const policy = signed({ signedIdentity: { type: "matchRepository" } });

  before(async () => {
    const repository = registry.repository(`${server.host}/team/multi`);
    name = `${server.host}/team/multi`;
    const graphOf = (platform: typeof amd64, label: string) =>
      packImage({ platform, layers: [], config: { Labels: { label } } });
    const [first, second, third] = [graphOf(amd64, "a"), graphOf(arm64, "b"), graphOf(arm64, "c")];
    const sign = async (graph: typeof first) => {
      const { digest: of } = graph.manifest.descriptor;
      await attachSignatures(repository, of, [signImage({ reference: name, digest: of, signer: key })]);
    };
    const both = packIndex([
      { graph: first, platform: amd64 },
      { graph: second, platform: arm64 },
    ]);
    ({ digest } = await pushImage(repository, both, "1"));
    const half = packIndex([
      { graph: first, platform: amd64 },
      { graph: third, platform: arm64 },
    ]);
    ({ digest: unsigned } = await pushImage(repository, half, "half"));
    await sign(first);
    await sign(second);
  });

  test("is pinned as a whole, with each platform decided on", async () => {
    const [decision] = await decide([`${name}:1`], { policy, platforms: [amd64, arm64] });
    assert.equal(decision?.kind === "allowed" && decision.pinned, `${name}@${digest}`, reasonOf(decision));
    assert.deepEqual(
      decision?.evaluations?.map(({ platform }) => platform),
      ["linux/amd64", "linux/arm64", "linux/amd64", "linux/arm64"],
    );
  });

  test("is refused where the image of one platform is", async () => {
    assert.notEqual(unsigned, digest);
    const [decision] = await decide([`${name}:half`], { policy, platforms: [amd64, arm64] });
    assert.equal(decision?.kind, "refused");
    const podSpec = { nodeSelector: { "kubernetes.io/arch": "amd64" } };
    const [narrow] = await decide([`${name}:half`], { policy, platforms: [amd64, arm64] }, { podSpec });
    assert.equal(narrow?.kind, "allowed", reasonOf(narrow));
  });

  test("is undecided where it lacks a platform, or the selector leaves none", async () => {
    const [lacks] = await decide([`${name}:1`], {
      policy,
      platforms: [{ os: "linux", architecture: "s390x" }],
    });
    assert.equal(lacks?.kind === "undecided" && lacks.code, "ERR_POLICY_INSTANCE");
    const podSpec = { nodeSelector: { "kubernetes.io/arch": "ppc64le" } };
    const [none] = await decide([`${name}:1`], { policy }, { podSpec });
    assert.equal(none?.kind === "undecided" && none.code, "ERR_ADMISSION_PLATFORM");
  });

  test("that moves between platforms is undecided", async () => {
    const flip = server.misbehave({ path: "/team/multi/manifests/1", flipTo: ["1", "half"] });
    const [decision] = await decide([`${name}:1`], { policy, platforms: [amd64, arm64] });
    flip.undo();
    assert.notEqual(decision?.kind, "allowed");
  });
});

describe("a review", () => {
  beforeEach(async () => {
    await push("team/app", "1", "signed");
  });

  test("each different image is decided on once", async () => {
    const asked: string[] = [];
    const image = `${server.host}/team/app:1`;
    const verifier = verifierOf(signed());
    const check = createPodCheck({
      platforms: [amd64],
      verifierFor: () => ({
        evaluate(reference, options) {
          asked.push(String(typeof reference === "string" ? reference : reference.tag));
          return verifier.evaluate(reference, options);
        },
      }),
    });
    const decisions = await check(subjectOf(Array.from({ length: 100 }, () => image)), {
      signal: new AbortController().signal,
    });
    assert.equal(decisions.length, 100);
    assert.ok(decisions.every(({ kind }) => kind === "allowed"));
    assert.equal(asked.length, 2);
  });

  test("a digest that was just allowed is not asked for again for a moment, by the same verifier", async () => {
    const digest = await push("team/burst", "1", "signed");
    const name = `${server.host}/team/burst`;
    const bad = await push("team/burst-bad", "1");
    const asked: string[] = [];
    const verifierThatCounts = (): Pick<Verifier, "evaluate"> => {
      const verifier = verifierOf(signed());
      return {
        evaluate(reference, options) {
          asked.push(
            String(reference && typeof reference === "object" ? (reference.tag ?? "digest") : reference),
          );
          return verifier.evaluate(reference, options);
        },
      };
    };
    let verifier = verifierThatCounts();
    const images = [`${name}@${digest}`, `${name}:1`, `${server.host}/team/burst-bad@${bad}`];
    const ask = async (check: ReturnType<typeof createPodCheck>) => {
      asked.length = 0;
      const decisions = await check(subjectOf(images), { signal: new AbortController().signal });
      assert.deepEqual(
        decisions.map(({ kind }) => kind),
        ["allowed", "allowed", "refused"],
      );
      return asked.toSorted();
    };
    const check = createPodCheck({ verifierFor: () => verifier, platforms: [amd64], holdMs: 60_000 });
    assert.deepEqual(await ask(check), ["1", "digest", "digest", "digest"]);
    // The tag is looked at each time, and so is what was refused.
    assert.deepEqual(await ask(check), ["1", "digest", "digest"]);
    verifier = verifierThatCounts();
    assert.deepEqual(await ask(check), ["1", "digest", "digest", "digest"]);
    const never = createPodCheck({ verifierFor: () => verifier, platforms: [amd64], holdMs: 0 });
    assert.deepEqual(await ask(never), ["1", "digest", "digest", "digest"]);
    assert.deepEqual(await ask(never), ["1", "digest", "digest", "digest"]);
    const brief = createPodCheck({ verifierFor: () => verifier, platforms: [amd64], holdMs: 1 });
    await ask(brief);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(await ask(brief), ["1", "digest", "digest", "digest"]);
    assert.throws(
      () => createPodCheck({ verifierFor: () => verifier, platforms: [amd64], holdMs: -1 }),
      RangeError,
    );
  });

  test("a clock that jumps neither allows nor hangs, and decides as before once it is right again", async (t) => {
    const image = `${server.host}/team/app:1`;
    let time = Date.now();
    const now = () => time;
    t.mock.method(Date, "now", now);
    const verifier = createVerifier(signed(), {
      source: rememberContent(registry),
      signatureSources: [sigstoreAttachments()],
      now,
    });
    const check = createPodCheck({ verifierFor: () => verifier, platforms: [amd64] });
    const bad = `${server.host}/team/clock-unsigned:1`;
    await push("team/clock-unsigned", "1");
    const year = 365 * 24 * 3600 * 1000;
    for (const jump of [0, 50 * year, -100 * year, 50 * year, Number.NaN, 0]) {
      time = Number.isNaN(jump) ? jump : (Number.isNaN(time) ? 1.8e12 : time) + jump;
      const { response } = await reviewAdmission(review({ spec: podSpec(image, bad) }), { check });
      assert.equal(response.allowed, false);
      assert.match(response.status?.message ?? "", /clock-unsigned/);
    }
    const { response } = await reviewAdmission(review({ spec: podSpec(image) }), { check });
    assert.equal(response.allowed, true);
  });

  test("so many at a time, and no more than so many", async () => {
    let running = 0;
    let most = 0;
    const evaluate: Verifier["evaluate"] = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      throw new Error("no");
    };
    const images = Array.from({ length: 30 }, (_, index) => `registry.example/app:${index}`);
    const verifierFor = () => ({ evaluate });
    const decisions = await decide(images, { verifierFor, concurrency: 4 });
    assert.equal(most, 4);
    assert.ok(decisions.every(({ kind }) => kind === "undecided"));
    const tooMany = await decide(images, { verifierFor, maxImages: 29 });
    assert.ok(tooMany.every((each) => each.kind === "refused" && each.image !== ""));
    assert.equal(tooMany.length, 30);
  });

  test("the policy is that of the request's namespace", async () => {
    const image = `${server.host}/team/unsigned:1`;
    await push("team/unsigned", "1");
    const strict = verifierOf(signed());
    const loose = verifierOf(parsePolicy('{"default":[{"type":"insecureAcceptAnything"}]}'));
    const seen: string[] = [];
    const check = createPodCheck({
      platforms: [amd64],
      verifierFor: async (namespace) => {
        seen.push(namespace);
        return namespace === "sandbox" ? loose : strict;
      },
    });
    const allowedIn = async (namespace: string, object: object = {}) => {
      const sample = review({ spec: podSpec(image), namespace, object });
      return (await reviewAdmission(sample, { check })).response.allowed;
    };
    assert.equal(await allowedIn("sandbox"), true);
    assert.equal(await allowedIn("team"), false);
    // What the object says does not count, and may not differ.
    assert.equal(await allowedIn("team", { metadata: { namespace: "sandbox" } }), false);
    assert.deepEqual(seen, ["sandbox", "team"]);
  });

  test("without a policy, or a verifier that works, nothing is decided", async () => {
    const image = `${server.host}/team/app:1`;
    const faulty: PodCheckOptions["verifierFor"][] = [
      () => {
        throw new Error("no trust root");
      },
      () => Promise.reject(new Error("no trust root")),
      () => undefined as never,
      () => ({ evaluate: async () => undefined as never }),
      () => ({ evaluate: async () => ({ kind: "allowed" }) as never }),
      () => ({ evaluate: async () => ({ kind: "allowed", reference: image }) as never }),
      () => ({ evaluate: async (reference) => ({ kind: "maybe", reference, scope: {} }) as never }),
    ];
    for (const verifierFor of faulty) {
      const check = createPodCheck({ verifierFor, platforms: [amd64] });
      const { response } = await reviewAdmission(review({ spec: podSpec(image) }), { check });
      assert.equal(response.allowed, false);
    }
  });

  test("a short name is completed as the nodes do", async () => {
    const complete = (image: string) => (image.includes("/") ? image : `${server.host}/team/${image}`);
    const [decision] = await decide(["app:1"], { complete });
    assert.equal(decision?.kind, "allowed", reasonOf(decision));
    assert.match(decision?.kind === "allowed" ? decision.pinned : "", /\/team\/app@sha256:/);
    const [failed] = await decide(["app:1"], {
      complete: () => {
        throw new Error("no");
      },
    });
    assert.equal(failed?.kind, "undecided");
  });

  test("options that decide on nothing are refused", () => {
    const verifierFor = () => verifierOf(signed());
    assert.throws(() => createPodCheck({ verifierFor, platforms: [] }), RangeError);
    assert.throws(() => createPodCheck({ verifierFor, platforms: [amd64], concurrency: 0 }), RangeError);
    assert.throws(() => createPodCheck({ verifierFor, platforms: [amd64], maxImages: 0.5 }), RangeError);
    assert.throws(() => createPodCheck({ verifierFor: undefined as never, platforms: [amd64] }), TypeError);
  });
});

describe("a registry that does not do what it must", () => {
  test("stalls: what was decided counts, the rest is undecided, and nothing runs on", async () => {
    await push("team/fast", "1", "signed");
    await push("team/slow", "1", "signed");
    const stall = server.misbehave({ path: "/team/slow/", never: true });
    const check = createPodCheck({ verifierFor: () => verifierOf(signed()), platforms: [amd64] });
    const sample = review({ spec: podSpec(`${server.host}/team/fast:1`, `${server.host}/team/slow:1`) });
    const began = performance.now();
    const { response } = await reviewAdmission(sample, { check, timeoutMs: 700 });
    const took = performance.now() - began;
    stall.undo();
    assert.ok(took < 2000, `${took}`);
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 504);
    const trace = JSON.parse(response.auditAnnotations?.["images"] ?? "") as {
      images: { decision: string }[];
    };
    assert.deepEqual(
      trace.images.map(({ decision }) => decision),
      ["undecided", "allowed"],
    );
  });

  test("fails, resets, or lies: undecided, with the code", async () => {
    await push("team/faulty", "1", "signed");
    for (const wrong of [
      { status: 503 },
      { status: 401 },
      { disconnect: "reset" },
      { body: "{}" },
      { corruptAt: 20 },
      { path: /sig$/, status: 500 },
      { path: /\/blobs\//, status: 404 },
    ] as const) {
      const misbehaviour = server.misbehave({ path: "/team/faulty/", ...wrong });
      const source = registry;
      const verifier = createVerifier(signed(), { source, signatureSources: [sigstoreAttachments()] });
      const check = createPodCheck({ verifierFor: () => verifier, platforms: [amd64] });
      const [decision] = await check(subjectOf([`${server.host}/team/faulty:1`]), {
        signal: AbortSignal.timeout(1500),
      });
      misbehaviour.undo();
      assert.equal(decision?.kind, "undecided", JSON.stringify(wrong));
    }
  });

  test("an abort leaves everything undecided, at once", async () => {
    const [decision] = await decide([`${server.host}/team/app:1`], {}, {}, AbortSignal.timeout(0)).catch(
      (error: Error) => [error],
    );
    assert.ok(decision instanceof Error || decision?.kind === "undecided");
  });
});

describe("rememberContent", () => {
  test("content by digest is read once a repository; tags each time", async () => {
    const digest = await push("team/kept", "1", "signed");
    await push("other/kept", "1");
    const store = rememberContent(registry).repository(`${server.host}/team/kept`);
    const from = server.requests.length;
    const first = await store.readManifest("1");
    const second = await store.readManifest(digest);
    assert.equal(server.requests.length - from, 1);
    assert.deepEqual(second.descriptor, first.descriptor);
    assert.ok(Buffer.from(first.bytes).equals(second.bytes));
    second.bytes.fill(0);
    assert.ok(Buffer.from(first.bytes).equals((await store.readManifest(digest)).bytes));
    await store.readManifest("1");
    assert.equal(server.requests.length - from, 2);
    const elsewhere = rememberContent(registry).repository(`${server.host}/other/kept`);
    await assert.rejects(elsewhere.readManifest(digest));
  });

  test("a blob is no manifest, whatever was read of it", async () => {
    const repository = registry.repository(`${server.host}/team/blob`);
    const content = Buffer.from('{"schemaVersion":2}');
    const { descriptor } = packImage({ platform: amd64, layers: [] }).manifest;
    const { digestOf } = await import("../../src/core/digest.ts");
    const blob = { mediaType: descriptor.mediaType, digest: digestOf(content), size: content.byteLength };
    await repository.push({ ...blob, mediaType: "application/octet-stream" }, content);
    const source = rememberContent({ repository: () => ({ ...repository, fetch: () => streamOf(content) }) });
    const store = source.repository(`${server.host}/team/blob`);
    for await (const _ of store.fetch(blob)) {
      // Read to the end, so that it is kept.
    }
    await assert.rejects(store.readManifest(blob.digest));
  });

  test("no more is kept than there is room for, and what fails is not kept", async () => {
    const content = Buffer.alloc(100, 1);
    let reads = 0;
    let fails = true;
    const source = rememberContent(
      {
        repository: () => ({
          resolve: () => Promise.reject(new Error("no")),
          async *fetch() {
            reads++;
            yield content.subarray(0, 50);
            if (fails) throw new Error("cut");
            yield content.subarray(50);
          },
        }),
      },
      { maxBytes: 250, maxContentBytes: 100 },
    );
    const store = source.repository("registry.example/a");
    const read = async (name: string, size = 100) => {
      const digest = `sha256:${name.repeat(64)}` as Parameters<typeof store.fetch>[0]["digest"];
      const chunks: Uint8Array[] = [];
      for await (const chunk of store.fetch({ mediaType: "a/b", digest, size })) chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    await assert.rejects(read("a"), /cut/);
    fails = false;
    assert.deepEqual(await read("a"), content);
    await read("a");
    assert.equal(reads, 2);
    await read("b");
    await read("c");
    await read("b");
    assert.equal(reads, 4);
    await read("a");
    assert.equal(reads, 5);
    await read("d", 101);
    await read("d", 101);
    assert.equal(reads, 7);
    assert.throws(() => rememberContent({ repository: () => store }, { maxBytes: -1 }), RangeError);
  });
});

async function* streamOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
