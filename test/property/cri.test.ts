import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { decodeAnswer } from "../../src/cri/call.ts";
import {
  ContainerStatusResponseSchema,
  formatCriEndpoint,
  parseCriEndpoint,
  RuntimeService,
  readContainerInfo,
} from "../../src/cri/index.ts";
import { reasonOf, redactSecrets } from "../../src/cri/status.ts";
import { property } from "./runs.ts";

/** A valid text with a piece cut out, doubled or replaced. */
function mutated(valid: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...valid), fc.nat(200), fc.nat(8), fc.string({ unit: "binary", maxLength: 4 }))
    .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length));
}

/** Runs a parser; whatever it throws must be a LadingError with this code. */
function parses(run: () => unknown, codes: RegExp): unknown {
  try {
    return run();
  } catch (error) {
    assert.ok(isLadingError(error), String(error));
    assert.match(error.code, codes);
    return undefined;
  }
}

const ENDPOINTS = [
  "unix:///run/containerd/containerd.sock",
  "/run/crio/crio.sock",
  "npipe:////./pipe/containerd-containerd",
  "tcp://[::1]:3735",
  "tcp://127.0.0.1:3735",
];

test("an endpoint parses to what formats back to it, or fails with a code", () => {
  const platform = fc.constantFrom("unix" as const, "windows" as const);
  const text = fc.oneof(mutated(ENDPOINTS), fc.string({ unit: "binary" }), fc.webUrl());
  fc.assert(
    fc.property(text, platform, fc.boolean(), (endpoint, on, allowTcp) => {
      parses(() => {
        const parsed = parseCriEndpoint(endpoint, { platform: on, allowTcp });
        if (on === "unix" && !allowTcp) {
          assert.equal(parsed.protocol, "unix");
          assert.ok(parsed.address.startsWith("/"));
        }
        const again = parseCriEndpoint(formatCriEndpoint(parsed), { platform: on, allowTcp });
        assert.equal(again.protocol, parsed.protocol);
        assert.equal(again.address, parsed.address);
      }, /^ERR_CRI_ENDPOINT_/);
    }),
    property,
  );
});

const INFOS = [
  '{"sandboxID":"a","pid":1,"runtimeSpec":{"linux":{"seccomp":{"syscalls":[{"names":["read"]}]}}}}',
  '{"pid":0,"runtimeSpec":null,"config":{"linux":{"resources":{"memory_limit_in_bytes":9223372036854771712}}}}',
];

test("verbose information is read or refused with a code", () => {
  const text = fc.oneof(mutated(INFOS), fc.string({ unit: "binary" }), fc.json());
  fc.assert(
    fc.property(text, (info) => {
      parses(() => readContainerInfo({ info: { info } }), /^ERR_CRI_INFO_INVALID$/);
    }),
    property,
  );
});

test("an answer of any bytes is a message or an invalid answer", () => {
  const valid = toBinary(
    ContainerStatusResponseSchema,
    create(ContainerStatusResponseSchema, {
      status: {
        id: "c",
        metadata: { name: "n" },
        createdAt: 1n,
        image: { image: "i", annotations: { a: "b" } },
        imageRef: "r",
        labels: { k: "v" },
      },
      info: { info: "{}" },
    }),
  );
  const bytes = fc.oneof(
    fc.uint8Array(),
    fc
      .tuple(fc.nat(valid.length), fc.nat(8), fc.uint8Array({ maxLength: 4 }))
      .map(([at, length, put]) => Buffer.concat([valid.subarray(0, at), put, valid.subarray(at + length)])),
  );
  fc.assert(
    fc.property(bytes, (answer) => {
      parses(
        () => decodeAnswer(RuntimeService.method.containerStatus, answer, []),
        /^ERR_CRI_INVALID_RESPONSE$/,
      );
    }),
    property,
  );
});

test("no secret survives redaction, whatever stands around it", () => {
  const secret = fc.string({ unit: "binary", minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 4 }),
      fc.string(),
      fc.string(),
      (secrets, a, b) => {
        const shown = redactSecrets(secrets.join(a) + b, secrets).split("[redacted]");
        for (const piece of shown) {
          for (const hidden of secrets) assert.ok(!piece.includes(hidden));
        }
      },
    ),
    property,
  );
});

test("a reason is one of the closed list, at the start of the text", () => {
  const names = [
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "RROUnsupported",
    "ImageVolumeMountFailed",
  ];
  fc.assert(
    fc.property(fc.oneof(mutated(names.map((name) => `${name}: text`)), fc.string()), (text) => {
      const reason = reasonOf(text);
      if (reason === undefined) return;
      assert.ok(names.includes(reason));
      assert.ok(text === reason || text.startsWith(`${reason}: `));
    }),
    property,
  );
});
