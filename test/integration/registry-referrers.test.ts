import assert from "node:assert/strict";
import { test } from "node:test";
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  type Descriptor,
  describeContent,
  fetchManifest,
  type Repository,
  type RepositoryReferrersOptions,
  referrersTag,
} from "../../src/oci/index.ts";
import { jsonReply, type RegistryReply, type RegistryRequest } from "../../src/testing/registry-reply.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

const EMPTY = Buffer.from("{}");
const CONFIG = describeContent(EMPTY, OCI_EMPTY);

interface Referrer {
  bytes: Uint8Array;
  manifest: Descriptor;
  /** As a list of referrers has it. */
  listed: Descriptor;
}

/** A manifest that refers to a subject. */
function referrerTo(subject: Descriptor, artifactType: string, n = 0): Referrer {
  const annotations = { n: String(n), "a.b/ž": "ü" };
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType,
      config: CONFIG,
      layers: [CONFIG],
      subject,
      annotations,
    }),
  );
  const manifest = describeContent(bytes, OCI_MANIFEST);
  return { bytes, manifest, listed: { ...manifest, artifactType, annotations } };
}

async function list(
  repository: Repository,
  subject: Descriptor,
  options?: RepositoryReferrersOptions,
): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  for await (const descriptor of repository.referrers(subject, options)) found.push(descriptor);
  return found.sort((a, b) => (a.annotations?.["n"] ?? "").localeCompare(b.annotations?.["n"] ?? ""));
}

for (const referrers of ["api", "off", "announced-only"] as const) {
  test(`what refers to a manifest is listed, with type and annotations: ${referrers}`, async (t) => {
    const { server, registry, repository } = await pairFor(t, { referrers });
    const { manifest: subject } = await pushSample(repository);
    await repository.push(CONFIG, EMPTY);
    assert.deepEqual(await list(repository, subject), []);
    const made = [
      referrerTo(subject, "a/sbom", 1),
      referrerTo(subject, "a/sig", 2),
      referrerTo(subject, "a/sig", 3),
    ];
    for (const { manifest, bytes } of made) await repository.push(manifest, bytes);
    const listed = made.map((one) => one.listed);
    assert.deepEqual(await list(repository, subject), listed);
    assert.deepEqual(await list(repository, subject, { artifactType: "a/sig" }), listed.slice(1));
    assert.deepEqual(await list(repository, subject, { artifactType: "a/none" }), []);
    assert.equal(
      (await list(repository, subject, { fallback: "never" })).length,
      referrers === "api" ? 3 : 0,
    );
    // Pushed again, the index stays as it is.
    const puts = () => server.requests.filter(({ method }) => method === "PUT").length;
    const before = puts();
    for (const { manifest, bytes } of made) await repository.push(manifest, bytes);
    assert.equal(puts(), before);
    const again = clientFor(t).repository(repository.name);
    await again.delete((made[1] as Referrer).manifest);
    assert.deepEqual(await list(repository, subject), [listed[0], listed[2]]);
    assert.equal(await again.exists((made[1] as Referrer).manifest), false);
    const tags: string[] = [];
    for await (const tag of registry.repository(repository.name).tags()) tags.push(tag);
    assert.deepEqual(tags, referrers === "api" ? ["v1"] : [referrersTag(subject.digest), "v1"]);
  });
}

test("an interrupted push is completed by the next one", async (t) => {
  let broken = true;
  const { repository } = await pairFor(t, {
    referrers: "off",
    intercept: ({ method, path }) =>
      broken && method === "PUT" && path.includes("/manifests/sha256-") ? { status: 403 } : undefined,
  });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const { manifest, bytes, listed } = referrerTo(subject, "a/b");
  await assert.rejects(repository.push(manifest, bytes), { code: "ERR_OCI_DENIED" });
  assert.ok(await repository.exists(manifest));
  broken = false;
  await repository.push(manifest, bytes);
  assert.deepEqual(await list(repository, subject), [listed]);
});

test("pushes at the same time lose none of each other's referrers", async (t) => {
  const { repository } = await pairFor(t, { referrers: "off" });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const made = Array.from({ length: 9 }, (_, n) => referrerTo(subject, "a/b", n));
  await Promise.all(made.map(({ manifest, bytes }) => repository.push(manifest, bytes)));
  assert.deepEqual(
    await list(repository, subject),
    made.map(({ listed }) => listed),
  );
});

