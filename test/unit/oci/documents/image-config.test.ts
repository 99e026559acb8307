import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import { DOCKER_CONFIG, OCI_CONFIG } from "../../../../src/core/media-types.ts";
import { checkLayerCount, parseImageConfig } from "../../../../src/oci/documents/image-config.ts";

const digest = digestOf("x");
const least = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digest] } };

function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

function refused(value: unknown, code: string, path?: string): void {
  assert.throws(
    () => parseImageConfig(bytes(value)),
    (error: { code?: string; position?: { path: string } }) => {
      assert.equal(error.code, code, JSON.stringify(value));
      if (path !== undefined) assert.equal(error.position?.path, path);
      return true;
    },
  );
}

test("everything that a configuration may say is read", () => {
  const full = {
    created: "2015-10-31T22:22:56.015925234Z",
    author: "A",
    architecture: "arm",
    os: "linux",
    "os.version": "1",
    "os.features": ["f"],
    variant: "v7",
    config: {
      User: "1:1",
      ExposedPorts: { "80/tcp": {} },
      Env: ["PATH=/bin", "EMPTY", ""],
      Entrypoint: ["/a"],
      Cmd: [],
      Volumes: { "/v": {} },
      WorkingDir: "/w",
      Labels: { a: "b" },
      StopSignal: "SIGKILL",
      ArgsEscaped: true,
      OnBuild: ["RUN x"],
      Shell: ["/bin/sh"],
      StopTimeout: 3,
    },
    rootfs: { type: "layers", diff_ids: [digest] },
    history: [
      { created: "2024-01-01T00:00:00Z", created_by: "c", author: "a", comment: "d" },
      { empty_layer: true },
    ],
  };
  const input = bytes({ ...full, docker_version: "1" });
  const document = parseImageConfig(input);
  assert.deepEqual(document.value, full);
  assert.deepEqual(document.descriptor, {
    mediaType: OCI_CONFIG,
    digest: digestOf(input),
    size: input.length,
  });
  assert.equal(document.bytes, input);
  assert.equal(document.plain["docker_version"], "1");
});

test("whole numbers of 64 bits are exact", () => {
  const text = JSON.stringify({
    ...least,
    config: { Healthcheck: { Test: ["NONE"], Interval: 1, Retries: 3 }, Memory: 2 },
  })
    .replace('"Interval":1', '"Interval":9223372036854775807')
    .replace('"Memory":2', '"Memory":-9223372036854775808');
  const { config } = parseImageConfig(bytes(text)).value;
  assert.equal(config?.Memory, -(2n ** 63n));
  assert.deepEqual(config?.Healthcheck, { Test: ["NONE"], Interval: 2n ** 63n - 1n, Retries: 3 });
  refused(text.replace("5807", "5808"), "ERR_JSON_TYPE", "$['config']['Healthcheck']['Interval']");
  refused(text.replace("9223372036854775807", "1.5"), "ERR_JSON_TYPE");
  refused(text.replace("9223372036854775807", "1.0"), "ERR_JSON_TYPE");
});

test("null stands for absent", () => {
  const nulls = { created: null, config: null, history: null, "os.features": null, variant: null };
  assert.deepEqual(parseImageConfig(bytes({ ...least, ...nulls })).value, least);
  const config = {
    Env: null,
    Volumes: null,
    Labels: null,
    Healthcheck: null,
    Memory: null,
    ArgsEscaped: null,
  };
  assert.deepEqual(parseImageConfig(bytes({ ...least, config })).value.config, {});
  const rootfs = { type: "layers", diff_ids: null };
  assert.deepEqual(parseImageConfig(bytes({ ...least, rootfs })).value.rootfs.diff_ids, []);
});

test("what is missing, of a wrong type or in another spelling is refused with its place", () => {
  for (const name of ["architecture", "os", "rootfs"]) {
    refused({ ...least, [name]: undefined }, "ERR_JSON_MISSING_KEY", "$");
    refused({ ...least, [name]: 1 }, "ERR_JSON_TYPE", `$['${name}']`);
  }
  refused({ ...least, rootfs: { type: "other", diff_ids: [] } }, "ERR_JSON_TYPE", "$['rootfs']['type']");
  refused({ ...least, rootfs: { type: "layers" } }, "ERR_JSON_MISSING_KEY", "$['rootfs']");
  refused({ ...least, config: { Env: "A=b" } }, "ERR_JSON_TYPE", "$['config']['Env']");
  refused({ ...least, config: { Volumes: ["/v"] } }, "ERR_JSON_TYPE", "$['config']['Volumes']");
  refused({ ...least, config: { Labels: { a: 1 } } }, "ERR_JSON_TYPE", "$['config']['Labels']['a']");
  refused({ ...least, config: { ArgsEscaped: "yes" } }, "ERR_JSON_TYPE", "$['config']['ArgsEscaped']");
  refused({ ...least, history: [{ empty_layer: 1 }] }, "ERR_JSON_TYPE", "$['history'][0]['empty_layer']");
  refused({ ...least, created: "yesterday" }, "ERR_JSON_TYPE", "$['created']");
  refused({ ...least, RootFS: least.rootfs }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...least, config: { entrypoint: ["/x"] } }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused(JSON.stringify(least).replace("{", '{"os":"windows",'), "ERR_JSON_DUPLICATE_KEY");
  refused("", "ERR_JSON_SYNTAX");
  refused("[]", "ERR_JSON_TYPE", "$");
});

test("CVE-2024-3727: diff ids are digests", () => {
  for (const bad of ["sha256:../../x", `sha256:${"A".repeat(64)}`, ""]) {
    refused(
      { ...least, rootfs: { type: "layers", diff_ids: [bad] } },
      "ERR_DIGEST_INVALID",
      "$['rootfs']['diff_ids'][0]",
    );
  }
});

test("type, limit and algorithm are the caller's", () => {
  const document = parseImageConfig(bytes(least), { mediaType: DOCKER_CONFIG, algorithm: "sha512" });
  assert.equal(document.descriptor.mediaType, DOCKER_CONFIG);
  assert.equal(document.descriptor.digest, digestOf(bytes(least), "sha512"));
  assert.throws(() => parseImageConfig(bytes(least), { maxBytes: 10 }), { code: "ERR_TOO_LARGE" });
});

test("a configuration must name as many layers as the manifest", () => {
  const { value } = parseImageConfig(bytes(least));
  const layer = { mediaType: "a/b", digest, size: 1 };
  checkLayerCount({ layers: [layer] }, value);
  for (const layers of [[], [layer, layer]]) {
    assert.throws(() => checkLayerCount({ layers }, value), { code: "ERR_OCI_DOCUMENT_INVALID" });
  }
});
