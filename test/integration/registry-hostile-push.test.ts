/** Writing to a registry that sends uploads astray, loses them, or says that it has what it has not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { describeContent, packManifest } from "../../src/oci/index.ts";
import type { RegistryMisbehaviour } from "../../src/testing/index.ts";
import { type Hostile, type HostileOptions, withHostile } from "./registry-hostile-setup.ts";

const added = Buffer.alloc(200_000, "new content ");
const descriptor = describeContent(added, "application/octet-stream");

const pushBytes = ({ repository }: Hostile) => repository.push(descriptor, added);
const pushStream = ({ repository }: Hostile) => repository.push(descriptor, pieces());
async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < added.length; at += 50_000) yield added.subarray(at, at + 50_000);
}

/** A push that must fail with a code, on both ways, and leave nothing at the registry, no session either. */
function refused(
  name: string,
  misbehave: (hostile: Hostile) => RegistryMisbehaviour,
  code: string,
  { most = 1, ...options }: HostileOptions & { most?: number } = {},
): void {
  for (const [way, push] of [
    ["bytes", pushBytes],
    ["a stream", pushStream],
  ] as const) {
    test(`${name}, ${way}`, () =>
      withHostile(async (hostile) => {
        const injected = hostile.misbehave(misbehave(hostile));
        await assert.rejects(push(hostile), (error: { code: string }) => {
          assert.equal(error.code, code, String(error));
          return true;
        });
        assert.ok(injected.met >= 1 && injected.met <= most, `met ${injected.met} times`);
        assert.ok(!hostile.server.stored("a/b").blobs.includes(descriptor.digest));
      }, options));
  }
}

const POST: RegistryMisbehaviour = { method: "POST", path: "/blobs/uploads/" };
const PUT: RegistryMisbehaviour = { method: "PUT", path: "/blobs/uploads/" };
/** The session that the registry began is beyond reach without its location. */
const answered = (headers: Record<string, string>): RegistryMisbehaviour => ({
  ...POST,
  reply: () => ({ status: 202, headers }),
});

refused("an upload without a location", () => answered({}), "ERR_OCI_PROTOCOL");
refused("an upload with an empty location", () => answered({ Location: "" }), "ERR_OCI_PROTOCOL");
refused(
  "an upload with a location that is none",
  () => answered({ Location: "http://[" }),
  "ERR_OCI_PROTOCOL",
);
refused(
  "GHSA-jxpm-75mh-9fp7: an upload located on another port",
  ({ elsewhere }) => answered({ Location: `${elsewhere.url}/v2/a/b/blobs/uploads/1` }),
  "ERR_OCI_LOCATION_REFUSED",
);
refused(
  "GHSA-jxpm-75mh-9fp7: an upload located under another scheme",
  ({ server }) => answered({ Location: `https://${server.host}/v2/a/b/blobs/uploads/1` }),
  "ERR_OCI_LOCATION_REFUSED",
);
refused(
  "GHSA-jxpm-75mh-9fp7: an upload located under another name of the same address",
  ({ server }) => answered({ Location: server.url.replace("127.0.0.1", "localhost") }),
  "ERR_OCI_LOCATION_REFUSED",
);
refused(
  "GHSA-jxpm-75mh-9fp7: an upload located at a user's",
  ({ server }) => answered({ Location: server.url.replace("http://", "http://alice:x@") }),
  "ERR_OCI_LOCATION_REFUSED",
);
refused(
  "GHSA-vh4v-2xq2-g5cg: a write that is redirected elsewhere",
  ({ elsewhere }) => ({ ...POST, redirectTo: `${elsewhere.url}/v2/a/b/blobs/uploads/` }),
  "ERR_OCI_REDIRECT_REFUSED",
);
refused(
  "GHSA-vh4v-2xq2-g5cg: content that is redirected elsewhere",
  ({ elsewhere }) => ({ ...PUT, redirectTo: `${elsewhere.url}/x` }),
  "ERR_OCI_REDIRECT_REFUSED",
);
refused(
  "a registry that says that it stored something else",
  () => ({ ...PUT, reply: () => ({ status: 201, headers: { "Docker-Content-Digest": digestOf("else") } }) }),
  "ERR_DIGEST_MISMATCH",
);
refused("content that is too large for the registry", () => ({ ...PUT, status: 413 }), "ERR_OCI_STATUS");
refused("a registry that never ends to fail", () => ({ ...PUT, status: 503 }), "ERR_OCI_STATUS", { most: 3 });
refused(
  "a registry that limits the rate for an hour",
  () => ({ ...PUT, retryAfter: 3600 }),
  "ERR_OCI_RATE_LIMITED",
);
refused("a registry that resets uploads", () => ({ ...PUT, disconnect: "reset" }), "ERR_OCI_NETWORK", {
  most: 3,
});
refused("a registry that never takes an upload", () => ({ ...PUT, never: true }), "ERR_OCI_NETWORK", {
  most: 2,
  client: { headersTimeoutMs: 300, retry: { attempts: 2, baseMs: 0, maxMs: 0 } },
  maxMs: 20_000,
});
refused("a registry that forgets uploads", () => ({ ...PUT, status: 404 }), "ERR_OCI_NOT_FOUND");
refused(
  "a registry that wants a token again and again",
  ({ server }) => ({ ...PUT, realm: `${server.url}/token` }),
  "ERR_OCI_UNAUTHORIZED",
  { most: 3 },
);
refused("a user who may not write", () => ({ ...POST, status: 403 }), "ERR_OCI_DENIED");

