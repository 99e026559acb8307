/** The in-process registry over HTTPS: clients that show a certificate, and misbehaviour there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CreateRegistryOptions, fetchBlob } from "../../src/oci/index.ts";
import { type MintedCertificate, mintCertificate } from "../../src/testing/index.ts";
import { clientFor, serverFor } from "./registry-setup.ts";

const day = 86_400_000;
const validity = { notBefore: Date.now() - day, notAfter: Date.now() + day };
const authority = mintCertificate({ ...validity, subject: "authority", isCa: true, keyUsage: 0x06 });
const server = mintCertificate({
  ...validity,
  subject: "registry",
  issuer: authority,
  hosts: ["registry.example"],
});
const client = mintCertificate({ ...validity, subject: "client", issuer: authority });
const stranger = mintCertificate({ ...validity, subject: "client" });

const pair = (minted: MintedCertificate) => ({
  cert: minted.pem,
  key: minted.key.export({ format: "pem", type: "pkcs8" }).toString(),
});
const lookup: CreateRegistryOptions["lookup"] = (_hostname, _options, callback) =>
  callback(null, [{ address: "127.0.0.1", family: 4 }]);

test("a registry can ask its clients for a certificate", async (t) => {
  const registry = await serverFor(t, { tls: { ...pair(server), clientCa: authority.pem } });
  const { digest } = registry.addBlob("a/b", Buffer.from("content"));
  const blob = { mediaType: "application/octet-stream", digest, size: 7 };
  const port = new URL(registry.url).port;
  const read = (tls: CreateRegistryOptions["tls"]) => {
    const { repository } = clientFor(t, { lookup, tls, retry: { attempts: 1 } });
    return fetchBlob(repository(`registry.example:${port}/a/b`), blob, { maxBytes: 10 });
  };
  await assert.rejects(read({ ca: authority.pem }), { code: "ERR_OCI_NETWORK" });
  await assert.rejects(read({ ca: authority.pem, ...pair(stranger) }), { code: "ERR_OCI_NETWORK" });
  assert.equal(registry.requests.length, 0);
  const content = await read({ ca: authority.pem, ...pair(client) });
  assert.equal(Buffer.from(content).toString(), "content");
  assert.ok((registry.requests[0]?.connection ?? 0) >= 1, "connections are counted over TLS too");
});

test("a registry misbehaves over HTTPS as it does over HTTP", async (t) => {
  const registry = await serverFor(t, { tls: pair(server) });
  const content = Buffer.alloc(100_000, "x");
  const { digest } = registry.addBlob("a/b", content);
  const blob = { mediaType: "application/octet-stream", digest, size: 100_000 };
  const { repository } = clientFor(t, { lookup, tls: { ca: authority.pem } });
  const place = repository(`registry.example:${new URL(registry.url).port}/a/b`);
  for (const cutBy of ["end", "reset"] as const) {
    const cut = registry.misbehave({ cutAt: 10_000, cutBy, times: 1 });
    assert.deepEqual(Buffer.from(await fetchBlob(place, blob, { maxBytes: 1e6 })), content);
    assert.equal(cut.met, 1);
  }
  registry.misbehave({ corruptAt: 99_999 });
  await assert.rejects(fetchBlob(place, blob, { maxBytes: 1e6 }), { code: "ERR_DIGEST_MISMATCH" });
});
