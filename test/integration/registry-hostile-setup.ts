/** A hostile registry, a bystander that must not hear from anybody, and a client with a password. */
import assert from "node:assert/strict";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  type CreateRegistryOptions,
  createRegistry,
  type Descriptor,
  type ImageGraph,
  packArtifact,
  packManifest,
  type Registry,
  type Repository,
} from "../../src/oci/index.ts";
import {
  type InjectedMisbehaviour,
  type RegistryMisbehaviour,
  type StartRegistryOptions,
  startRegistry,
  type TestRegistry,
} from "../../src/testing/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { noWaits } from "./registry-setup.ts";

/** A text that must not be seen anywhere but at the registry and its token server. */
export const PASSWORD = "correct-horse-battery";

const BLOB_BYTES = 300_000;

/** What a hostile test works with. */
export interface Hostile {
  server: TestRegistry;
  /** Another origin on the same address. */
  elsewhere: TestRegistry;
  registry: Registry;
  repository: Repository;
  image: ImageGraph;
  manifest: Descriptor;
  blob: Descriptor;
  content: Buffer;
  /** Another manifest in the same repository. */
  other: Descriptor;
  misbehave(misbehaviour: RegistryMisbehaviour): InjectedMisbehaviour;
}

/** Options of {@link withHostile}. */
export interface HostileOptions {
  server?: StartRegistryOptions;
  client?: CreateRegistryOptions;
  /** Longest time that the test's work may take, in milliseconds. Default 15000. */
  maxMs?: number;
  /** Most bytes by which the memory of the process may grow. Default 120 MiB. */
  maxGrowth?: number;
  /** Whether the bystander may be asked, without anything secret. Default no. */
  mayAskElsewhere?: boolean;
  /** Whether the work may change what the registry holds. Default no. */
  mayStore?: boolean;
  /** Whether the client was let in before. Default yes. */
  warm?: boolean;
}

/**
 * Runs a test's work, and then checks what holds whatever the registry does: it took bounded time and memory,
 * nobody else was dialled or got a secret, the registry holds what it held before, and nothing is left open.
 */
export async function withHostile(
  work: (hostile: Hostile) => Promise<void>,
  {
    maxMs = 15_000,
    maxGrowth = 120 * 1024 * 1024,
    mayAskElsewhere = false,
    warm = true,
    mayStore = false,
    ...options
  }: HostileOptions = {},
): Promise<void> {
  const resources = countResources();
  const server = await startRegistry({
    auth: { kind: "bearer", users: { alice: PASSWORD } },
    allowMissing: true,
    ...options.server,
  });
  const elsewhere = await startRegistry();
  const registry = createRegistry({
    retry: { ...noWaits, attempts: 3, maxRetryAfterMs: 0 },
    credentials: () => ({ kind: "password", username: "alice", password: PASSWORD }),
    headersTimeoutMs: 1500,
    bodyTimeoutMs: 1500,
    ...options.client,
  });
  try {
    const content = Buffer.alloc(BLOB_BYTES, "0123456789abcdef");
    const image = packArtifact({ artifactType: "a/b", files: [{ content }] });
    const manifest = server.addImage("a/b", image, { tags: ["v1"] });
    const other = server.addManifest("a/b", packManifest({ artifactType: "a/other" }).bytes, {
      tags: ["v2"],
    });
    const [blob] = image.manifest.kind === "manifest" ? image.manifest.value.layers : [];
    assert.ok(blob && manifest.mediaType === OCI_MANIFEST);
    const repository = registry.repository(`${server.host}/a/b`);
    // With a token at hand every request that follows is one that the test is about.
    if (warm) await repository.resolve("v2");
    const held = server.stored("a/b");
    const memory = process.memoryUsage().rss;
    const started = performance.now();
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss - memory);
    }, 20);
    try {
      await work({
        server,
        elsewhere,
        registry,
        repository,
        image,
        manifest,
        blob,
        content,
        other,
        misbehave: (misbehaviour) => server.misbehave(misbehaviour),
      });
    } finally {
      clearInterval(watch);
    }
    const ms = performance.now() - started;
    assert.ok(ms < maxMs, `took ${Math.round(ms)} ms`);
    assert.ok(peak < maxGrowth, `took ${Math.round(peak / 1024 / 1024)} MiB`);
    if (!mayStore) assert.deepEqual(server.stored("a/b"), held);
    if (!mayAskElsewhere) assert.equal(elsewhere.connections.made, 0, "nobody else is dialled");
    assertNoSecret(elsewhere);
  } finally {
    await registry.close();
    await Promise.all([server.close(), elsewhere.close()]);
  }
  await assertNothingLeft(resources);
}

/** Fails if anything that was sent to a registry could let its owner in elsewhere. */
export function assertNoSecret({ requests }: TestRegistry): void {
  for (const { headers, url } of requests) {
    assert.equal(headers.authorization, undefined);
    assert.equal(headers.cookie, undefined);
    assert.ok(!JSON.stringify([headers, url]).includes(PASSWORD));
  }
}