test("clients of different processes see that their referrer was overwritten, and add it again", async (t) => {
  const { server, repository } = await pairFor(t, { referrers: "off" });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const made = Array.from({ length: 4 }, (_, n) => referrerTo(subject, "a/b", n));
  const clients = made.map(() =>
    clientFor(t, { retry: { baseMs: 30, maxMs: 60 } }).repository(`${server.host}/a/b`),
  );
  await Promise.all(made.map(({ manifest, bytes }, n) => clients[n]?.push(manifest, bytes)));
  // A change that is overwritten after it was seen to last is not noticed: the specification knows no better.
  for (const [n, { manifest, bytes }] of made.entries()) await clients[n]?.push(manifest, bytes);
  assert.equal((await list(repository, subject)).length, 4);
});

test("an index that others change again and again is given up, in so many tries", async (t) => {
  let puts = 0;
  const { repository } = await pairFor(t, {
    referrers: "off",
    intercept: ({ method, path }) => {
      if (!path.includes("/manifests/sha256-")) return undefined;
      if (method === "PUT") puts++;
      // Whatever is written, something else is there afterwards.
      return method === "PUT"
        ? { status: 201 }
        : jsonReply(200, { schemaVersion: 2, manifests: [] }, { "Content-Type": OCI_INDEX });
    },
  });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const { manifest, bytes } = referrerTo(subject, "a/b");
  await assert.rejects(repository.push(manifest, bytes), { code: "ERR_OCI_CONFLICT" });
  assert.equal(puts, 8);
});

test("the registry is told which index is replaced, and a refusal is followed by another try", async (t) => {
  const conditions: unknown[] = [];
  let refusals = 1;
  const { repository } = await pairFor(t, {
    referrers: "off",
    intercept: ({ method, path, headers }) => {
      if (method !== "PUT" || !path.includes("/manifests/sha256-")) return undefined;
      conditions.push([headers["if-match"], headers["if-none-match"]]);
      return refusals-- > 0 ? { status: 412 } : undefined;
    },
  });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const made = [referrerTo(subject, "a/b", 1), referrerTo(subject, "a/b", 2)];
  const [one, two] = made as [Referrer, Referrer];
  await repository.push(one.manifest, one.bytes);
  const { digest: first } = await repository.resolve(referrersTag(subject.digest));
  await repository.push(two.manifest, two.bytes);
  assert.deepEqual(conditions, [
    [undefined, "*"],
    [undefined, "*"],
    [`"${first}"`, undefined],
  ]);
  assert.equal((await list(repository, subject)).length, 2);
});

test("what others wrote into an index is kept, and a listed referrer without annotations gets them", async (t) => {
  const { server, repository } = await pairFor(t, { referrers: "off", allowMissing: true });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const { manifest, bytes, listed } = referrerTo(subject, "a/b", 1);
  const other = { ...describeContent(Buffer.from("other"), OCI_MANIFEST), "x-unknown": { deep: [1] } };
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [other, manifest],
      annotations: { kept: "yes" },
      unknown: 1,
    }),
  );
  const old = describeContent(index, OCI_INDEX);
  await repository.push(old, index);
  await repository.tag(old, referrersTag(subject.digest));
  await repository.push(manifest, bytes, { deleteReplacedReferrers: true });
  const { bytes: now } = await fetchManifest(repository, referrersTag(subject.digest));
  assert.deepEqual(JSON.parse(Buffer.from(now).toString()), {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [other, listed],
    annotations: { kept: "yes" },
    unknown: 1,
  });
  assert.equal(await repository.exists(old), false);
  assert.ok(server.requests.some(({ method, url }) => method === "DELETE" && url.endsWith(old.digest)));
});

test("a tag that stands for something else than an index is not taken for a list, nor overwritten", async (t) => {
  const { server, repository } = await pairFor(t, { referrers: "off" });
  const { manifest: subject, manifest } = await pushSample(repository);
  await repository.tag(manifest, referrersTag(subject.digest));
  await assert.rejects(list(repository, subject), { code: "ERR_OCI_PROTOCOL" });
  const referrer = referrerTo(subject, "a/b");
  const before = server.requests.length;
  await assert.rejects(repository.push(referrer.manifest, referrer.bytes), { code: "ERR_OCI_PROTOCOL" });
  const puts = server.requests.slice(before).filter(({ method }) => method === "PUT");
  assert.deepEqual(
    puts.map(({ url }) => url),
    [`/v2/a/b/manifests/${referrer.manifest.digest}`],
  );
});

