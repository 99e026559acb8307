import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ContainerSchema,
  ContainerState,
  type ContainerStatusSchema,
  type CriConnection,
  CriError,
  connectCri,
  explainRemoveImage,
  type ImageSchema,
  imageStatus,
  type PodSandboxSchema,
  type PruneDecision,
  pruneImages,
  removeImage,
} from "../../src/cri/index.ts";
import { type FakeRuntime, startFakeRuntime } from "../../src/testing/cri-runtime.ts";

type Init<T> = T[];
let images: Init<MessageInitShape<typeof ImageSchema>> = [];
let containers: Init<MessageInitShape<typeof ContainerSchema>> = [];
let pods: Init<MessageInitShape<typeof PodSandboxSchema>> = [];
let mounts: Readonly<Record<string, NonNullable<MessageInitShape<typeof ContainerStatusSchema>["mounts"]>>> =
  {};
let podInfo: Readonly<Record<string, string>> = {};
let runtimeInfo: Record<string, string> = {};
/** What names mean that no listed image has; an error text for a look-up that fails. */
let meant: Readonly<Record<string, string | Error>> = {};
/** Runs before the answer to each list of containers. */
let onList: (count: number) => void = () => {};
let failing: readonly string[] = [];
let listed = 0;
let looked: string[] = [];
let runtime: FakeRuntime;
let cri: CriConnection;

function lookUp(name: string) {
  const found = images.find(
    (image) => image.id === name || image.repoTags?.includes(name) || image.repoDigests?.includes(name),
  );
  if (found) return found;
  looked.push(name);
  const other = Object.hasOwn(meant, name) ? meant[name] : undefined;
  if (other instanceof Error) throw new CriError("ERR_CRI_UNKNOWN", other.message);
  return images.find(({ id }) => id === other);
}

function check(method: string): void {
  if (failing.includes(method)) throw new CriError("ERR_CRI_INTERNAL", "no");
}

