import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Container,
  type ContainerQuery,
  ContainerSchema,
  ContainerState,
  type CriConnection,
  CriError,
  connectCri,
  filterContainers,
  filterPods,
  type ImageSchema,
  type ListContainersRequest,
  type ListPodSandboxRequest,
  listContainers,
  listImages,
  listPods,
  type PodQuery,
  PodSandboxSchema,
  PodSandboxState,
  podNameOf,
  podNamespaceOf,
} from "../../src/cri/index.ts";
import { type FakeRuntime, startFakeRuntime } from "../../src/testing/cri-runtime.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED, CONTAINER_UNKNOWN } = ContainerState;

const PODS: MessageInitShape<typeof PodSandboxSchema>[] = [
  { id: "p1aaaa", metadata: { name: "web-1", namespace: "shop" }, createdAt: 10n, labels: { app: "web" } },
  {
    id: "p2bbbb",
    metadata: { name: "größe\u{1f6a2}", namespace: "default" },
    createdAt: 30n,
    state: PodSandboxState.SANDBOX_NOTREADY,
    labels: { app: "web", tier: "" },
  },
  { id: "p3cccc", metadata: { name: "db", namespace: "shop-2" }, createdAt: 1_702_394_193_234_865_001n },
  { id: "p4dddd", createdAt: 1_702_394_193_234_865_000n },
  { id: "p0aaaa", metadata: { name: "tie", namespace: "shop" }, createdAt: 10n },
];

const podLabels = (name: string, namespace: string) => ({
  "io.kubernetes.pod.name": name,
  "io.kubernetes.pod.namespace": namespace,
});

const CONTAINERS: MessageInitShape<typeof ContainerSchema>[] = [
  {
    id: "c1",
    podSandboxId: "p1aaaa",
    metadata: { name: "app" },
    image: { image: "reg/app:1" },
    imageRef: "sha256:a1",
    state: CONTAINER_RUNNING,
    createdAt: 10n,
    labels: podLabels("web-1", "shop"),
  },
  {
    id: "c2",
    podSandboxId: "p2bbbb",
    metadata: { name: "app-sidecar" },
    image: { image: "reg/moved:1" },
    imageRef: "reg/app@sha256:99",
    state: CONTAINER_EXITED,
    createdAt: 20n,
    labels: { ...podLabels("größe", "default"), app: "x" },
  },
  {
    id: "c3",
    metadata: { name: "init" },
    image: { image: "reg/moved:1" },
    imageRef: "reg/other@sha256:98",
    state: CONTAINER_CREATED,
    createdAt: 30n,
  },
  {
    id: "c4",
    image: { image: "reg/other:1" },
    imageId: "sha256:b2",
    state: CONTAINER_UNKNOWN,
    createdAt: 30n,
  },
];

const IMAGES: MessageInitShape<typeof ImageSchema>[] = [
  { id: "sha256:b2", repoTags: ["reg/other:1"], size: 1n, pinned: true },
  { id: "sha256:a1", repoTags: ["reg/app:1", "reg/app:2"], repoDigests: ["reg/app@sha256:11"], size: 1n },
  { id: "sha256:c3", repoDigests: ["reg/a-base@sha256:33"], size: 1n },
  { id: "sha256:d4", size: 1n },
];

/** By name, as image statuses resolve it. A tag that has moved means another image than the one it was. */
const RESOLVED: Readonly<Record<string, string>> = {
  "reg/app:1": "sha256:a1",
  "reg/app:2": "sha256:a1",
  app: "sha256:a1",
  "sha256:a1": "sha256:a1",
  "reg/moved:1": "sha256:a1",
  "reg/other:1": "sha256:b2",
};

let containers: MessageInitShape<typeof ContainerSchema>[] = CONTAINERS;
let asked: string[] = [];
let runtime: FakeRuntime;
let cri: CriConnection;

before(async () => {
  runtime = await startFakeRuntime({
    runtime: {
      listPodSandbox: () => ({ items: PODS }),
      listContainers: () => ({ containers }),
    },
    image: {
      listImages: ({ filter }) => {
        const name = filter?.image?.image ?? "";
        return { images: name === "" ? IMAGES : IMAGES.filter(({ id }) => id === RESOLVED[name]) };
      },
      imageStatus: ({ image }) => {
        const name = image?.image ?? "";
        asked.push(name);
        if (name === "broken") throw new CriError("ERR_CRI_INTERNAL", "no answer for this one");
        const found = IMAGES.find(({ id }) => id === RESOLVED[name]);
        return found ? { image: found } : {};
      },
    },
  });
  cri = await connectCri({ endpoint: runtime.endpoint });
});

after(async () => {
  await cri.close();
  await runtime.close();
});

beforeEach(() => {
  containers = CONTAINERS;
  asked = [];
});

function lastRequest(method: string): unknown {
  return runtime.calls.findLast((call) => call.method === method)?.request;
}

