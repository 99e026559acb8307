/** What the tests of registries share: a registry and a client that are closed with the test. */
import type { TestContext } from "node:test";
import { OCI_EMPTY, OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  type CreateRegistryOptions,
  createRegistry,
  type Descriptor,
  describeContent,
  type Registry,
  type Repository,
} from "../../src/oci/index.ts";
import { type StartRegistryOptions, startRegistry, type TestRegistry } from "../../src/testing/registry.ts";

/** Waits between tries are of no use in tests. */
export const noWaits = { baseMs: 0, maxMs: 0 };

export async function serverFor(t: TestContext, options?: StartRegistryOptions): Promise<TestRegistry> {
  const server = await startRegistry(options);
  t.after(() => server.close());
  return server;
}

export function clientFor(t: TestContext, options?: CreateRegistryOptions): Registry {
  const registry = createRegistry({ retry: noWaits, ...options });
  t.after(() => registry.close());
  return registry;
}

export interface Pair {
  server: TestRegistry;
  registry: Registry;
  repository: Repository;
}

/** A registry, a client and the repository `a/b`. */
export async function pairFor(
  t: TestContext,
  serverOptions?: StartRegistryOptions,
  clientOptions?: CreateRegistryOptions,
): Promise<Pair> {
  const server = await serverFor(t, serverOptions);
  const registry = clientFor(t, clientOptions);
  return { server, registry, repository: registry.repository(`${server.host}/a/b`) };
}

export interface PushedImage {
  blob: Descriptor;
  content: Uint8Array;
  manifest: Descriptor;
  bytes: Uint8Array;
}

/** Pushes one blob of random bytes and a manifest with it, under the tag `v1`. */
export async function pushSample(repository: Repository, size = 1000): Promise<PushedImage> {
  const content = Buffer.alloc(size, "0123456789abcdef");
  const blob = describeContent(content, "application/octet-stream");
  const empty = Buffer.from("{}");
  const config = describeContent(empty, OCI_EMPTY);
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: "a/b",
      config,
      layers: [blob],
    }),
  );
  const manifest = describeContent(bytes, OCI_MANIFEST);
  await repository.push(blob, content);
  await repository.push(config, empty);
  await repository.push(manifest, bytes);
  await repository.tag(manifest, "v1");
  return { blob, content, manifest, bytes };
}

/** Ends when a condition holds; fails after two seconds. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 2000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
