/** Verdicts that are kept and shared: who asks the registry and reads files, when, and what is believed. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import type { Digest } from "../../src/core/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { type MemoryStore, memoryStore } from "../../src/oci/memory-store.ts";
import type { ReadStore } from "../../src/oci/store.ts";
import { memoryVerdictCache } from "../../src/policy/cache/memory-cache.ts";
import { type RefusedEntry, sealedVerdictCache } from "../../src/policy/cache/sealed-cache.ts";
import type { CacheEvent, VerdictCache } from "../../src/policy/cache/verdict-cache.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { sigstoreAttachments } from "../../src/policy/sources/attachments.ts";
import type { ReadPolicyFile } from "../../src/policy/trust-files.ts";
import { createVerifier, type Verifier, type VerifierOptions } from "../../src/policy/verifier.ts";
import { createAuthorities } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../../src/testing/certificates.ts";
import { attachSignatures, signImage } from "../../src/testing/signatures.ts";
import { base64 } from "../unit/policy/decide.ts";
import { pushImage, pushIndex } from "../unit/policy/images.ts";

const NAME = "quay.example/team/app";
const NOW = Date.UTC(2026, 5, 1);
const MINUTE = 60_000;
const key = mintKey();

interface World {
  store: MemoryStore;
  digest: Digest;
  /** What was asked of the store, in order. */
  asked: string[];
  /** What was read, in order. */
  reads: string[];
  files: Record<string, string>;
  clock: { at: number };
  events: CacheEvent[];
  /** Awaited before each answer of the store. */
  gate: { before(what: string, signal: AbortSignal | undefined): Promise<void> | void };
  verifier(policy?: object, options?: Partial<VerifierOptions>): Verifier;
}

/** A store with a signed image, and verifiers whose every effect is seen. */
async function makeWorld({ signed = true } = {}): Promise<World> {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  if (signed) await sign(store, digest);
  const world: World = {
    store,
    digest,
    asked: [],
    reads: [],
    files: { "/key.pem": publicKeyPem(key) },
    clock: { at: NOW },
    events: [],
    gate: { before: () => {} },
    verifier(policy = requirement(), { cache, ...options } = {}) {
      return createVerifier(parsePolicy(JSON.stringify({ default: [policy] })), {
        source,
        signatureSources: [sigstoreAttachments()],
        readFile: readFrom(world),
        now: () => world.clock.at,
        cache: cache === false ? false : { onEvent: (event) => world.events.push(event), ...cache },
        ...options,
      });
    },
  };
  const watched: ReadStore = {
    async resolve(name, options) {
      world.asked.push(`resolve ${name}`);
      await world.gate.before("resolve", options?.signal);
      return store.resolve(name, options);
    },
    async *fetch(descriptor, options) {
      world.asked.push(`fetch ${descriptor.digest}`);
      await world.gate.before("fetch", options?.signal);
      yield* store.fetch(descriptor, options);
    },
  };
  const source = { repository: () => watched };
  return world;
}

function readFrom(world: World): ReadPolicyFile {
  return async (path) => {
    world.reads.push(path);
    await world.gate.before("read", undefined);
    const text = world.files[path];
    if (text === undefined) throw new Error(`no such file: ${path}`);
    return Buffer.from(text);
  };
}

function requirement(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "sigstoreSigned",
    keyPath: "/key.pem",
    signedIdentity: { type: "matchRepository" },
    ...change,
  };
}

async function sign(store: MemoryStore, digest: Digest, signer = key): Promise<void> {
  await attachSignatures(store, digest, [signImage({ reference: NAME, digest, signer })]);
}

function kinds(world: World): string[] {
  return world.events.map(({ kind }) => kind);
}

test("a warm decision by digest takes no look at anything", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  const reference = `${NAME}@${world.digest}`;
  const first = await verifier.evaluate(reference);
  assert.equal(first.kind, "allowed");
  world.asked.length = 0;
  world.reads.length = 0;
  world.clock.at += 5000;
  assert.equal(await verifier.evaluate(reference), first);
  assert.deepEqual([world.asked, world.reads], [[], []]);
  assert.deepEqual(kinds(world), ["miss", "hit"]);
  assert.deepEqual(world.events[1], { kind: "hit", reference, digest: world.digest });
  assert.equal(first.decidedAt, NOW / 1000);
});

