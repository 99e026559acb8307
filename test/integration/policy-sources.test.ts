/** Where a node looks: registries.d, a registry and a lookaside store together, with the trace in the verdict. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { fetchManifest } from "../../src/oci/fetch.ts";
import {
  createMirroredRegistry,
  memoryStore,
  parseRegistriesConf,
  resolvePullSources,
} from "../../src/oci/index.ts";
import type { RepositorySource } from "../../src/oci/store.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { sigstoreAttachments } from "../../src/policy/sources/attachments.ts";
import {
  type LoadNodeSignaturesOptions,
  loadNodeSignatures,
} from "../../src/policy/sources/load-node-signatures.ts";
import {
  createNodeSignatures,
  type NodeSignaturesOptions,
} from "../../src/policy/sources/node-signatures.ts";
import { parseRegistriesD } from "../../src/policy/sources/registries-d.ts";
import type { LookedAt } from "../../src/policy/verdict.ts";
import { createVerifier } from "../../src/policy/verifier.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../../src/testing/certificates.ts";
import type { RegistryReply, RegistryRequest } from "../../src/testing/registry-reply.ts";
import { attachSignatures, signImage } from "../../src/testing/signatures.ts";
import { base64 } from "../unit/policy/decide.ts";
import { pushImage, pushIndex } from "../unit/policy/images.ts";
import { clientFor, pairFor, serverFor } from "./registry-setup.ts";

const EMAIL = "dev@example.com";
const UNSIGNED = "A signature was required, but no signature exists";
const authorities = createAuthorities();

const signedPolicy = () =>
  parsePolicy(
    JSON.stringify({
      default: [
        {
          type: "sigstoreSigned",
          fulcio: {
            caData: base64(authorities.rootPem),
            oidcIssuer: DEFAULT_OIDC_ISSUER,
            subjectEmail: EMAIL,
          },
          rekorPublicKeyData: base64(authorities.logPublicKeyPem),
          signedIdentity: { type: "matchRepository" },
        },
      ],
    }),
  );

async function folderFor(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sources-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

interface Setting extends Partial<NodeSignaturesOptions> {
  /** A file of registries.d. */
  text?: string;
  source: RepositorySource;
}

async function verifierFor(t: TestContext, { text = "", source, ...options }: Setting) {
  const config = await parseRegistriesD([{ path: "/etc/registries.d/x.yaml", text }]);
  const node = createNodeSignatures({
    config,
    defaultLookaside: `file://${await folderFor(t)}`,
    retry: { attempts: 1 },
    ...options,
  });
  t.after(() => node.close());
  return createVerifier(signedPolicy(), { source, signatureSources: [node], cache: false });
}

/** A registry with an image that is signed by an attachment. */
async function signedImage(
  t: TestContext,
  intercept?: (request: RegistryRequest) => RegistryReply | undefined,
) {
  const pair = await pairFor(t, { allowMissing: true, ...(intercept ? { intercept } : {}) });
  const name = `${pair.server.host}/a/b`;
  const { digest } = await pushImage(pair.repository, "v1");
  const signer = authorities.issue(EMAIL);
  const signature = signImage({ reference: name, digest, signer, authorities });
  await attachSignatures(pair.repository, digest, [signature]);
  return { ...pair, name, digest, signature };
}

const kinds = (looks: readonly LookedAt[] | undefined) =>
  looks?.map(({ place, kind }) => `${place}: ${kind}`);

test("attachments that are not enabled are not looked at, and the verdict says so", async (t) => {
  const { server, registry, name, digest } = await signedImage(t);
  for (const [text, reason, origin] of [
    ["", "use-sigstore-attachments is not set", undefined],
    [
      "default-docker: {use-sigstore-attachments: false}",
      "use-sigstore-attachments is false",
      "/etc/registries.d/x.yaml: default-docker.use-sigstore-attachments",
    ],
  ] as const) {
    const verifier = await verifierFor(t, { source: registry, text });
    const before = server.requests.length;
    const verdict = await verifier.evaluate(`${name}:v1`);
    assert.ok(verdict.kind === "rejected");
    assert.equal(verdict.reason, UNSIGNED);
    assert.ok(server.requests.slice(before).every(({ url }) => !url.endsWith(".sig")));
    const looks = verdict.sources[0]?.lookedAt;
    assert.deepEqual(kinds(looks), [
      "registry-extension: skipped",
      "lookaside: absent",
      "sigstore-attachments: skipped",
    ]);
    const last = looks?.at(-1);
    assert.ok(last?.kind === "skipped");
    assert.equal(last.reason, reason);
    assert.equal(last.origin, origin);
    assert.equal(last.location, `${name}:${digest.replace(":", "-")}.sig`);
  }
});