test("answers that show that there is no API: the tag is read", async (t) => {
  let reply: RegistryReply = { status: 404 };
  const { repository } = await pairFor(t, {
    referrers: "off",
    intercept: ({ path }) => (path.includes("/referrers/") ? reply : undefined),
  });
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const { manifest, bytes, listed } = referrerTo(subject, "a/b");
  await repository.push(manifest, bytes);
  const noApi: RegistryReply[] = [
    { status: 404 },
    { status: 400 },
    { status: 405 },
    { status: 200, headers: { "Content-Type": "text/html" }, body: "<html>" },
    jsonReply(200, { schemaVersion: 2, manifests: [] }),
  ];
  for (const one of noApi) {
    reply = one;
    assert.deepEqual(await list(repository, subject), [listed], JSON.stringify(one));
  }
  // A failure is none of these: it must not pass for an empty list.
  for (const [status, code] of [
    [401, "ERR_OCI_UNAUTHORIZED"],
    [403, "ERR_OCI_DENIED"],
    [500, "ERR_OCI_STATUS"],
    [429, "ERR_OCI_RATE_LIMITED"],
  ] as const) {
    reply = { status };
    await assert.rejects(list(repository, subject), { code });
  }
  reply = { status: 200, headers: { "Content-Type": OCI_INDEX }, body: '{"schemaVersion":2,' };
  await assert.rejects(list(repository, subject), { code: "ERR_JSON_SYNTAX" });
});

test("the API and the tag are merged when asked for, each referrer once", async (t) => {
  const { repository } = await pairFor(t);
  const { manifest: subject } = await pushSample(repository);
  await repository.push(CONFIG, EMPTY);
  const made = [referrerTo(subject, "a/b", 1), referrerTo(subject, "a/b", 2)];
  for (const { manifest, bytes } of made) await repository.push(manifest, bytes);
  const stale = describeContent(Buffer.from("only under the tag"), OCI_MANIFEST);
  const other = await serverFor(t, { allowMissing: true });
  const helper = clientFor(t).repository(`${other.host}/a/b`);
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [made[0]?.listed, stale] }),
  );
  await helper.push(describeContent(index, OCI_INDEX), index);
  const { repository: merging } = await pairFor(t, {
    intercept: async ({ path }: RegistryRequest) => {
      if (path.includes("/referrers/")) {
        return jsonReply(
          200,
          { schemaVersion: 2, manifests: made.map(({ listed }) => listed) },
          { "Content-Type": OCI_INDEX },
        );
      }
      return path.includes("/manifests/sha256-")
        ? { status: 200, headers: { "Content-Type": OCI_INDEX }, body: index }
        : undefined;
    },
  });
  assert.equal((await list(merging, subject)).length, 2);
  assert.deepEqual(
    new Set((await list(merging, subject, { fallback: "always" })).map(({ digest }) => digest)),
    new Set([...made.map(({ manifest }) => manifest.digest), stale.digest]),
  );
});

test("CVE-2023-46737: referrers without end are cut, whether in one page or in many", async (t) => {
  let n = 0;
  const { repository } = await pairFor(t, {
    intercept: () =>
      jsonReply(
        200,
        { schemaVersion: 2, manifests: [describeContent(Buffer.from(String(n++)), OCI_MANIFEST)] },
        { "Content-Type": OCI_INDEX, Link: `<?last=${n}>; rel="next"` },
      ),
  });
  const subject = describeContent(EMPTY, OCI_MANIFEST);
  await assert.rejects(list(repository, subject, { maxReferrers: 30 }), { code: "ERR_OCI_LIST_TOO_LONG" });
  assert.equal(n, 31);
  assert.throws(() => repository.referrers(subject, { maxReferrers: -1 }), RangeError);
  assert.throws(() => repository.referrers(subject, { artifactType: "no type" }), TypeError);
  assert.throws(() => repository.referrers({ digest: "sha256:../x" as never }), {
    code: "ERR_DIGEST_INVALID",
  });
});

test("a registry that does not filter, and one that hands out another type, are filtered here", async (t) => {
  const right = { ...describeContent(Buffer.from("1"), OCI_MANIFEST), artifactType: "a/right" };
  const wrong = { ...describeContent(Buffer.from("2"), OCI_MANIFEST), artifactType: "a/wrong" };
  const untyped = describeContent(Buffer.from("3"), OCI_MANIFEST);
  for (const applied of [{}, { "OCI-Filters-Applied": "artifactType" }]) {
    const { server, repository } = await pairFor(t, {
      intercept: () =>
        jsonReply(
          200,
          { schemaVersion: 2, manifests: [wrong, right, untyped] },
          { "Content-Type": OCI_INDEX, ...applied },
        ),
    });
    const found = await list(repository, describeContent(EMPTY, OCI_MANIFEST), { artifactType: "a/right" });
    assert.deepEqual(found, [right]);
    assert.match(server.requests[0]?.url ?? "", /[?]artifactType=a%2Fright$/);
  }
});