test("a tag is resolved each time, and the verdict is about what it names", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  const first = await verifier.evaluate(`${NAME}:1`);
  world.asked.length = 0;
  assert.equal(await verifier.evaluate(`${NAME}:1`), first);
  assert.deepEqual(world.asked, ["resolve 1"]);
  const evil = await pushImage(world.store, "1", "evil");
  const second = await verifier.evaluate(`${NAME}:1`);
  assert.equal(second.kind, "rejected");
  assert.equal(second.digest, evil.digest);
});

test("CVE-2022-47633: an entry of another tag, repository or platform is not used", async () => {
  const world = await makeWorld();
  const signature = (reference: string) => signImage({ reference, digest: world.digest, signer: key });
  await attachSignatures(world.store, world.digest, [signature(`${NAME}:1`)]);
  await world.store.tag(await world.store.resolve("1"), "2");
  const verifier = world.verifier(requirement({ signedIdentity: { type: "matchExact" } }));
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
  assert.equal((await verifier.evaluate(`${NAME}:2`)).kind, "rejected");
  assert.equal((await verifier.evaluate(`${NAME}@${world.digest}`)).kind, "rejected");
  assert.equal((await verifier.evaluate(`other.example/team/app:1`)).kind, "rejected");
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
});

test("of an index each platform is decided on by itself", async () => {
  const world = await makeWorld();
  const [amd64, arm64] = [
    await pushImage(world.store, undefined, "amd64"),
    await pushImage(world.store, undefined, "arm64"),
  ];
  const index = await pushIndex(world.store, "multi", [
    { ...amd64, platform: { os: "linux", architecture: "amd64" } },
    { ...arm64, platform: { os: "linux", architecture: "arm64" } },
  ]);
  await sign(world.store, amd64.digest);
  const verifier = world.verifier();
  const evaluate = (architecture: string) =>
    verifier.evaluate(`${NAME}@${index.digest}`, { platform: { os: "linux", architecture } });
  for (let turn = 0; turn < 2; turn++) {
    const good = await evaluate("amd64");
    assert.deepEqual([good.kind, good.digest, good.indexDigest], ["allowed", amd64.digest, index.digest]);
    const bad = await evaluate("arm64");
    assert.deepEqual([bad.kind, bad.digest, bad.indexDigest], ["rejected", arm64.digest, index.digest]);
    const chosen = { instanceDigest: arm64.digest };
    assert.equal((await verifier.evaluate(`${NAME}@${index.digest}`, chosen)).kind, "rejected");
  }
  assert.deepEqual(kinds(world), ["miss", "miss", "miss", "hit", "hit", "hit"]);
  await assert.rejects(verifier.evaluate(`${NAME}@${index.digest}`), PolicyError);
});

test("a thousand who ask for one digest at once: one verification, one set of requests", async () => {
  for (const reference of [`${NAME}:1`, "digest"]) {
    const world = await makeWorld();
    const alone = world.verifier(requirement(), { cache: false });
    const asked = reference === "digest" ? `${NAME}@${world.digest}` : reference;
    await alone.evaluate(asked);
    const requests = [...world.asked];
    world.asked.length = 0;
    world.reads.length = 0;
    for (const cache of [undefined, false] as const) {
      const verifier = world.verifier(requirement(), { cache });
      const all = await Promise.all(Array.from({ length: 1000 }, () => verifier.evaluate(asked)));
      assert.equal(new Set(all).size, 1);
      assert.equal(all[0]?.kind, "allowed");
      assert.deepEqual(world.asked, requests);
      assert.deepEqual(world.reads, ["/key.pem"]);
      world.asked.length = 0;
      world.reads.length = 0;
    }
    assert.deepEqual(kinds(world), ["miss"]);
  }
});

test("who asks later than a tag was resolved has it resolved again", async () => {
  const world = await makeWorld();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.gate.before = (what) => (what === "fetch" ? held : undefined);
  const verifier = world.verifier();
  const first = verifier.evaluate(`${NAME}:1`);
  await turn();
  const evil = await pushImage(world.store, "1", "evil");
  const second = verifier.evaluate(`${NAME}:1`);
  await turn();
  release();
  assert.equal((await first).digest, world.digest);
  assert.equal((await second).digest, evil.digest);
});