test("a decision takes at most four requests, and three where the registry is known", async (t) => {
  const { server, registry, name, digest } = await signedImage(t);
  const text = `docker: {"${name}": {use-sigstore-attachments: true}}`;
  const verifier = await verifierFor(t, { source: registry, text });
  const asked = async (reference: string) => {
    const before = server.requests.length;
    assert.equal((await verifier.evaluate(reference)).kind, "allowed");
    return server.requests
      .slice(before)
      .map(({ method, url }) => `${method} ${url.replace(/\/v2\/a\/b/, "")}`);
  };
  const sig = `${digest.replace(":", "-")}.sig`;
  const first = await asked(`${name}:v1`);
  assert.equal(first.length, 4);
  assert.deepEqual(first.slice(0, 3), ["GET /manifests/v1", "GET /v2/", `GET /manifests/${sig}`]);
  assert.match(first[3] ?? "", /^GET \/blobs\/sha256:/);
  assert.equal((await asked(`${name}:v1`)).length, 3);
  assert.equal((await asked(`${name}@${digest}`)).length, 3);
});

test("an instance of an index takes four requests where the registry is known", async (t) => {
  const { server, registry, repository, name, digest } = await signedImage(t);
  const image = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 0 };
  const { size } = await repository.resolve("v1");
  await pushIndex(repository, "multi", [
    { ...image, size, platform: { os: "linux", architecture: "amd64" } } as never,
  ]);
  const text = "default-docker: {use-sigstore-attachments: true}";
  const verifier = await verifierFor(t, { source: registry, text });
  await verifier.evaluate(`${name}:v1`);
  const before = server.requests.length;
  const platform = { os: "linux", architecture: "amd64" };
  const verdict = await verifier.evaluate(`${name}:multi`, { platform });
  assert.equal(verdict.kind, "allowed");
  assert.equal(server.requests.length - before, 4);
  assert.equal((await repository.resolve("multi")).mediaType, OCI_INDEX);
});

test("a signature in a lookaside store counts, under the path of the image and the digest of the instance", async (t) => {
  const { registry, name, digest, signature } = await signedImage(t);
  const folder = await folderFor(t);
  const place = join(folder, `a/b@${digest.replace(":", "=")}`);
  await mkdir(place, { recursive: true });
  const { mediaType, payload, annotations } = signature;
  const json = JSON.stringify({
    mimeType: mediaType,
    payload: Buffer.from(payload).toString("base64"),
    annotations,
  });
  await writeFile(join(place, "signature-1"), `\0sigstore-json\n${json}`);
  const verifier = await verifierFor(t, {
    source: registry,
    text: `docker: {"${name.split("/")[0]}": {lookaside: "file://${folder}"}}`,
  });
  const verdict = await verifier.evaluate(`${name}:v1`);
  assert.equal(verdict.kind, "allowed");
  const [accepted] = verdict.requirements[0]?.signatures ?? [];
  assert.equal(accepted?.source, `file://${place}/signature-1`);
  const look = verdict.sources[0]?.lookedAt[1];
  assert.ok(look?.kind === "found");
  assert.equal(look.found, 1);
  assert.equal(look.location, `file://${place}`);
  assert.match(look.origin ?? "", /x\.yaml: docker\."127\.0\.0\.1:[0-9]+"\.lookaside$/);
});

