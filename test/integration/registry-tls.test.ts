import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { describeContent, fetchBlob } from "../../src/oci/index.ts";
import type { RegistryReply } from "../../src/testing/registry-reply.ts";
import { clientFor, pushSample, serverFor } from "./registry-setup.ts";

/** A self-signed certificate for 127.0.0.1, made for this run; nothing where there is no openssl. */
function makeCertificate(): { key: string; cert: string } | undefined {
  const dir = mkdtempSync(join(tmpdir(), "lading-tls-"));
  try {
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const args = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
    ];
    const names = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"];
    const { status } = spawnSync("openssl", [...args, ...names, "-keyout", key, "-out", cert], {
      stdio: "ignore",
    });
    return status === 0 ? { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") } : undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const tls = makeCertificate();
const skip = tls ? false : "openssl is not installed";

test("a registry over HTTPS needs a certificate that is trusted, and for its name", { skip }, async (t) => {
  assert.ok(tls);
  const server = await serverFor(t, { tls });
  const plainHttp = (): boolean => false;
  const distrusting = clientFor(t, { plainHttp }).repository(`${server.host}/a/b`);
  await assert.rejects(distrusting.resolve("v1"), { code: "ERR_OCI_NETWORK" });
  const misnamed = clientFor(t, {
    tls: { ca: tls.cert },
    lookup: (_hostname, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
  });
  const name = `registry.example:${new URL(server.url).port}/a/b`;
  await assert.rejects(misnamed.repository(name).resolve("v1"), { code: "ERR_OCI_NETWORK" });
  assert.equal(server.requests.length, 0);
  await pushSample(clientFor(t, { plainHttp, tls: { ca: tls.cert } }).repository(`${server.host}/a/b`));
});

test("GHSA-vh4v-2xq2-g5cg: nothing leads out of HTTPS, not even with the caller's word", {
  skip,
}, async (t) => {
  assert.ok(tls);
  const plain = await serverFor(t);
  let attack: RegistryReply | undefined;
  let asked = 0;
  const server = await serverFor(t, { tls, intercept: () => attack });
  const registry = clientFor(t, {
    tls: { ca: tls.cert },
    plainHttp: (host) => host === plain.host,
    trustOrigin: () => true,
    credentials: () => {
      asked++;
      return { kind: "password", username: "alice", password: "secret" };
    },
  });
  const repository = registry.repository(`${server.host}/a/b`);
  const { blob } = await pushSample(repository);
  attack = { status: 307, headers: { Location: plain.url } };
  await assert.rejects(fetchBlob(repository, blob, { maxBytes: 1000 }), { code: "ERR_OCI_REDIRECT_REFUSED" });
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_REDIRECT_REFUSED" });
  attack = { status: 401, headers: { "WWW-Authenticate": `Bearer realm="${plain.url}/token"` } };
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_REALM_REFUSED" });
  const other = Buffer.from("other");
  const descriptor = describeContent(other, "a/b");
  let started = false;
  const hijacking = await serverFor(t, {
    tls,
    intercept: ({ method }) => {
      if (method !== "POST") return undefined;
      started = true;
      return { status: 202, headers: { Location: `${plain.url}/upload` } };
    },
  });
  const push = registry.repository(`${hijacking.host}/a/b`).push(descriptor, other);
  await assert.rejects(push, { code: "ERR_OCI_LOCATION_REFUSED" });
  assert.ok(started);
  assert.deepEqual([asked, plain.connections.made], [0, 0]);
});
