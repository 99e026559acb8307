/** Pulling through mirrors: several registries in the process, some of which fail. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { collectBytes } from "../../src/core/bytes.ts";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";
import { formatReference, parseReference } from "../../src/core/reference.ts";
import {
  createMirroredRegistry,
  type MirrorConfig,
  type MirroredRegistry,
  OciError,
  type PullSourcesFunction,
  parseHostsToml,
  parseRegistriesConf,
  resolveHosts,
  resolvePullSources,
} from "../../src/oci/index.ts";
import { mintCertificate, toPem } from "../../src/testing/certificates.ts";
import type { TestRegistry } from "../../src/testing/registry.ts";
import type { RegistryReply } from "../../src/testing/registry-reply.ts";
import { clientFor, type PushedImage, pushSample, serverFor } from "./registry-setup.ts";

const NAME = "images.example/a/b";

/** Sources of a `hosts.toml` for every namespace. */
function hosts(toml: string, namespace = "images.example"): PullSourcesFunction {
  const config: MirrorConfig = { kind: "hosts", hosts: resolveHosts(namespace, parseHostsToml(toml)) };
  return (reference) => resolvePullSources(reference, config);
}

function registries(toml: string): PullSourcesFunction {
  const config = parseRegistriesConf([{ name: "registries.conf", text: toml }]);
  return (reference) => resolvePullSources(reference, { kind: "registries-conf", config });
}

function mirrored(
  t: TestContext,
  sources: PullSourcesFunction,
  options?: Parameters<typeof clientFor>[1],
): MirroredRegistry {
  const registry = clientFor(t, { retry: { attempts: 1 }, ...options });
  return createMirroredRegistry(registry, { sources });
}

async function sampleIn(
  t: TestContext,
  server: TestRegistry,
  path = "a/b",
  size = 1000,
): Promise<PushedImage> {
  return pushSample(clientFor(t).repository(`${server.host}/${path}`), size);
}

/** Tables of hosts in this order, the last one as server. */
function ordered(...servers: TestRegistry[]): string {
  const last = servers.at(-1);
  const tables = servers.slice(0, -1).map(({ url }) => `[host."${url}"]\n`);
  return `server = "${last?.url}"\n${tables.join("")}`;
}

test("the first mirror answers, and the upstream is not asked", async (t) => {
  const [mirror, upstream] = [await serverFor(t), await serverFor(t)];
  const pushed = await sampleIn(t, mirror);
  const asked = mirror.requests.length;
  const image = await mirrored(t, hosts(ordered(mirror, upstream))).resolve(`${NAME}:v1`);
  assert.equal(image.descriptor.digest, pushed.manifest.digest);
  assert.equal(formatReference(image.reference), `${NAME}:v1@${pushed.manifest.digest}`);
  const blob = await collectBytes(image.repository.fetch(pushed.blob), { maxBytes: 10_000 });
  assert.deepEqual(Buffer.from(blob), Buffer.from(pushed.content));
  assert.equal(upstream.requests.length, 0);
  const urls = mirror.requests.slice(asked).map(({ url }) => url);
  assert.ok(urls.length >= 2);
  for (const url of urls) assert.match(url, /\?ns=images\.example$/);
});

test("a mirror that lacks the image, refuses or breaks is followed by the next place", async (t) => {
  const broken = await serverFor(t, {
    intercept: () => ({ status: 500, headers: {}, body: Buffer.alloc(0) }),
  });
  const [lacking, upstream] = [await serverFor(t), await serverFor(t)];
  const gone = await serverFor(t);
  await gone.close();
  const pushed = await sampleIn(t, upstream);
  const image = await mirrored(t, hosts(ordered(gone, broken, lacking, upstream))).resolve(`${NAME}:v1`);
  assert.equal(image.descriptor.digest, pushed.manifest.digest);
  assert.equal(image.attempt.url, `${upstream.url}/v2`);
  assert.deepEqual(
    image.failures.map(({ error }) => error instanceof OciError && error.code),
    ["ERR_OCI_NETWORK", "ERR_OCI_STATUS", "ERR_OCI_NOT_FOUND"],
  );
});

