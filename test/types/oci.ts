/** Compile only: what the types of lading/oci admit and refuse. */
import type { Digest } from "../../src/index.ts";
import {
  createRegistry,
  type Descriptor,
  type Fetcher,
  fetchBlob,
  fetchManifest,
  type IndexDocument,
  type Manifest,
  memoryStore,
  packArtifact,
  pushImage,
  type RepositorySource,
  type Store,
  selectManifest,
} from "../../src/oci/index.ts";

export function manifest(given: Manifest): Descriptor[] {
  // @ts-expect-error which of the two it is decides what it holds
  given.value.layers;
  if (given.kind === "index") {
    // @ts-expect-error an index has no layers
    given.value.layers;
    return given.value.manifests;
  }
  // @ts-expect-error a manifest has no manifests
  given.value.manifests;
  const image: "manifest" = given.kind;
  return image === "manifest" ? [given.value.config, ...given.value.layers] : [];
}

export async function stores(store: Store, descriptor: Descriptor, index: IndexDocument): Promise<unknown> {
  const registry = createRegistry({
    credentials: { "a.example": { kind: "password", username: "u", password: "p" } },
  });
  const source: RepositorySource = registry;
  const { reference, repository } = await registry.resolve("a.example/b:1", {
    signal: AbortSignal.timeout(1),
  });
  const digest: Digest = reference.digest;
  await fetchManifest(repository, "b", { mediaTypes: "kind", maxBytes: 1 });
  for await (const chunk of repository.fetch(descriptor)) chunk.byteLength;

  // @ts-expect-error a limit is the caller's to say
  await fetchBlob(store, descriptor);
  // @ts-expect-error a stream is no promise
  await store.fetch(descriptor).then();
  // @ts-expect-error a digest is parsed before it is asked for
  store.fetch({ ...descriptor, digest: "sha256:00" });
  // @ts-expect-error what only reads cannot be written to
  await pushImage(source.repository("a.example/b"), packArtifact({ files: [] }));
  // @ts-expect-error a store that finds nothing by name
  await fetchManifest({ fetch: store.fetch } satisfies Fetcher, "b");
  // @ts-expect-error credentials say of which kind they are
  createRegistry({ credentials: { "a.example": { username: "u", password: "p" } } });
  // @ts-expect-error a rule that there is not
  selectManifest(index.value, { os: "linux", architecture: "arm64" }, { rule: "docker" });
  // @ts-expect-error which platform is wanted is never guessed
  selectManifest(index.value);
  return [digest, memoryStore().tags()];
}
