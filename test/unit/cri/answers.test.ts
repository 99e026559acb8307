import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { missingIn } from "../../../src/cri/answers.ts";
import * as cri from "../../../src/cri/index.ts";

const time = 1n;
const COMPLETE: [schema: DescMessage, init: Record<string, unknown>, fields: string[]][] = [
  [
    cri.VersionResponseSchema,
    { version: "0.1.0", runtimeName: "r", runtimeVersion: "1", runtimeApiVersion: "v1" },
    ["version", "runtimeName", "runtimeVersion", "runtimeApiVersion"],
  ],
  [cri.RunPodSandboxResponseSchema, { podSandboxId: "p" }, ["podSandboxId"]],
  [cri.CreateContainerResponseSchema, { containerId: "c" }, ["containerId"]],
  [cri.PullImageResponseSchema, { imageRef: "i" }, ["imageRef"]],
  [cri.ExecResponseSchema, { url: "http://x" }, ["url"]],
  [cri.AttachResponseSchema, { url: "http://x" }, ["url"]],
  [cri.PortForwardResponseSchema, { url: "http://x" }, ["url"]],
  [cri.ImageStatusResponseSchema, { image: { id: "i", size: 1n } }, ["image.id", "image.size"]],
  [
    cri.PodSandboxStatusResponseSchema,
    { status: { id: "p", metadata: { name: "n", namespace: "ns", uid: "u" }, createdAt: time } },
    [
      "status.id",
      "status.metadata.name",
      "status.metadata.namespace",
      "status.metadata.uid",
      "status.metadata",
      "status.createdAt",
    ],
  ],
  [
    cri.ContainerStatusResponseSchema,
    {
      status: { id: "c", metadata: { name: "n" }, createdAt: time, image: { image: "i" }, imageRef: "r" },
    },
    [
      "status.id",
      "status.metadata.name",
      "status.createdAt",
      "status.image",
      "status.image.image",
      "status.imageRef",
    ],
  ],
];

/** The value without what stands at a path. */
function without(value: unknown, path: string[]): unknown {
  const [key = "", ...rest] = path;
  const copy = { ...(value as Record<string, unknown>) };
  if (rest.length === 0) delete copy[key];
  else copy[key] = without(copy[key], rest);
  return copy;
}

const message = (schema: DescMessage, init: unknown): Message => create(schema, init as never);

for (const [schema, init, fields] of COMPLETE) {
  test(`${schema.name} is complete`, () => {
    assert.equal(missingIn(message(schema, init)), undefined);
  });
  for (const field of fields) {
    test(`${schema.name} needs ${field}`, () => {
      const missing = missingIn(message(schema, without(init, field.split("."))));
      assert.ok(missing?.startsWith(field), String(missing));
    });
  }
}

test("StatusResponse needs two conditions", () => {
  const status = (count: number) => ({
    status: { conditions: Array.from({ length: count }, () => ({ type: "RuntimeReady", status: true })) },
  });
  assert.equal(missingIn(message(cri.StatusResponseSchema, status(2))), undefined);
  assert.ok(missingIn(message(cri.StatusResponseSchema, status(1))));
  assert.ok(missingIn(message(cri.StatusResponseSchema, {})));
});

test("a status that is absent as a whole is no defect", () => {
  for (const schema of [
    cri.ImageStatusResponseSchema,
    cri.PodSandboxStatusResponseSchema,
    cri.ContainerStatusResponseSchema,
    cri.ListContainersResponseSchema,
  ]) {
    assert.equal(missingIn(message(schema, {})), undefined);
  }
});