test("the abort of one ends its own wait, and that of the last ends the work", async () => {
  for (const reference of [`${NAME}:1`, "digest"]) {
    const world = await makeWorld();
    const asked = reference === "digest" ? `${NAME}@${world.digest}` : reference;
    const signals: AbortSignal[] = [];
    world.gate.before = (what, signal) => {
      if (what !== "fetch" || !signal) return undefined;
      signals.push(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const verifier = world.verifier();
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const waits = controllers.map(({ signal }) => verifier.evaluate(asked, { signal }));
    const outcomes = waits.map((wait) =>
      wait.then(
        () => "verdict",
        (error: unknown) => error,
      ),
    );
    while (signals.length === 0) await turn();
    assert.equal(signals.length, 1);
    controllers[0]?.abort("first");
    assert.equal(await outcomes[0], "first");
    assert.equal(signals[0]?.aborted, false);
    controllers[1]?.abort("second");
    assert.equal(await outcomes[1], "second");
    assert.equal(signals[0]?.aborted, false);
    controllers[2]?.abort("third");
    assert.equal(await outcomes[2], "third");
    assert.equal(signals[0]?.aborted, true);
    // Nobody joins the work that was ended.
    world.gate.before = () => {};
    assert.equal((await verifier.evaluate(asked)).kind, "allowed");
  }
});

test("who stays gets the verdict, whoever leaves", async () => {
  const world = await makeWorld();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.gate.before = (what) => (what === "read" ? held : undefined);
  const verifier = world.verifier();
  const controller = new AbortController();
  const leaves = verifier.evaluate(`${NAME}:1`, { signal: controller.signal });
  const stays = verifier.evaluate(`${NAME}:1`);
  while (world.reads.length === 0) await turn();
  controller.abort("gone");
  await assert.rejects(leaves, (error) => error === "gone");
  release();
  assert.equal((await stays).kind, "allowed");
  assert.deepEqual(world.reads, ["/key.pem"]);
});

test("a file is read for the first signature that needs it, and once", async () => {
  const world = await makeWorld({ signed: false });
  world.files["/log.pem"] = createAuthorities().logPublicKeyPem;
  const verifier = world.verifier(requirement({ rekorPublicKeyPath: "/log.pem" }), { cache: false });
  const unsigned = await verifier.evaluate(`${NAME}:1`);
  assert.equal(
    unsigned.kind === "rejected" && unsigned.reason,
    "A signature was required, but no signature exists",
  );
  assert.deepEqual(world.reads, []);
  const signature = signImage({ reference: NAME, digest: world.digest, signer: key });
  await attachSignatures(world.store, world.digest, [signature, signature, signature]);
  const images = await Promise.all([1, 2, 3].map((n) => pushImage(world.store, `n${n}`, `${n}`)));
  for (const { digest } of images) await sign(world.store, digest);
  await Promise.all(["1", "n1", "n2", "n3"].map((tag) => verifier.evaluate(`${NAME}:${tag}`)));
  await verifier.evaluate(`${NAME}:n1`);
  assert.deepEqual(world.reads, ["/key.pem", "/log.pem"]);
});

test("files of a requirement that is not reached are not read", async () => {
  const world = await makeWorld();
  const policy = parsePolicy(
    JSON.stringify({
      default: [requirement({ keyPath: "/missing.pem" }), requirement({ keyPath: "/key.pem" })],
    }),
  );
  const verifier = createVerifier(policy, {
    source: { repository: () => world.store },
    signatureSources: [sigstoreAttachments()],
    readFile: readFrom(world),
  });
  const verdict = await verifier.evaluate(`${NAME}:1`);
  assert.equal(
    verdict.kind === "rejected" && verdict.reason,
    "reading /missing.pem: no such file: /missing.pem",
  );
  assert.deepEqual(world.reads, ["/missing.pem"]);
});

test("a file that cannot be read rejects, is not kept, and is tried again", async () => {
  const world = await makeWorld();
  const good = world.files["/key.pem"] ?? "";
  delete world.files["/key.pem"];
  const verifier = world.verifier();
  for (let turn = 1; turn <= 2; turn++) {
    const verdict = await verifier.evaluate(`${NAME}:1`);
    assert.equal(verdict.kind === "rejected" && verdict.errorClass, "other");
    assert.equal(world.reads.length, turn);
  }
  world.files["/key.pem"] = good;
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
  assert.deepEqual(kinds(world), ["miss", "miss", "miss"]);
});

test("keys that were rotated count after reload(), and what rested on the old ones does not", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
  const successor = mintKey();
  world.files["/key.pem"] = publicKeyPem(successor);
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
  verifier.reload();
  const rejected = await verifier.evaluate(`${NAME}:1`);
  assert.equal(rejected.kind === "rejected" && rejected.errorClass, "invalid-signature");
  assert.deepEqual(world.reads, ["/key.pem", "/key.pem"]);
  await sign(world.store, world.digest, successor);
  world.clock.at += 6000;
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
  // And back: under a reference that nothing was kept for, the old key does not fit the new signature.
  world.files["/key.pem"] = publicKeyPem(key);
  verifier.reload();
  const before = world.asked.length;
  assert.equal((await verifier.evaluate(`${NAME}@${world.digest}`)).kind, "rejected");
  assert.ok(world.asked.length > before);
});

test("who asks after reload() does not join work with the old files", async () => {
  const world = await makeWorld();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const verifier = world.verifier();
  world.gate.before = (what) => (what === "read" && world.reads.length === 1 ? held : undefined);
  const first = verifier.evaluate(`${NAME}:1`);
  while (world.reads.length === 0) await turn();
  world.files["/key.pem"] = publicKeyPem(mintKey());
  verifier.reload();
  const second = verifier.evaluate(`${NAME}:1`);
  assert.equal((await second).kind, "rejected");
  world.files["/key.pem"] = publicKeyPem(key);
  release();
  assert.equal((await first).kind, "allowed");
});

test("refusals are kept for seconds, allowed images for minutes", async () => {
  const world = await makeWorld({ signed: false });
  const verifier = world.verifier();
  const reference = `${NAME}@${world.digest}`;
  assert.equal((await verifier.evaluate(reference)).kind, "rejected");
  await sign(world.store, world.digest);
  world.clock.at += 4999;
  assert.equal((await verifier.evaluate(reference)).kind, "rejected");
  world.clock.at += 1;
  assert.equal((await verifier.evaluate(reference)).kind, "allowed");
  world.clock.at += 10 * MINUTE - 1;
  world.asked.length = 0;
  assert.equal((await verifier.evaluate(reference)).kind, "allowed");
  assert.deepEqual(world.asked, []);
  world.clock.at += 1;
  await verifier.evaluate(reference);
  assert.notDeepEqual(world.asked, []);
});

test("no verdict outlives the certificate that it rests on", async () => {
  const world = await makeWorld({ signed: false });
  const authorities = createAuthorities({ now: () => NOW });
  const signer = authorities.issue("dev@example.com", { notAfter: NOW + MINUTE });
  await attachSignatures(world.store, world.digest, [
    signImage({ reference: NAME, digest: world.digest, signer }),
  ]);
  const pki = { caRootsData: base64(authorities.rootPem), subjectEmail: "dev@example.com" };
  const memory = memoryVerdictCache();
  const ttls: number[] = [];
  const store: VerdictCache = {
    ...memory,
    set(name, entry, options) {
      ttls.push(options.ttlMs, entry.expiresAt - NOW);
      return memory.set(name, entry, options);
    },
  };
  const verifier = world.verifier(
    { type: "sigstoreSigned", pki, signedIdentity: { type: "matchRepository" } },
    { cache: { store } },
  );
  const reference = `${NAME}@${world.digest}`;
  const verdict = await verifier.evaluate(reference);
  assert.deepEqual(ttls, [MINUTE, MINUTE]);
  assert.equal(verdict.kind === "allowed" && verdict.validUntil, (NOW + MINUTE) / 1000);
  world.clock.at = NOW + MINUTE - 1;
  assert.equal(await verifier.evaluate(reference), verdict);
  world.clock.at = NOW + MINUTE + 1;
  const after = await verifier.evaluate(reference);
  assert.equal(after.kind, "rejected");
  assert.match(after.kind === "rejected" ? after.reason : "", /has expired/);
});

test("what was decided before the clock was turned back is decided again", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  const reference = `${NAME}@${world.digest}`;
  await verifier.evaluate(reference);
  world.clock.at -= 1;
  const again = await verifier.evaluate(reference);
  assert.equal(again.decidedAt, (NOW - 1) / 1000);
  assert.deepEqual(kinds(world), ["miss", "miss"]);
});