test("a registry that keeps signatures is asked, and its lookaside is not", async (t) => {
  let list = { status: 200, body: JSON.stringify({ signatures: [] }) } as RegistryReply;
  const { server, registry, name, digest } = await signedImage(t, ({ path }) => {
    if (path === "/v2/") return { status: 401, headers: { "x-registry-supports-signatures": "1" } };
    return path.startsWith("/extensions/") ? list : undefined;
  });
  const lookaside = "http://127.0.0.1:1/never";
  const verifier = await verifierFor(t, {
    source: registry,
    text: `default-docker: {lookaside: "${lookaside}"}`,
  });
  const verdict = await verifier.evaluate(`${name}:v1`);
  assert.deepEqual(kinds(verdict.sources[0]?.lookedAt), [
    "registry-extension: absent",
    "lookaside: skipped",
    "sigstore-attachments: skipped",
  ]);
  assert.ok(server.requests.some(({ url }) => url === `/extensions/v2/a/b/signatures/${digest}`));
  const entry = { schemaVersion: 2, type: "atomic", content: Buffer.from([0xa3, 1]).toString("base64") };
  list = { status: 200, body: JSON.stringify({ signatures: [entry] }) };
  const other = await verifier.evaluate(`${name}:v1`);
  assert.ok(other.kind === "rejected");
  assert.equal(other.reason, `${UNSIGNED} (1 non-sigstore signatures, 0 sigstore non-signature attachments)`);
  for (const failure of [404, 403, 500]) {
    list = { status: failure };
    await assert.rejects(verifier.evaluate(`${name}:v1`), { code: "ERR_POLICY_SIGNATURES" }, String(failure));
  }
});

test("where nobody looked there is no verdict: a store that cannot be asked, a place that fails, a bad URL", async (t) => {
  const store = memoryStore();
  await pushImage(store, "v1");
  const source = { repository: () => store };
  const evaluate = async (setting: Omit<Setting, "source">) =>
    (await verifierFor(t, { source, ...setting })).evaluate("quay.example/a/b:v1");
  const refused = async (setting: Omit<Setting, "source">, code: string) =>
    assert.rejects(evaluate(setting), (error) => {
      assert.ok(error instanceof PolicyError, String(error));
      assert.equal(error.code, code);
      return true;
    });
  await refused({}, "ERR_POLICY_SIGNATURES");
  const verdict = await evaluate({ registryExtension: "none" });
  assert.equal(verdict.kind === "rejected" && verdict.reason, UNSIGNED);
  for (const lookaside of ["http://127.0.0.1:1", "/no/scheme", "ftp://x/"]) {
    const text = `default-docker: {lookaside: "${lookaside}"}`;
    await refused({ registryExtension: "none", text }, "ERR_POLICY_SIGNATURES");
  }
  const bad = "default-docker: {lookaside: ':emptyscheme'}";
  await refused({ registryExtension: "none", text: bad }, "ERR_POLICY_REGISTRIES_D");
  // Also where the registry keeps signatures itself: a node fails when it sets up its client.
  const { registry, name } = await signedImage(t, ({ path }) =>
    path === "/v2/" ? { status: 200, headers: { "x-registry-supports-signatures": "1" } } : undefined,
  );
  const verifier = await verifierFor(t, { source: registry, text: bad });
  await assert.rejects(verifier.evaluate(`${name}:v1`), { code: "ERR_POLICY_REGISTRIES_D" });
  await assert.rejects(verifierFor(t, { source, defaultLookaside: ":none" }), {
    code: "ERR_POLICY_REGISTRIES_D",
  });
});

test("a store that cannot be asked is told from one whose registry keeps nothing", async (t) => {
  const store = memoryStore();
  await pushImage(store, "v1");
  const verifier = await verifierFor(t, { source: { repository: () => store } });
  await assert.rejects(
    verifier.evaluate("quay.example/a/b:v1"),
    /does not tell whether its registry keeps signatures/,
  );
});