before(async () => {
  runtime = await startFakeRuntime({
    runtime: {
      status: () => ({
        status: { conditions: [{ type: "RuntimeReady" }, { type: "NetworkReady" }] },
        info: runtimeInfo,
      }),
      listContainers: () => {
        onList(++listed);
        return { containers };
      },
      listPodSandbox: () => ({ items: pods }),
      podSandboxStatus: ({ podSandboxId }) => {
        check("podSandboxStatus");
        const metadata = { name: "a", namespace: "b", uid: "c" };
        const text = Object.hasOwn(podInfo, podSandboxId) ? podInfo[podSandboxId] : undefined;
        return {
          status: { id: podSandboxId, metadata, createdAt: 1n },
          ...(text === undefined ? {} : { info: { info: text } }),
        };
      },
      containerStatus: ({ containerId }) => {
        check("containerStatus");
        if (containerId === "gone") throw new CriError("ERR_CRI_NOT_FOUND", "gone");
        return {
          status: {
            id: containerId,
            metadata: { name: "a" },
            createdAt: 1n,
            image: { image: "a" },
            imageRef: "a",
            mounts: mounts[containerId] ?? [],
          },
        };
      },
    },
    image: {
      listImages: () => ({ images }),
      imageStatus: ({ image, verbose }) => {
        const found = lookUp(image?.image ?? "");
        return found ? { image: found, info: verbose ? { info: "{}" } : {} } : {};
      },
      removeImage: ({ image }) => {
        check("removeImage");
        const found = lookUp(image?.image ?? "");
        images = images.filter((each) => each !== found);
        return {};
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
  images = [
    { id: "sha256:a1", repoTags: ["reg/a:1", "reg/a:2"], repoDigests: ["reg/a@sha256:11"], size: 1n },
    { id: "sha256:b2", repoTags: ["reg/b:1"], size: 1n },
    { id: "sha256:c3", repoDigests: ["reg/c@sha256:33"], size: 1n },
    { id: "sha256:d4", repoTags: ["reg/pause:1"], size: 1n, pinned: true },
  ];
  containers = [];
  pods = [];
  mounts = {};
  podInfo = {};
  runtimeInfo = {};
  meant = {};
  onList = () => {};
  failing = [];
  listed = 0;
  looked = [];
});

/** What became of each image: by the last two characters of its id. */
function told(decisions: readonly PruneDecision[]): Record<string, string> {
  return Object.fromEntries(
    decisions.map((decision) => [
      decision.image.id.slice(-2),
      decision.kind === "kept" ? decision.reason : decision.kind,
    ]),
  );
}

const removed = () => runtime.calls.filter(({ method }) => method === "ImageService/RemoveImage").length;

test("an image is there, or null", async () => {
  assert.equal((await imageStatus(cri, "reg/a:1"))?.image.id, "sha256:a1");
  assert.deepEqual({ ...(await imageStatus(cri, "reg/a:1", { verbose: true }))?.info }, { info: "{}" });
  assert.equal(await imageStatus(cri, "reg/none:1"), null);
});

test("a removal says which tags it takes", async () => {
  const plan = async (image: string) => {
    const found = await explainRemoveImage(cri, image);
    return found.kind === "present" ? [found.tags.length, found.removesOtherTags, found.pinned] : found.kind;
  };
  assert.deepEqual(await plan("reg/a:1"), [2, true, false]);
  assert.deepEqual(await plan("sha256:a1"), [2, false, false]);
  assert.deepEqual(await plan("reg/b:1"), [1, false, false]);
  assert.deepEqual(await plan("reg/c@sha256:33"), [0, false, false]);
  assert.deepEqual(await plan("reg/pause:1"), [1, false, true]);
  assert.equal(await plan("none"), "absent");
  assert.equal(removed(), 0);
  assert.deepEqual(await removeImage(cri, "reg/a:2"), {
    kind: "removed",
    id: "sha256:a1",
    tags: ["reg/a:1", "reg/a:2"],
    digests: ["reg/a@sha256:11"],
  });
  assert.deepEqual(await removeImage(cri, "reg/a:2"), { kind: "absent" });
  failing = ["removeImage"];
  await assert.rejects(removeImage(cri, "reg/b:1"), CriError);
});

test("images that nothing needs are removed, and pinned ones kept", async () => {
  const count = removed();
  const plan = await pruneImages(cri, { dryRun: true });
  assert.deepEqual(told(plan), { a1: "would-remove", b2: "would-remove", c3: "would-remove", d4: "pinned" });
  assert.equal(removed(), count);
  assert.deepEqual(told(await pruneImages(cri)), {
    a1: "removed",
    b2: "removed",
    c3: "removed",
    d4: "pinned",
  });
  assert.equal(removed(), count + 3);
  assert.deepEqual(
    images.map(({ id }) => id),
    ["sha256:d4"],
  );
});

const USES: readonly [name: string, container: MessageInitShape<typeof ContainerSchema>, kept: string][] = [
  ["its id", { imageId: "sha256:a1" }, "a1"],
  ["its id without an algorithm", { imageId: "b2" }, "b2"],
  ["a reference with its id", { imageRef: "sha256:b2" }, "b2"],
  ["a reference with its digest", { imageRef: "reg/c@sha256:33" }, "c3"],
  ["its tag", { image: { image: "reg/b:1" } }, "b2"],
  ["a short name that the runtime resolves", { image: { image: "b" } }, "b2"],
  ["its id and a tag that is gone", { imageId: "sha256:a1", image: { image: "reg/gone:1" } }, "a1"],
  ["its id and a name that cannot be looked up", { imageId: "sha256:a1", image: { image: "odd" } }, "a1"],
];

for (const [name, container, kept] of USES) {
  test(`an image is kept that a container has by ${name}`, async () => {
    meant = { b: "sha256:b2", odd: new Error("odd name") };
    for (const state of [ContainerState.CONTAINER_EXITED, ContainerState.CONTAINER_RUNNING]) {
      containers = [{ id: "c1", state, ...container }];
      const decisions = await pruneImages(cri, { dryRun: true });
      const expected = {
        a1: "would-remove",
        b2: "would-remove",
        c3: "would-remove",
        d4: "pinned",
        [kept]: "in-use",
      };
      assert.deepEqual(told(decisions), expected);
      const found = decisions.find(({ image }) => image.id.endsWith(kept));
      assert.ok(found?.kind === "kept" && found.reason === "in-use");
      assert.deepEqual(found.users, [{ kind: "container", id: "c1" }]);
    }
  });
}

test("each name is looked up once", async () => {
  meant = { b: "sha256:b2" };
  containers = Array.from({ length: 50 }, (_, i) => ({ id: `c${i}`, image: { image: "b" } }));
  const decisions = await pruneImages(cri, { dryRun: true });
  assert.deepEqual(looked, ["b"]);
  const found = decisions.find(({ image }) => image.id === "sha256:b2");
  assert.equal(found?.kind === "kept" && found.reason === "in-use" && found.users.length, 50);
});

test("images of mounts are kept, by name and by reference", async () => {
  containers = [
    { id: "c1", imageId: "sha256:b2" },
    { id: "gone", imageId: "sha256:b2" },
  ];
  mounts = {
    c1: [{ image: { image: "reg/a:1" } }, { image: { imageRef: "sha256:c3" } }, { hostPath: "/x" }],
  };
  assert.deepEqual(told(await pruneImages(cri)), { a1: "in-use", b2: "in-use", c3: "in-use", d4: "pinned" });
});

test("images that pods run on are kept, and the one that the next will run on", async () => {
  pods = [{ id: "p1" }, { id: "p2" }, { id: "p3" }];
  podInfo = { p1: '{"image":"reg/a:2","pid":1}', p2: "no JSON", p3: '{"image":5}' };
  runtimeInfo = { config: '{"sandboxImage":"reg/b:1"}' };
  const decisions = await pruneImages(cri);
  assert.deepEqual(told(decisions), { a1: "in-use", b2: "in-use", c3: "removed", d4: "pinned" });
});

test("when it cannot be found out what something needs, nothing is removed", async () => {
  const all = { a1: "lookup-failed", b2: "lookup-failed", c3: "lookup-failed", d4: "pinned" };
  const count = removed();
  meant = { odd: new Error("the store is locked") };
  containers = [{ id: "c1", image: { image: "odd" } }];
  const decisions = await pruneImages(cri);
  assert.deepEqual(told(decisions), all);
  const [first] = decisions;
  assert.ok(first?.kind === "kept" && first.reason === "lookup-failed");
  assert.deepEqual(first.unknown[0]?.user, { kind: "container", id: "c1" });
  containers = [{ id: "c1", imageId: "sha256:a1" }];
  failing = ["containerStatus"];
  assert.deepEqual(told(await pruneImages(cri)), { ...all, a1: "in-use" });
  failing = ["podSandboxStatus"];
  containers = [];
  pods = [{ id: "p1" }];
  assert.deepEqual(told(await pruneImages(cri)), all);
  assert.equal(removed(), count);
});

test("an image that comes into use meanwhile is kept", async () => {
  onList = (count) => {
    if (count === 2) containers = [{ id: "c1", imageRef: "reg/a@sha256:11" }];
  };
  // The list is read once for the plan, and again before each removal, in the order of the images.
  const decisions = await pruneImages(cri);
  assert.deepEqual(decisions.map(({ kind }) => kind).toSorted(), ["kept", "kept", "removed", "removed"]);
  assert.equal(told(decisions)["a1"], "in-use");
  assert.ok(images.some(({ id }) => id === "sha256:a1"));
});

test("an image that goes meanwhile, or cannot be removed, does not end it", async () => {
  onList = (count) => {
    if (count === 2) images = images.filter(({ id }) => id !== "sha256:b2");
  };
  assert.equal(told(await pruneImages(cri))["b2"], "removed");
  onList = () => {};
  images = [{ id: "sha256:a1", size: 1n }];
  failing = ["removeImage"];
  const [decision] = await pruneImages(cri);
  assert.ok(decision?.kind === "failed" && decision.error instanceof CriError);
});

test("an abort ends it", async () => {
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(pruneImages(cri, { signal }), (error) => error === signal.reason);
  await assert.rejects(pruneImages(cri, { parallel: 0 }), RangeError);
});