test("a clock that is turned back does not make an entry last", async () => {
  const world = await makeWorld();
  const monotonic = { at: 0 };
  const store = memoryVerdictCache({ monotonic: () => monotonic.at });
  const verifier = world.verifier(requirement(), { cache: { store } });
  const reference = `${NAME}@${world.digest}`;
  const first = await verifier.evaluate(reference);
  for (let minute = 0; minute < 9; minute++) {
    world.clock.at += MINUTE;
    monotonic.at += MINUTE;
    world.clock.at = NOW;
    assert.equal(await verifier.evaluate(reference), first);
  }
  monotonic.at += MINUTE;
  assert.notEqual(await verifier.evaluate(reference), first);
});

test("what could not be decided is not kept", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  const failure = new OciError("ERR_OCI_NETWORK", "reset");
  for (const at of [1, 2, 3, 4, 5]) {
    let calls = 0;
    world.gate.before = (what) => {
      if (what !== "read" && ++calls === at) throw failure;
    };
    await assert.rejects(verifier.evaluate(`${NAME}:1`), PolicyError);
  }
  world.gate.before = () => {};
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
  assert.ok(kinds(world).every((kind) => kind === "miss"));
});

test("a failure is everyone's who waits, and nobody's who asks afterwards", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  world.gate.before = () => {
    throw new OciError("ERR_OCI_NETWORK", "reset");
  };
  const all = await Promise.allSettled(Array.from({ length: 10 }, () => verifier.evaluate(`${NAME}:1`)));
  assert.ok(all.every(({ status }) => status === "rejected"));
  assert.equal(world.asked.length, 1);
  world.gate.before = () => {};
  assert.equal((await verifier.evaluate(`${NAME}:1`)).kind, "allowed");
});