test("an answer that comes before the content was sent ends the push", () =>
  withHostile(async (hostile) => {
    const injected = hostile.misbehave({ ...PUT, beforeBody: true, status: 413 });
    const large = Buffer.alloc(20_000_000, "x");
    const push = hostile.repository.push(describeContent(large, "application/octet-stream"), large);
    // Whether the answer or the end of the connection is seen first is the network's to say.
    await assert.rejects(push, (error: { code: string }) =>
      ["ERR_OCI_STATUS", "ERR_OCI_NETWORK"].includes(error.code),
    );
    assert.ok(injected.met >= 1 && injected.met <= 3);
  }));

test("a manifest is not taken for stored under another digest, and not sent elsewhere", () =>
  withHostile(async ({ repository, misbehave, elsewhere }) => {
    const { bytes, descriptor: manifest } = packManifest({ artifactType: "a/new" });
    const cases: [RegistryMisbehaviour, string][] = [
      [
        { reply: () => ({ status: 201, headers: { "Docker-Content-Digest": digestOf("else") } }) },
        "ERR_DIGEST_MISMATCH",
      ],
      [{ redirectTo: `${elsewhere.url}/x` }, "ERR_OCI_REDIRECT_REFUSED"],
      [{ status: 413 }, "ERR_OCI_STATUS"],
      [{ status: 403 }, "ERR_OCI_DENIED"],
      [{ disconnect: "end" }, "ERR_OCI_NETWORK"],
    ];
    for (const [misbehaviour, code] of cases) {
      const injected = misbehave({ method: "PUT", path: "/manifests/", ...misbehaviour });
      await assert.rejects(repository.push(manifest, bytes), { code });
      assert.ok(injected.met >= 1 && injected.met <= 3);
      injected.undo();
    }
  }));

test("what a registry only says to have is pushed no less: existence is not taken from a redirect or an error", () =>
  withHostile(async ({ repository, misbehave, server }) => {
    for (const status of [500, 403, 429]) {
      const injected = misbehave({ method: "HEAD", path: "/blobs/", status, times: 3 });
      await assert.rejects(repository.push(descriptor, added), { statusCode: status });
      injected.undo();
    }
    assert.ok(!server.requests.some(({ method }) => method === "PUT"));
  }));

test("a push goes through after failures that pass, and the sessions that failed are cancelled", () =>
  withHostile(
    async ({ repository, misbehave, server }) => {
      misbehave({ ...PUT, disconnect: "reset", times: 1 });
      misbehave({ ...PUT, status: 503, times: 1 });
      await repository.push(descriptor, added);
      const stored = server.stored("a/b");
      assert.ok(stored.blobs.includes(descriptor.digest));
      assert.equal(stored.uploads, 0);
      await fetch(`${server.url}/v2/`);
    },
    { mayStore: true },
  ));
