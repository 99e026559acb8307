import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { packManifest } from "../../src/oci/artifact.ts";
import { openGuard } from "../../src/testing/registry-auth.ts";
import { emptyContent } from "../../src/testing/registry-content.ts";
import { registryLoader } from "../../src/testing/registry-load.ts";
import { routeSettings } from "../../src/testing/registry-options.ts";
import { answerRequest } from "../../src/testing/registry-routes.ts";
import { property } from "./runs.ts";

const blob = Buffer.from("0123456789");
const manifest = packManifest({ artifactType: "a/b" });
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "a", "v1", "sha256:x", "*"),
);
const reference = fc.oneof(
  text,
  fc.constantFrom(digestOf(blob), digestOf(blob, "sha512"), manifest.descriptor.digest),
);
const path = fc.oneof(
  text.map((rest) => `/v2/${rest}`),
  fc
    .tuple(fc.constantFrom("blobs", "manifests", "referrers", "blobs/uploads", "tags"), reference)
    .map(([kind, rest]) => `/v2/a/${kind}/${rest}`),
  fc.constantFrom("/v2/_catalog", "/token", "/v2/a/tags/list", "/v2/a/blobs/uploads/"),
);
const header = fc.oneof(text, fc.constantFrom("bytes=0-4", "bytes=-3", "bytes=9-", "0-9", "5-1", '"x"'));
const record = (names: string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, header])), { requiredKeys: [] });

test("the in-process registry answers whatever it is asked, and an answer to a range is of that range", () => {
  fc.assert(
    fc.property(
      fc.record({
        method: fc.oneof(fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"), text),
        path,
        query: record([
          "n",
          "last",
          "mount",
          "from",
          "digest",
          "digest-algorithm",
          "tag",
          "state",
          "_state",
          "artifactType",
        ]),
        headers: record([
          "range",
          "if-range",
          "if-match",
          "if-none-match",
          "content-range",
          "content-type",
          "accept",
        ]),
        body: fc.oneof(fc.uint8Array(), fc.constant(Uint8Array.from(manifest.bytes))),
      }),
      fc.constantFrom("oci-1.1" as const, "docker-registry-2.8" as const),
      (asked, behaviour) => {
        const content = emptyContent();
        const loader = registryLoader(content);
        loader.addBlob("a", blob);
        loader.addManifest("a", manifest.bytes, { tags: ["v1"] });
        const query = new URLSearchParams(asked.query as Record<string, string>);
        const request = { ...asked, query, connection: 1 };
        const reply = answerRequest(content, openGuard(), request, routeSettings({ behaviour }, "http://h"));
        assert.ok(reply.status >= 200 && reply.status < 508);
        assert.ok(reply.status !== 500);
        if (reply.status === 206) {
          const [, first, last] =
            /^bytes ([0-9]+)-([0-9]+)\/10$/.exec(String(reply.headers?.["Content-Range"])) ?? [];
          assert.deepEqual(
            Buffer.from(reply.body as Uint8Array),
            blob.subarray(Number(first), Number(last) + 1),
          );
        }
        assert.ok(content.storedBytes >= 0);
      },
    ),
    property,
  );
});