const POD_QUERIES: readonly [PodQuery, readonly string[]][] = [
  [{}, ["p3cccc", "p4dddd", "p2bbbb", "p0aaaa", "p1aaaa"]],
  [{ id: "p1" }, ["p1aaaa"]],
  [{ name: "web|db" }, ["p3cccc", "p1aaaa"]],
  [{ name: "^b$" }, []],
  [{ name: "größe\u{1f6a2}" }, ["p2bbbb"]],
  [{ name: /^WEB/i }, ["p1aaaa"]],
  [{ name: /b/g }, ["p3cccc", "p1aaaa"]],
  [{ name: "^$" }, ["p4dddd"]],
  [{ namespace: "shop" }, ["p3cccc", "p0aaaa", "p1aaaa"]],
  [{ namespace: "^shop$" }, ["p0aaaa", "p1aaaa"]],
  [{ state: "ready" }, ["p3cccc", "p4dddd", "p0aaaa", "p1aaaa"]],
  [{ state: "notready" }, ["p2bbbb"]],
  [{ labels: { app: "web" } }, ["p2bbbb", "p1aaaa"]],
  [{ labels: { app: "web", tier: "" } }, ["p2bbbb"]],
  [{ labels: { toString: "" } }, []],
  [{ latest: true }, ["p3cccc"]],
  [{ last: 2 }, ["p3cccc", "p4dddd"]],
  [{ last: 0 }, ["p3cccc", "p4dddd", "p2bbbb", "p0aaaa", "p1aaaa"]],
  [{ last: 2, latest: true }, ["p3cccc", "p4dddd"]],
  [{ last: 9, namespace: "shop", name: "e" }, ["p0aaaa", "p1aaaa"]],
];

for (const [query, ids] of POD_QUERIES) {
  test(`pods by ${JSON.stringify(query)} ${query.name ?? ""}`, async () => {
    assert.deepEqual(
      (await listPods(cri, query)).map(({ id }) => id),
      ids,
    );
    const pods = PODS.map((pod) => create(PodSandboxSchema, pod));
    assert.deepEqual(
      filterPods(pods, query).map(({ id }) => id),
      ids,
    );
  });
}

test("the runtime is asked for pods by id, state and labels", async () => {
  await listPods(cri, { id: "p1", state: "notready", labels: { a: "b" }, name: "x" });
  const { filter } = lastRequest("RuntimeService/ListPodSandbox") as ListPodSandboxRequest;
  assert.equal(filter?.id, "p1");
  assert.equal(filter?.state?.state, PodSandboxState.SANDBOX_NOTREADY);
  assert.deepEqual({ ...filter?.labelSelector }, { a: "b" });
  await listPods(cri);
  const all = lastRequest("RuntimeService/ListPodSandbox") as ListPodSandboxRequest;
  assert.equal(all.filter?.state, undefined);
});

const CONTAINER_QUERIES: readonly [ContainerQuery, readonly string[]][] = [
  [{}, ["c1"]],
  [{ all: true }, ["c3", "c4", "c2", "c1"]],
  [{ latest: true }, ["c3"]],
  [{ last: 3 }, ["c3", "c4", "c2"]],
  [{ state: "running" }, ["c1"]],
  [{ state: "exited" }, ["c2"]],
  [{ state: "created" }, ["c3"]],
  [{ state: "unknown", all: true }, ["c4"]],
  [{ all: true, id: "c2" }, ["c2"]],
  [{ all: true, name: "app" }, ["c2", "c1"]],
  [{ all: true, name: "^app$" }, ["c1"]],
  [{ all: true, namespace: "^shop$" }, ["c1"]],
  [{ all: true, namespace: "^$" }, ["c3", "c4"]],
  [{ all: true, pod: "p2" }, ["c2"]],
  [{ all: true, labels: { app: "x" } }, ["c2"]],
];

for (const [query, ids] of CONTAINER_QUERIES) {
  test(`containers by ${JSON.stringify(query)}`, async () => {
    assert.deepEqual(
      (await listContainers(cri, query)).map(({ id }) => id),
      ids,
    );
    assert.deepEqual(asked, []);
    const list = CONTAINERS.map((container) => create(ContainerSchema, container));
    assert.deepEqual(
      filterContainers(list, query).map(({ id }) => id),
      ids,
    );
  });
}

test("the runtime is asked for containers by id, pod, state and labels", async () => {
  await listContainers(cri, { id: "c1", pod: "p1", state: "created", labels: { a: "b" } });
  const { filter } = lastRequest("RuntimeService/ListContainers") as ListContainersRequest;
  assert.equal(filter?.id, "c1");
  assert.equal(filter?.podSandboxId, "p1");
  assert.equal(filter?.state?.state, CONTAINER_CREATED);
  assert.deepEqual({ ...filter?.labelSelector }, { a: "b" });
  await listContainers(cri);
  const running = lastRequest("RuntimeService/ListContainers") as ListContainersRequest;
  assert.equal(running.filter?.state?.state, CONTAINER_RUNNING);
});