test("a verdict cannot be changed by who gets it", async () => {
  const world = await makeWorld();
  const verifier = world.verifier();
  const verdict = await verifier.evaluate(`${NAME}:1`);
  assert.throws(() => Object.assign(verdict, { kind: "rejected" }), TypeError);
  assert.throws(() => (verdict.requirements as unknown[]).pop(), TypeError);
  assert.throws(() => Object.assign(verdict.requirements[0]?.signatures[0] ?? {}, { kind: "x" }), TypeError);
  const lookedAt = verdict.sources[0]?.lookedAt as unknown[];
  assert.throws(() => lookedAt.push(1), TypeError);
});

test("verifiers share a cache where all that decides is the same", async () => {
  const world = await makeWorld();
  const store = memoryVerdictCache();
  const shared = { cache: { store } };
  const reference = `${NAME}@${world.digest}`;
  const first = await world.verifier(requirement(), shared).evaluate(reference);
  assert.equal(await world.verifier(requirement(), shared).evaluate(reference), first);
  const others: [policy: Record<string, unknown>, options: Partial<VerifierOptions>][] = [
    [requirement({ signedIdentity: { type: "exactRepository", dockerRepository: NAME } }), {}],
    [requirement({ keyPath: undefined, keyPaths: ["/key.pem"] }), {}],
    [requirement(), { requireSignatureVerification: true }],
    [requirement(), { signatureSources: [sigstoreAttachments(), sigstoreAttachments()] }],
    [requirement(), { source: { repository: () => world.store } }],
    [requirement(), { cache: { store, scope: "elsewhere" } }],
    [requirement(), { readFile: async () => Buffer.from(publicKeyPem(mintKey())) }],
  ];
  for (const [policy, options] of others) {
    assert.notEqual(await world.verifier(policy, { ...shared, ...options }).evaluate(reference), first);
  }
});

