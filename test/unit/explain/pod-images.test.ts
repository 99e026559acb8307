import assert from "node:assert/strict";
import { test } from "node:test";
import { ExplainError } from "../../../src/explain/errors.ts";
import { podImages } from "../../../src/explain/pod-images.ts";

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop" },
  spec: {
    initContainers: [{ name: "init", image: "quay.io/a/init:1" }],
    containers: [
      { name: "app", image: "busybox", imagePullPolicy: "Never" },
      { name: "side", image: "busybox" },
    ],
    ephemeralContainers: [{ name: "debug", image: "quay.io/a/debug@sha256:00" }],
    volumes: [
      { name: "none", emptyDir: {} },
      { name: "data", image: { reference: "quay.io/a/data:1", pullPolicy: "Always" } },
    ],
  },
};

test("images are found in all four places, with their paths, in the order in which they are started", () => {
  assert.deepEqual(podImages(POD), [
    { kind: "init-container", name: "init", path: "spec.initContainers[0].image", image: "quay.io/a/init:1" },
    {
      kind: "container",
      name: "app",
      path: "spec.containers[0].image",
      image: "busybox",
      pullPolicy: "Never",
    },
    { kind: "container", name: "side", path: "spec.containers[1].image", image: "busybox" },
    {
      kind: "ephemeral-container",
      name: "debug",
      path: "spec.ephemeralContainers[0].image",
      image: "quay.io/a/debug@sha256:00",
    },
    {
      kind: "image-volume",
      name: "data",
      path: "spec.volumes[1].image.reference",
      image: "quay.io/a/data:1",
      pullPolicy: "Always",
    },
  ]);
});

test("null and absent are the same, and containers without an image have none", () => {
  const spec = {
    initContainers: null,
    containers: [{ name: "a" }, { name: "b", image: null }, { image: "" }],
  };
  assert.deepEqual(podImages({ spec }), []);
  assert.deepEqual(podImages({ spec: { volumes: [{ name: "v", image: {} }] } }), []);
  const inherited = Object.create({ containers: [{ name: "a", image: "busybox" }] });
  assert.deepEqual(podImages({ spec: inherited }), []);
});

const REFUSED: [what: string, pod: unknown, path: string][] = [
  ["no object", "pod", ""],
  ["a list", [], ""],
  ["null", null, ""],
  ["no spec", {}, "spec"],
  ["a spec that is a list", { spec: [] }, "spec"],
  ["containers that are an object", { spec: { containers: { a: 1 } } }, "spec.containers"],
  ["a container that is a text", { spec: { containers: ["busybox"] } }, "spec.containers[0]"],
  ["a container that is null", { spec: { containers: [null] } }, "spec.containers[0]"],
  ["an image that is a list", { spec: { containers: [{ image: ["busybox"] }] } }, "spec.containers[0].image"],
  [
    "a name that is a number",
    { spec: { initContainers: [{ name: 1, image: "a" }] } },
    "spec.initContainers[0].name",
  ],
  ["a volume's image that is a text", { spec: { volumes: [{ image: "busybox" }] } }, "spec.volumes[0].image"],
  [
    "a volume's reference that is a number",
    { spec: { volumes: [{ image: { reference: 1 } }] } },
    "spec.volumes[0].image.reference",
  ],
  [
    "a pull policy that is none",
    { spec: { containers: [{ image: "a", imagePullPolicy: "always" }] } },
    "spec.containers[0].imagePullPolicy",
  ],
  [
    "a volume's pull policy that is none",
    { spec: { volumes: [{ image: { reference: "a", pullPolicy: 1 } }] } },
    "spec.volumes[0].image.pullPolicy",
  ],
];

test("what is no Pod is refused with the place", async (t) => {
  for (const [what, pod, path] of REFUSED) {
    await t.test(what, () => {
      assert.throws(
        () => podImages(pod),
        (error) => error instanceof ExplainError && error.code === "ERR_EXPLAIN_POD" && error.path === path,
      );
    });
  }
});

test("10,000 containers are read, and no more than 100,000", () => {
  const make = (count: number) => ({
    spec: { containers: Array.from({ length: count }, (_, at) => ({ name: `c${at}`, image: `a/b:${at}` })) },
  });
  assert.equal(podImages(make(10_000)).length, 10_000);
  assert.throws(
    () => podImages({ spec: { containers: new Array(100_001).fill({ image: "a" }) } }),
    (error) => error instanceof ExplainError && error.code === "ERR_EXPLAIN_TOO_LARGE",
  );
});