test("of several failures a refusal is told before absence, and absence before silence", async (t) => {
  const gone = await serverFor(t);
  await gone.close();
  const lacking = await serverFor(t);
  const denying = await serverFor(t, {
    intercept: () => ({ status: 403, headers: {}, body: Buffer.alloc(0) }),
  });
  const code = async (...servers: TestRegistry[]): Promise<unknown> => {
    const registry = mirrored(t, hosts(ordered(...servers)));
    const error: unknown = await registry.resolve(`${NAME}:v1`).catch((each: unknown) => each);
    assert.ok(error instanceof OciError && error.cause instanceof AggregateError);
    assert.equal(error.cause.errors.length, servers.length);
    return error.code;
  };
  assert.equal(await code(gone, lacking), "ERR_OCI_NOT_FOUND");
  assert.equal(await code(lacking, gone), "ERR_OCI_NOT_FOUND");
  assert.equal(await code(lacking, denying, gone), "ERR_OCI_DENIED");
});

test("content is absent only if every place says so", async (t) => {
  const gone = await serverFor(t);
  await gone.close();
  const [lacking, other] = [await serverFor(t), await serverFor(t)];
  const pushed = await sampleIn(t, await serverFor(t));
  const exists = (...servers: TestRegistry[]): Promise<boolean> =>
    mirrored(t, hosts(ordered(...servers)))
      .repository(NAME)
      .exists(pushed.blob);
  assert.equal(await exists(lacking, other), false);
  await assert.rejects(exists(gone, lacking), { code: "ERR_OCI_NETWORK" });
});

test("CVE-2022-47633: two places with different answers for one tag do not mix", async (t) => {
  const [mirror, upstream] = [await serverFor(t), await serverFor(t)];
  const one = await sampleIn(t, mirror, "a/b", 1000);
  const two = await sampleIn(t, upstream, "a/b", 2000);
  assert.notEqual(one.manifest.digest, two.manifest.digest);
  const image = await mirrored(t, hosts(ordered(mirror, upstream))).resolve(`${NAME}:v1`);
  assert.equal(image.descriptor.digest, one.manifest.digest);
  await mirror.close();
  // The mirror is gone: the upstream's own answer for the tag must not take the place of the first one.
  assert.equal((await image.repository.resolve("v1")).digest, one.manifest.digest);
  await assert.rejects(collectBytes(image.repository.fetch(image.descriptor), { maxBytes: 10_000 }), {
    code: "ERR_OCI_NOT_FOUND",
  });
});

test("a place that gives wrong content for a manifest is followed by the next", async (t) => {
  const intercept = (): RegistryReply => ({
    status: 200,
    headers: { "content-type": OCI_MANIFEST },
    body: Buffer.from("{}"),
  });
  const [mirror, upstream] = [await serverFor(t, { intercept }), await serverFor(t)];
  const pushed = await sampleIn(t, upstream);
  const repository = mirrored(t, hosts(ordered(mirror, upstream))).repository(NAME);
  const bytes = await collectBytes(repository.fetch(pushed.manifest), { maxBytes: 10_000 });
  assert.deepEqual(Buffer.from(bytes), Buffer.from(pushed.bytes));
  assert.equal(mirror.requests.length, 1);
});

test("a blob that breaks off at a mirror goes on at the next place; all of it is verified", async (t) => {
  const size = 3_000_000;
  const content = Buffer.alloc(size, "0123456789abcdef");
  for (const half of [content.subarray(0, size / 2), Buffer.alloc(size / 2, "x")]) {
    const mirror = createServer((request, response) => {
      if (request.headers.range !== undefined) response.writeHead(404).end();
      else {
        response.writeHead(200, { "content-length": String(size) });
        response.write(half, () => setTimeout(() => response.destroy(), 50));
      }
    });
    await new Promise<void>((resolve) => mirror.listen(0, "127.0.0.1", resolve));
    t.after(() => mirror.close());
    const { port } = mirror.address() as AddressInfo;
    const upstream = await serverFor(t);
    const pushed = await sampleIn(t, upstream, "a/b", size);
    const toml = `server = "${upstream.url}"\n[host."http://127.0.0.1:${port}"]\n`;
    const reading = collectBytes(mirrored(t, hosts(toml)).repository(NAME).fetch(pushed.blob), {
      maxBytes: 2 * size,
    });
    if (half[0] === content[0]) assert.ok(Buffer.from(await reading).equals(content));
    else await assert.rejects(reading, { code: "ERR_DIGEST_MISMATCH" });
  }
});