test("a shared store: a second process needs no request, and reads files only for what was signed", async () => {
  const world = await makeWorld();
  const fleet = fleetOf(world);
  const reference = `${NAME}@${world.digest}`;
  const first = await fleet.verifier().evaluate(reference);
  world.asked.length = 0;
  world.reads.length = 0;
  const second = await fleet.verifier().evaluate(reference);
  assert.deepEqual(second, first);
  assert.deepEqual([world.asked, world.reads], [[], ["/key.pem"]]);
  assert.throws(() => Object.assign(second, { kind: "rejected" }), TypeError);
  // The same files by name, with another key in them.
  world.files["/key.pem"] = publicKeyPem(mintKey());
  assert.equal((await fleet.verifier().evaluate(reference)).kind, "rejected");
  delete world.files["/key.pem"];
  const without = await fleet.verifier().evaluate(reference);
  assert.equal(without.kind === "rejected" && without.errorClass, "other");
  const unsigned = await makeWorld({ signed: false });
  const other = fleetOf(unsigned);
  for (let process = 0; process < 2; process++) {
    assert.equal((await other.verifier().evaluate(`${NAME}:1`)).kind, "rejected");
  }
  assert.deepEqual(unsigned.reads, []);
  assert.deepEqual(kinds(unsigned), ["miss", "hit"]);
});

test("who writes to the shared store cannot make an image allowed", async () => {
  const world = await makeWorld({ signed: false });
  const good = await pushImage(world.store, "good", "good");
  await sign(world.store, good.digest);
  const fleet = fleetOf(world);
  const allowed = await fleet.verifier().evaluate(`${NAME}@${good.digest}`);
  assert.equal(allowed.kind, "allowed");
  const forged = `${NAME}@${world.digest}`;
  assert.equal((await fleet.verifier().evaluate(forged)).kind, "rejected");
  const texts = [...fleet.texts.values()];
  const rejectedKeys = [...fleet.texts]
    .filter(([, text]) => text.includes('"rejected"'))
    .map(([name]) => name);
  assert.equal(rejectedKeys.length, 1);
  const attacks = [
    // Another image's entry, as it is and made to fit.
    ...texts,
    ...texts.map((text) => text.replaceAll(good.digest, world.digest)),
    ...texts.map((text) => text.replace('"rejected"', '"allowed"')),
    // A text without a seal, or with one that anyone can make.
    JSON.stringify({
      kind: "verdict",
      verdict: allowedText(allowed, world.digest),
      storedAt: NOW,
      expiresAt: NOW + MINUTE,
    }),
    `${"A".repeat(43)}.${JSON.stringify({ kind: "verdict", verdict: allowedText(allowed, world.digest), storedAt: NOW, expiresAt: NOW + MINUTE })}`,
    ...texts.map((text) => text.slice(0, -1)),
    "",
  ];
  for (const attack of attacks) {
    if (attack === fleet.texts.get(rejectedKeys[0] ?? "")) continue;
    for (const name of rejectedKeys) fleet.texts.set(name, attack);
    const before = fleet.refused.length;
    assert.equal((await fleet.verifier().evaluate(forged)).kind, "rejected");
    assert.equal(fleet.refused.length, before + 1, attack.slice(0, 80));
  }
});