test("CVE-2021-41190: attachments are an image manifest of OCI, by the media type that the registry tells", async (t) => {
  const { repository, registry, name, digest } = await signedImage(t);
  const tag = `${digest.replace(":", "-")}.sig`;
  const { bytes } = await repository.readManifest(tag);
  const text = Buffer.from(bytes).toString().replaceAll(OCI_MANIFEST, DOCKER_MANIFEST);
  const docker = Buffer.from(text);
  const descriptor = { mediaType: DOCKER_MANIFEST, digest: digestOf(docker), size: docker.byteLength };
  await repository.push(descriptor, docker);
  await repository.tag(descriptor, tag);
  const verifier = await verifierFor(t, {
    source: registry,
    text: "default-docker: {use-sigstore-attachments: true}",
  });
  await assert.rejects(verifier.evaluate(`${name}:v1`), (error) => {
    assert.ok(error instanceof PolicyError);
    assert.equal(error.code, "ERR_POLICY_SIGNATURES");
    assert.match(error.message, /unexpected MIME type for sigstore attachment manifest/);
    return true;
  });
});

test("content that comes with its name is compared with its digest, whatever store gives it", async (t) => {
  const { repository, name } = await signedImage(t);
  const signatureSources = [sigstoreAttachments()];
  for (const liesAbout of ["v1", ".sig"]) {
    const lying = {
      ...repository,
      async readManifest(target: string) {
        const { descriptor, bytes } = await repository.readManifest(target);
        return {
          descriptor,
          bytes: target.endsWith(liesAbout) ? Buffer.concat([bytes, Buffer.from(" ")]) : bytes,
        };
      },
    };
    const source = { repository: () => lying };
    const verifier = createVerifier(signedPolicy(), { source, signatureSources, cache: false });
    const code = liesAbout === "v1" ? "ERR_POLICY_MANIFEST" : "ERR_POLICY_SIGNATURES";
    await assert.rejects(verifier.evaluate(`${name}:v1`), { code });
    const target =
      liesAbout === "v1" ? "v1" : `${(await repository.resolve("v1")).digest.replace(":", "-")}.sig`;
    await assert.rejects(fetchManifest(lying, target, { inOneStep: true }), { code: "ERR_SIZE_MISMATCH" });
  }
});

test("an image from a mirror is looked up by the mirror's name, in the mirror's repository alone", async (t) => {
  const [mirror, upstream] = [
    await serverFor(t, { allowMissing: true }),
    await serverFor(t, { allowMissing: true }),
  ];
  const client = clientFor(t, { retry: { attempts: 1 } });
  const signer = authorities.issue(EMAIL);
  const name = "images.example/a/b";
  const { digest } = await pushImage(client.repository(`${mirror.host}/m/b`), "v1");
  const upstreamRepository = client.repository(`${upstream.host}/a/b`);
  await pushImage(upstreamRepository, "v1");
  const signature = signImage({ reference: name, digest, signer, authorities });
  await attachSignatures(upstreamRepository, digest, [signature]);
  const location = (host: string) => `location = "${host}"\ninsecure = true\n`;
  const config = parseRegistriesConf([
    {
      name: "registries.conf",
      text: `[[registry]]\nprefix = "images.example/a"\n${location(`${upstream.host}/a`)}[[registry.mirror]]\n${location(`${mirror.host}/m`)}`,
    },
  ]);
  const source = createMirroredRegistry(client, {
    sources: (reference) => resolvePullSources(reference, { kind: "registries-conf", config }),
  });
  const enabled = (host: string) => `docker: {"${host}": {use-sigstore-attachments: true}}`;
  const byUser = await (await verifierFor(t, { source, text: enabled("images.example") })).evaluate(
    `${name}:v1`,
  );
  assert.equal(kinds(byUser.sources[0]?.lookedAt)?.at(-1), "sigstore-attachments: skipped");
  const verifier = await verifierFor(t, { source, text: enabled(mirror.host) });
  const unsigned = await verifier.evaluate(`${name}:v1`);
  assert.equal(unsigned.kind, "rejected", "the signature at the upstream registry does not count");
  const absent = unsigned.sources[0]?.lookedAt.at(-1);
  assert.equal(absent?.kind, "absent");
  assert.equal(absent?.location, `${mirror.host}/m/b:${digest.replace(":", "-")}.sig`);
  await attachSignatures(client.repository(`${mirror.host}/m/b`), digest, [signature]);
  const signed = await verifier.evaluate(`${name}:v1`);
  assert.equal(signed.kind, "allowed");
});