const BY_IMAGE: readonly [image: string, ids: readonly string[], asked: readonly string[]][] = [
  ["reg/app:2", ["c3", "c2", "c1"], ["reg/app:2", "reg/moved:1"]],
  ["app", ["c3", "c2", "c1"], ["app", "reg/moved:1"]],
  ["reg/other:1", ["c4"], ["reg/other:1", "reg/moved:1", "reg/app:1"]],
  ["sha256:b2", ["c4"], ["sha256:b2"]],
  ["reg/moved:1", ["c3", "c2", "c1"], ["reg/moved:1"]],
  ["gone", [], ["gone"]],
];

for (const [image, ids, names] of BY_IMAGE) {
  test(`containers of image ${image}, with a look-up for each name`, async () => {
    const found = await listContainers(cri, { image, all: true });
    assert.deepEqual(
      found.map(({ id }) => id),
      ids,
    );
    assert.deepEqual(asked.toSorted(), names.toSorted());
  });
}

test("an image service that fails ends the query, and no container counts as one of the image", async () => {
  await assert.rejects(
    listContainers(cri, { image: "broken", all: true }),
    (error) => error instanceof CriError && error.code === "ERR_CRI_INTERNAL",
  );
});

test("without a runtime, containers are of the image that they name", () => {
  const list = CONTAINERS.map((container) => create(ContainerSchema, container));
  const of = (image: string) => filterContainers(list, { image, all: true }).map(({ id }) => id);
  assert.deepEqual(of("reg/moved:1"), ["c3", "c2"]);
  assert.deepEqual(of("sha256:b2"), ["c4"]);
  assert.deepEqual(of("sha256:a1"), ["c1"]);
  assert.deepEqual(of("reg/app"), []);
});

test("names of pods come from the labels of the kubelet", () => {
  const [first, , third] = CONTAINERS.map((container) => create(ContainerSchema, container));
  assert.equal(podNameOf(first as Container), "web-1");
  assert.equal(podNamespaceOf(first as Container), "shop");
  assert.equal(podNameOf(third as Container), undefined);
  assert.equal(podNamespaceOf({ labels: Object.create({ "io.kubernetes.pod.namespace": "x" }) }), undefined);
});

test("5,000 containers are sorted and cut", async () => {
  containers = Array.from({ length: 5000 }, (_, i) => ({
    id: `c${i}`,
    state: CONTAINER_RUNNING,
    createdAt: BigInt((i * 7919) % 5000),
    image: { image: `reg/${i % 3}` },
  }));
  const all = await listContainers(cri);
  assert.equal(all.length, 5000);
  assert.ok(all.every(({ createdAt }, at) => createdAt === BigInt(4999 - at)));
  const three = await listContainers(cri, { image: "reg/app:1", last: 3 });
  assert.equal(three.length, 0);
  assert.deepEqual(asked.toSorted(), ["reg/0", "reg/1", "reg/2", "reg/app:1"]);
});

test("images are sorted, then filtered in order", async () => {
  const ids = async (query: Parameters<typeof listImages>[1]) =>
    (await listImages(cri, query)).map(({ id }) => id.slice(7));
  assert.deepEqual(await ids({}), ["c3", "a1", "b2", "d4"]);
  assert.deepEqual(await ids({ image: "app" }), ["a1"]);
  assert.deepEqual(await ids({ pinned: true }), ["b2"]);
  assert.deepEqual(await ids({ pinned: false }), ["c3", "a1", "d4"]);
  assert.deepEqual(await ids({ filters: ["dangling=false", "since=reg/other:1"] }), ["a1"]);
  assert.deepEqual(await ids({ filters: [{ kind: "before", image: "reg/app:1" }], pinned: false }), ["d4"]);
});

test("a query that cannot be read asks nothing", async () => {
  const calls = runtime.calls.length;
  const invalid = (error: unknown) => error instanceof CriError && error.code === "ERR_CRI_QUERY_INVALID";
  await assert.rejects(listPods(cri, { name: "(" }), invalid);
  await assert.rejects(listPods(cri, { namespace: "(?=x)" }), invalid);
  await assert.rejects(listPods(cri, { state: "up" as "ready" }), invalid);
  await assert.rejects(listContainers(cri, { name: "[" }), invalid);
  await assert.rejects(listContainers(cri, { state: "constructor" as "running" }), invalid);
  await assert.rejects(listImages(cri, { filters: ["size=1"] }), invalid);
  await assert.rejects(listPods(cri, { last: -1 }), RangeError);
  await assert.rejects(listContainers(cri, { last: 1.5 }), RangeError);
  assert.equal(runtime.calls.length, calls);
});

test("an abort ends a query with its reason", async () => {
  const reason = new Error("enough");
  for (const list of [listPods, listContainers, listImages]) {
    await assert.rejects(list(cri, {}, { signal: AbortSignal.abort(reason) }), reason);
  }
});
