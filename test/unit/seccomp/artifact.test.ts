import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import {
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  SECCOMP_PROFILE_CONFIG,
} from "../../../src/core/media-types.ts";
import {
  type ArtifactSource,
  type FetchProfileArtifactOptions,
  fetchProfileArtifact,
} from "../../../src/seccomp/artifact.ts";
import { checkProfileManifest, profileArtifactReference } from "../../../src/seccomp/artifact-check.ts";
import { readArtifactDocument } from "../../../src/seccomp/artifact-manifest.ts";

const PROFILE = Buffer.from('{"defaultAction":"SCMP_ACT_ERRNO"}');
const NAME = "registry.example/crio/seccomp";
const VERSIONS = ["1.30", "1.33", "1.35", "1.37"];

interface Served {
  layer?: Uint8Array;
  manifest?: object;
  mediaType?: string;
  digest?: string;
  asked?: string[];
}

function layerOf(bytes: Uint8Array): object {
  return { mediaType: "application/json", digest: digestOf(bytes), size: bytes.byteLength };
}

function manifestOf(change: object = {}): object {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: SECCOMP_PROFILE_CONFIG, digest: digestOf("{}"), size: 2 },
    layers: [layerOf(PROFILE)],
    ...change,
  };
}

function serve({
  layer = PROFILE,
  manifest = manifestOf(),
  mediaType = OCI_MANIFEST,
  ...rest
}: Served): ArtifactSource {
  const bytes = Buffer.from(JSON.stringify(manifest));
  return {
    async resolve(reference) {
      rest.asked?.push(reference);
      return { bytes, mediaType, digest: rest.digest ?? digestOf(bytes) };
    },
    async fetchBlob(repository, { digest }, { maxBytes }) {
      rest.asked?.push(`${repository} ${digest} ${maxBytes}`);
      return layer;
    },
  };
}

function fetch(
  served: Served,
  options: Partial<FetchProfileArtifactOptions> = {},
  reference = `${NAME}:v2`,
): ReturnType<typeof fetchProfileArtifact> {
  return fetchProfileArtifact(reference, { source: serve(served), ...options });
}

const REFUSED = { code: "ERR_SECCOMP_ARTIFACT" };