test("a blob that is wrong at a mirror is an error, not content", async (t) => {
  const mirror = await serverFor(t, {
    alter: (request, reply) =>
      request.method === "GET" && request.path.includes("/blobs/")
        ? { ...reply, body: Buffer.alloc(1000, "x") }
        : reply,
  });
  const upstream = await serverFor(t);
  await sampleIn(t, mirror);
  const pushed = await sampleIn(t, upstream);
  const repository = mirrored(t, hosts(ordered(mirror, upstream))).repository(NAME);
  await assert.rejects(collectBytes(repository.fetch(pushed.blob), { maxBytes: 10_000 }), {
    code: "ERR_DIGEST_MISMATCH",
  });
});

test("credentials are those of the host that is asked, never those of the registry it stands in for", async (t) => {
  const auth = { kind: "basic", users: { u: "p" } } as const;
  const [mirror, upstream] = [await serverFor(t, { auth }), await serverFor(t, { auth })];
  const credentials = { kind: "password", username: "u", password: "p" } as const;
  const owner = clientFor(t, { credentials: { [upstream.host]: credentials } });
  const pushed = await pushSample(owner.repository(`${upstream.host}/a/b`));
  const hostsAsked: string[] = [];
  const registry = mirrored(t, hosts(ordered(mirror, upstream)), {
    credentials: (host) => {
      hostsAsked.push(host);
      return host === upstream.host || host === "images.example" ? credentials : undefined;
    },
  });
  const image = await registry.resolve(`${NAME}:v1`);
  assert.equal(image.descriptor.digest, pushed.manifest.digest);
  assert.ok(mirror.requests.length > 0);
  for (const { headers } of mirror.requests) assert.equal(headers.authorization, undefined);
  assert.deepEqual([...new Set(hostsAsked)], [mirror.host, upstream.host]);
});

test("headers go to the host that they are set for, and to no other", async (t) => {
  const [mirror, upstream] = [await serverFor(t), await serverFor(t)];
  await sampleIn(t, upstream);
  const toml = `server = "${upstream.url}"\n[host."${mirror.url}"]\n[host."${mirror.url}".header]\nX-Dragonfly-Registry = ["https://images.example"]\n`;
  const asked = upstream.requests.length;
  await mirrored(t, hosts(toml)).resolve(`${NAME}:v1`);
  assert.ok(mirror.requests.length > 0);
  for (const { headers } of mirror.requests) {
    assert.equal(headers["x-dragonfly-registry"], "https://images.example");
  }
  for (const { headers } of upstream.requests.slice(asked)) {
    assert.equal(headers["x-dragonfly-registry"], undefined);
  }
});

test("a proxy below a path is asked there when the path is overridden", async (t) => {
  const harbor = await serverFor(t);
  const pushed = await sampleIn(t, harbor, "proxy/a/b");
  const toml = `server = "${harbor.url}/v2/proxy"\noverride_path = true\n`;
  const image = await mirrored(t, hosts(toml)).resolve(`${NAME}:v1`);
  assert.equal(image.descriptor.digest, pushed.manifest.digest);
  await assert.rejects(mirrored(t, hosts(toml.replace("true", "false"))).resolve(`${NAME}:v1`), {
    code: "ERR_OCI_NOT_FOUND",
  });
});

test("a place that is not for resolving is asked for a digest, not for a tag", async (t) => {
  const [mirror, upstream] = [await serverFor(t), await serverFor(t)];
  const pushed = await sampleIn(t, mirror);
  await sampleIn(t, upstream);
  const toml = `server = "${upstream.url}"\n[host."${mirror.url}"]\ncapabilities = ["pull"]\n`;
  const registry = mirrored(t, hosts(toml));
  assert.equal((await registry.resolve(`${NAME}:v1`)).attempt.url, `${upstream.url}/v2`);
  const byDigest = await registry.resolve(`${NAME}@${pushed.manifest.digest}`);
  assert.equal(byDigest.attempt.url, `${mirror.url}/v2`);
});