function allowedText(verdict: object, digest: Digest): object {
  return JSON.parse(
    JSON.stringify({ ...verdict, digest, reference: `${NAME}@${digest}` }, (_, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    ),
  ) as object;
}

test("an old entry that is put back counts no longer than it would have", async () => {
  const world = await makeWorld();
  const fleet = fleetOf(world);
  const reference = `${NAME}@${world.digest}`;
  await fleet.verifier().evaluate(reference);
  const old = new Map(fleet.texts);
  world.clock.at += 10 * MINUTE;
  await attachSignatures(world.store, world.digest, []);
  for (const [name, text] of old) fleet.texts.set(name, text);
  assert.equal((await fleet.verifier().evaluate(reference)).kind, "rejected");
  world.clock.at = NOW - 1;
  for (const [name, text] of old) fleet.texts.set(name, text);
  assert.equal((await fleet.verifier().evaluate(reference)).kind, "rejected", "the clock was turned back");
});

/** Processes of a fleet with one store of texts. */
function fleetOf(world: World) {
  const texts = new Map<string, string>();
  const refused: RefusedEntry[] = [];
  const secrets = [randomBytes(32)] as const;
  const verifier = () => {
    const store = sealedVerdictCache(texts, {
      secrets: [...secrets],
      onRefused: (entry) => refused.push(entry),
    });
    return world.verifier(requirement(), { cache: { store, scope: "fleet" } });
  };
  return { texts, refused, verifier };
}

test("a cache that fails, stalls or lies in its own way costs time, not verdicts", async () => {
  const world = await makeWorld();
  const failure = new Error("connection lost");
  const stalled = () => new Promise<never>(() => {});
  const caches: [cache: VerdictCache, events: string[]][] = [
    [
      { get: () => Promise.reject(failure), set: () => Promise.reject(failure), delete: () => {} },
      ["failed", "miss", "failed", "failed"],
    ],
    [
      { get: throwing(failure), set: throwing(failure), delete: () => {} },
      ["failed", "miss", "failed", "failed"],
    ],
    [{ get: stalled, set: stalled, delete: () => {} }, ["failed", "miss"]],
  ];
  for (const [store, events] of caches) {
    world.events.length = 0;
    const verifier = world.verifier(requirement(), { cache: { store, maxWaitMs: 10 } });
    assert.equal((await verifier.evaluate(`${NAME}@${world.digest}`)).kind, "allowed");
    await turn();
    assert.deepEqual(kinds(world), events);
  }
});

test("what a cache of the caller's gives for another image, or in another shape, is not used", async () => {
  const world = await makeWorld();
  const other = await pushImage(world.store, "2", "other");
  const times = { storedAt: NOW, expiresAt: NOW + MINUTE };
  const good = await world.verifier().evaluate(`${NAME}@${world.digest}`);
  const answers: unknown[] = [
    { kind: "verdict", verdict: good, ...times },
    { kind: "verdict", verdict: { ...good, digest: other.digest }, ...times },
    { kind: "verdict", verdict: { ...good, reference: `${NAME}@${other.digest}` }, ...times },
    { kind: "verdict", verdict: {}, ...times },
    { kind: "verdict", ...times },
    { kind: "verdict", verdict: good },
    { kind: "verdict", verdict: good, storedAt: Number.NaN, expiresAt: Number.POSITIVE_INFINITY },
    { kind: "files", ...times },
    { kind: "files", paths: [1], ...times },
    { kind: "files", paths: [], ...times },
    { kind: "allowed" },
    "allowed",
    true,
    null,
  ];
  for (const answer of answers) {
    const store: VerdictCache = { get: () => answer as undefined, set: () => {}, delete: () => {} };
    const verdict = await world
      .verifier(requirement(), { cache: { store } })
      .evaluate(`${NAME}@${other.digest}`);
    assert.equal(verdict.kind, "rejected", JSON.stringify(answer));
    assert.equal(verdict.digest, other.digest);
  }
});

test("an abort while the cache is asked", async () => {
  const world = await makeWorld();
  const store: VerdictCache = { get: () => new Promise(() => {}), set: () => {}, delete: () => {} };
  const verifier = world.verifier(requirement(), { cache: { store, maxWaitMs: 60_000 } });
  const controller = new AbortController();
  const wait = verifier.evaluate(`${NAME}@${world.digest}`, { signal: controller.signal });
  await turn();
  controller.abort("enough");
  await assert.rejects(wait, (error) => error === "enough");
});

test("times of a cache that are none", async () => {
  const world = await makeWorld();
  for (const cache of [{ allowedTtlMs: -1 }, { rejectedTtlMs: Number.NaN }, { maxWaitMs: -1 }]) {
    assert.throws(() => world.verifier(requirement(), { cache }), RangeError);
  }
  const verifier = world.verifier(requirement(), { cache: { allowedTtlMs: 0 } });
  for (let call = 0; call < 2; call++) await verifier.evaluate(`${NAME}@${world.digest}`);
  assert.deepEqual(kinds(world), ["miss", "miss"]);
});

function throwing(error: Error): () => never {
  return () => {
    throw error;
  };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