test("an abort while a lookaside store is waited for is the caller's reason", async (t) => {
  const { registry, name } = await signedImage(t);
  const reason = new Error("enough");
  const controller = new AbortController();
  const verifier = await verifierFor(t, {
    source: registry,
    readFile: async () => {
      controller.abort(reason);
      return new Promise<never>(() => {});
    },
  });
  await assert.rejects(verifier.evaluate(`${name}:v1`, { signal: controller.signal }), reason);
});

test("verdicts are shared under a name that the caller gives, with everything that decides where to look", async () => {
  const identity = async (change: Partial<NodeSignaturesOptions> = {}, text = "") =>
    createNodeSignatures({
      config: await parseRegistriesD([{ path: "/x.yaml", text }]),
      defaultLookaside: "file:///s",
      sharedAs: "pool",
      ...change,
    }).identity;
  const own = await identity();
  assert.equal(await identity(), own);
  assert.equal(await identity({ sharedAs: undefined }), undefined);
  const others = [
    await identity({ sharedAs: "other" }),
    await identity({ defaultLookaside: "file:///t" }),
    await identity({ registryExtension: "none" }),
    await identity({ root: "/r" }),
    await identity({}, "default-docker: {use-sigstore-attachments: true}"),
    await identity({}, "docker: {a.example: {lookaside: 'file:///u'}}"),
  ];
  assert.equal(new Set([own, ...others]).size, others.length + 1);
  assert.ok(!own?.includes("file:"), "no URL, which may hold a secret");
});

test("the configuration and the folders of another system are read below its root", async (t) => {
  const { registry, name, digest, signature } = await signedImage(t);
  const root = await folderFor(t);
  const etc = join(root, "etc/containers/registries.d");
  const place = join(root, `srv/sigs/a/b@${digest.replace(":", "=")}`);
  for (const folder of [etc, place]) await mkdir(folder, { recursive: true });
  await writeFile(join(etc, "default.yaml"), "default-docker: {lookaside: 'file:///srv/sigs'}");
  const { mediaType, payload, annotations } = signature;
  const json = JSON.stringify({
    mimeType: mediaType,
    payload: Buffer.from(payload).toString("base64"),
    annotations,
  });
  await writeFile(join(place, "signature-1"), `\0sigstore-json\n${json}`);
  const decide = async (options: LoadNodeSignaturesOptions) => {
    const node = await loadNodeSignatures(options);
    t.after(() => node.close());
    const verifier = createVerifier(signedPolicy(), { source: registry, signatureSources: [node] });
    return verifier.evaluate(`${name}:v1`);
  };
  const env = { XDG_CONFIG_HOME: join(root, "none"), HOME: "/none" };
  const verdict = await decide({ root, env, uid: 0 });
  assert.equal(verdict.kind, "allowed");
  assert.equal(verdict.sources[0]?.lookedAt[1]?.origin, `${etc}/default.yaml: default-docker.lookaside`);
  const elsewhere = await decide({ root: join(root, "srv"), env, uid: 0 });
  assert.equal(elsewhere.kind, "rejected");
  assert.match(
    elsewhere.sources[0]?.lookedAt[1]?.location ?? "",
    /^file:\/\/\/var\/lib\/containers\/sigstore\/a\/b@/,
  );
});

test("keys of other kinds of requirement are not needed to look", async (t) => {
  const { registry, name } = await signedImage(t);
  const key = mintKey();
  const node = createNodeSignatures({
    config: await parseRegistriesD([]),
    defaultLookaside: `file://${await folderFor(t)}`,
  });
  t.after(() => node[Symbol.asyncDispose]());
  const policy = JSON.stringify({
    default: [{ type: "sigstoreSigned", keyData: base64(publicKeyPem(key)) }],
  });
  const verifier = createVerifier(parsePolicy(policy), { source: registry, signatureSources: [node] });
  const verdict = await verifier.evaluate(`${name}:v1`);
  assert.equal(verdict.kind === "rejected" && verdict.reason, UNSIGNED);
});