describe("fetchProfileArtifact", () => {
  test("fetches manifest and first layer, and checks both digests", async () => {
    const asked: string[] = [];
    const artifact = await fetch({ asked });
    assert.deepEqual(Buffer.from(artifact.profile), PROFILE);
    assert.equal(artifact.layer.digest, digestOf(PROFILE));
    assert.deepEqual(artifact.warnings, ["not-pinned"]);
    assert.deepEqual(asked, [`${NAME}:v2`, `${NAME} ${digestOf(PROFILE)} ${PROFILE.byteLength}`]);
  });

  test("refuses content that is not what its digest says", async () => {
    await assert.rejects(fetch({ layer: Buffer.from("x".repeat(PROFILE.byteLength)) }), REFUSED);
    await assert.rejects(fetch({ layer: PROFILE.subarray(1) }), REFUSED);
    await assert.rejects(fetch({ layer: Buffer.concat([PROFILE, PROFILE]) }), REFUSED);
    await assert.rejects(fetch({ digest: digestOf("other") }), REFUSED);
    await assert.rejects(fetch({ digest: "sha256:../../x" }), REFUSED);
    await assert.rejects(fetch({}, {}, `${NAME}@${digestOf("other")}`), REFUSED);
    const pinned = await fetch({}, {}, `${NAME}@${digestOf(JSON.stringify(manifestOf()))}`);
    assert.deepEqual(pinned.warnings, []);
  });

  test("calls check before a layer is fetched, and lets its refusal through unchanged", async () => {
    const asked: string[] = [];
    const reason = new Error("not signed");
    const check = (): never => {
      throw reason;
    };
    await assert.rejects(fetch({ asked }, { check }), (error) => error === reason);
    await assert.rejects(
      fetch({ asked }, { check: () => Promise.reject(reason) }),
      (error) => error === reason,
    );
    assert.deepEqual(asked, [`${NAME}:v2`, `${NAME}:v2`]);
    let seen = "";
    await fetch(
      {},
      {
        check({ manifest }) {
          seen = manifest.digest;
        },
      },
    );
    assert.equal(seen, digestOf(JSON.stringify(manifestOf())));
  });

  test("in strict mode refuses what CRI-O overlooks", async () => {
    const pinned = (manifest: object): string => `${NAME}@${digestOf(JSON.stringify(manifest))}`;
    const strict = (manifest: object): Promise<unknown> =>
      fetch({ manifest }, { strict: true }, pinned(manifest));
    await strict(manifestOf());
    await assert.rejects(fetch({}, { strict: true }), REFUSED);
    await assert.rejects(
      strict(manifestOf({ layers: [layerOf(PROFILE), layerOf(Buffer.from("{}"))] })),
      REFUSED,
    );
    const image = manifestOf({ config: { mediaType: OCI_CONFIG, digest: digestOf("{}"), size: 2 } });
    await assert.rejects(strict(image), REFUSED);
    const loose = await fetch({ manifest: image });
    assert.deepEqual(loose.warnings, ["not-pinned", "config-media-type", "container-image"]);
  });

  test("resolves an index only where the version does, and only to the manifest that was chosen", async () => {
    const inner = Buffer.from(JSON.stringify(manifestOf()));
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }));
    const source: ArtifactSource = {
      ...serve({}),
      async resolve(reference) {
        const bytes = reference.includes("@") ? inner : index;
        return {
          bytes,
          digest: digestOf(bytes),
          mediaType: reference.includes("@") ? OCI_MANIFEST : OCI_INDEX,
        };
      },
    };
    const selectManifest = (): string => digestOf(inner);
    const at = (version: string, options = {}): Promise<unknown> =>
      fetchProfileArtifact(`${NAME}:v2`, { source, version, selectManifest, ...options });
    await assert.rejects(at("1.32"), REFUSED);
    await at("1.33");
    await at("1.37");
    await assert.rejects(at("1.37", { selectManifest: () => digestOf("other") }), REFUSED);
    await assert.rejects(at("1.37", { selectManifest: undefined }), { code: "ERR_SECCOMP_UNSUPPORTED" });
  });

  test("rejects with the signal's reason before, during and after", async () => {
    const reason = new Error("stop");
    await assert.rejects(fetch({}, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    const never: ArtifactSource = {
      resolve: () => new Promise(() => {}),
      fetchBlob: () => new Promise(() => {}),
    };
    for (const source of [never, { ...serve({}), fetchBlob: never.fetchBlob }]) {
      const controller = new AbortController();
      const running = fetchProfileArtifact(`${NAME}:v2`, { source, signal: controller.signal });
      setImmediate(() => controller.abort(reason));
      await assert.rejects(running, (error) => error === reason);
    }
    const controller = new AbortController();
    await fetch({}, { signal: controller.signal });
    controller.abort(reason);
  });

  test("asks for no more than the limit, and refuses a larger declared size without asking", async () => {
    const huge = { ...layerOf(PROFILE), size: 1_048_577 };
    for (const version of VERSIONS) {
      const asked: string[] = [];
      await assert.rejects(fetch({ asked, manifest: manifestOf({ layers: [huge] }) }, { version }), REFUSED);
      assert.deepEqual(asked, [`${NAME}:v2`]);
    }
    const exact = Buffer.alloc(1_048_576, " ");
    const artifact = await fetch({ layer: exact, manifest: manifestOf({ layers: [layerOf(exact)] }) });
    assert.equal(artifact.profile.byteLength, 1_048_576);
  });
});