test("registries.conf: a mirror under its own path, then the location; plain HTTP only where insecure", async (t) => {
  const [mirror, upstream] = [await serverFor(t), await serverFor(t)];
  const pushed = await sampleIn(t, mirror, "copy/a/b");
  const toml = (insecure: boolean): string =>
    `[[registry]]\nprefix = "images.example"\nlocation = "${upstream.host}"\n[[registry.mirror]]\nlocation = "${mirror.host}/copy"\ninsecure = ${insecure}\n`;
  const image = await mirrored(t, registries(toml(true))).resolve(`${NAME}:v1`);
  assert.equal(image.descriptor.digest, pushed.manifest.digest);
  assert.equal(formatReference(image.attempt.reference), `${mirror.host}/copy/a/b:v1`);
  const asked = mirror.requests.length;
  await assert.rejects(mirrored(t, registries(toml(false))).resolve(`${NAME}:v1`), {
    code: "ERR_OCI_NETWORK",
  });
  assert.equal(mirror.requests.length, asked);
});

test("registries.conf: what is blocked is asked for nowhere", async (t) => {
  const upstream = await serverFor(t);
  await sampleIn(t, upstream);
  const asked = upstream.requests.length;
  const toml = `[[registry]]\nprefix = "images.example"\nlocation = "${upstream.host}"\ninsecure = true\n`;
  const blocked = mirrored(t, registries(`${toml}blocked = true\n`));
  await assert.rejects(blocked.resolve(`${NAME}:v1`), { code: "ERR_OCI_BLOCKED" });
  assert.equal(upstream.requests.length, asked);
  await mirrored(t, registries(toml)).resolve(`${NAME}:v1`);
});

test("a certificate is checked unless skip_verify, and by the authority that ca names", async (t) => {
  const minted = mintCertificate({
    subject: "mirror",
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + 3_600_000,
    hosts: ["localhost"],
  });
  const cert = toPem("CERTIFICATE", minted.der);
  const key = minted.key.export({ format: "pem", type: "pkcs8" }).toString();
  const server = await serverFor(t, { tls: { cert, key } });
  const host = `localhost:${new URL(server.url).port}`;
  const owner = clientFor(t, { plainHttp: () => false, tls: { ca: cert } });
  const pushed = await pushSample(owner.repository(`${host}/a/b`));
  const folder = await mkdtemp(join(tmpdir(), "mirrors-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "ca.crt");
  await writeFile(file, cert);
  const base = `server = "https://${host}"\n`;
  await assert.rejects(mirrored(t, hosts(base)).resolve(`${NAME}:v1`), { code: "ERR_OCI_NETWORK" });
  for (const more of ["skip_verify = true\n", `ca = ${JSON.stringify(file)}\n`]) {
    const image = await mirrored(t, hosts(base + more)).resolve(`${NAME}:v1`);
    assert.equal(image.descriptor.digest, pushed.manifest.digest);
  }
  const missing = mirrored(t, hosts(`${base}ca = ${JSON.stringify(join(folder, "absent"))}\n`));
  await assert.rejects(missing.resolve(`${NAME}:v1`), { code: "ERR_OCI_CONFIG_INVALID" });
});

test("an abort before, or while a mirror is silent, is given as it is and asks nobody else", async (t) => {
  const silent = await serverFor(t, { intercept: () => new Promise(() => {}) });
  const upstream = await serverFor(t);
  await sampleIn(t, upstream);
  const asked = upstream.requests.length;
  const registry = mirrored(t, hosts(ordered(silent, upstream)));
  const reason = new Error("enough");
  await assert.rejects(registry.resolve(`${NAME}:v1`, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const pending = registry.resolve(`${NAME}:v1`, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 50);
  await assert.rejects(pending, reason);
  assert.equal(upstream.requests.length, asked);
});

test("the reason of every attempt is told", () => {
  const sources = resolvePullSources(parseReference(NAME), {
    kind: "hosts",
    hosts: resolveHosts("images.example", parseHostsToml('[host."https://m.example"]\n')),
  });
  assert.equal(sources.kind, "allowed");
  assert.deepEqual(
    sources.trace.map(({ outcome, why }) => [outcome, why]),
    [
      ["asked", "host table for images.example"],
      ["asked", "images.example itself"],
    ],
  );
});