describe("profileArtifactReference", () => {
  const full = (text: string, version: string): string => {
    const { domain, path, tag, digest } = profileArtifactReference(text, { version });
    return `${domain}/${path}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
  };

  test("completes short names before 1.37 and refuses them since", () => {
    assert.equal(full("seccomp", "1.36"), "docker.io/library/seccomp:latest");
    assert.equal(full("runtime/default", "1.30"), "docker.io/runtime/default:latest");
    for (const text of ["seccomp", "crio/seccomp:v2", "docker.io/seccomp"]) {
      assert.throws(() => profileArtifactReference(text, { version: "1.37" }), REFUSED);
    }
    assert.equal(full(`${NAME}`, "1.37"), `${NAME}:latest`);
    assert.equal(full("[::1]:5000/a", "1.37"), "[::1]:5000/a:latest");
  });

  test("refuses a tag with a digest, and what is no reference", () => {
    for (const version of VERSIONS) {
      assert.throws(() => profileArtifactReference(`${NAME}:v2@${digestOf("x")}`, { version }), REFUSED);
      assert.equal(full(`${NAME}@${digestOf("x")}`, version), `${NAME}@${digestOf("x")}`);
      for (const text of [
        "",
        " ",
        "r.example/Upper:v1",
        `${NAME}@sha256:abc`,
        `${NAME}:`,
        "a".repeat(10_000),
        "é/x",
      ]) {
        assert.throws(() => profileArtifactReference(text, { version }), REFUSED);
      }
    }
  });
});

describe("checkProfileManifest", () => {
  const good = {
    mediaType: OCI_MANIFEST,
    configMediaType: SECCOMP_PROFILE_CONFIG,
    layers: [{ mediaType: "application/json", size: 1, title: "a" }],
  };
  const kindAt = (manifest: typeof good & { artifactType?: string }, version: string): string =>
    checkProfileManifest(manifest, { version }).kind;

  test("checks the config's media type up to 1.34", () => {
    const other = { ...good, configMediaType: "application/x" };
    assert.deepEqual(
      VERSIONS.map((version) => kindAt(other, version)),
      ["rejected", "rejected", "accepted", "accepted"],
    );
  });

  test("refuses an ordinary image from 1.35.2 to 1.36", () => {
    const image = { ...good, configMediaType: OCI_CONFIG };
    const versions = ["1.34.0", "1.35.0", "1.35.1", "1.35.2", "1.35", "1.36.0", "1.37.0"];
    assert.deepEqual(
      versions.map((version) => kindAt(image, version)),
      ["rejected", "accepted", "accepted", "rejected", "rejected", "rejected", "accepted"],
    );
    assert.equal(kindAt({ ...image, artifactType: "application/x" }, "1.36"), "accepted");
    assert.equal(kindAt({ ...image, configMediaType: "" }, "1.36"), "rejected");
  });

  test("does not weigh sizes that no content can have", () => {
    const [layer] = good.layers;
    for (const size of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY]) {
      const manifest = { ...good, layers: layer ? [{ ...layer, size }] : [] };
      for (const version of VERSIONS) assert.throws(() => kindAt(manifest, version), RangeError);
    }
  });

  test("checks titles since 1.37", () => {
    const [layer] = good.layers;
    const twice = { ...good, layers: layer ? [layer, layer] : [] };
    const slash = { ...good, layers: layer ? [{ ...layer, title: "../a" }] : [] };
    for (const manifest of [twice, slash]) {
      assert.deepEqual(
        VERSIONS.map((version) => kindAt(manifest, version)),
        ["accepted", "accepted", "accepted", "rejected"],
      );
    }
  });
});

describe("readArtifactDocument", () => {
  const read = (document: object | string, mediaType = OCI_MANIFEST): unknown =>
    readArtifactDocument(
      Buffer.from(typeof document === "string" ? document : JSON.stringify(document)),
      mediaType,
    );

  test("refuses a document that can be read in two ways", () => {
    const bad: [document: object | string, mediaType?: string][] = [
      [manifestOf(), OCI_INDEX],
      [manifestOf({ mediaType: OCI_INDEX })],
      [manifestOf({ manifests: [] })],
      [{ mediaType: OCI_INDEX, manifests: [], layers: [] }, OCI_INDEX],
      [{ mediaType: OCI_INDEX, manifests: [], config: {} }, OCI_INDEX],
      [manifestOf({ fsLayers: [] })],
      [manifestOf({ Layers: [] })],
      [JSON.stringify(manifestOf()).replace("{", '{"layers":[],')],
      [manifestOf({ config: undefined })],
      [manifestOf({ layers: {} })],
      [manifestOf({ layers: [{ ...layerOf(PROFILE), size: -1 }] })],
      [manifestOf({ layers: [{ ...layerOf(PROFILE), size: 1.5 }] })],
      [manifestOf({ layers: [{ ...layerOf(PROFILE), digest: "sha256:x" }] })],
      [manifestOf({ layers: [{ ...layerOf(PROFILE), digest: undefined }] })],
      [manifestOf(), "application/vnd.docker.distribution.manifest.v1+json"],
      [manifestOf(), "text/plain"],
      ["[]"],
      [""],
      ["\u0000"],
    ];
    for (const [document, mediaType] of bad) {
      assert.throws(() => read(document, mediaType), REFUSED, JSON.stringify(document).slice(0, 80));
    }
  });
});
