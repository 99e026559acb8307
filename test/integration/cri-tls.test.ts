import assert from "node:assert/strict";
import { createSecureServer, type Http2SecureServer, type SecureServerOptions } from "node:http2";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { create, toBinary } from "@bufbuild/protobuf";
import { type CriTlsOptions, connectCri, VersionResponseSchema } from "../../src/cri/index.ts";
import { type MintedCertificate, type MintOptions, mintCertificate } from "../../src/testing/certificates.ts";
import { startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const HOUR = 3_600_000;
const now = Date.now();

function mint(options: Partial<MintOptions> & Pick<MintOptions, "subject">): MintedCertificate {
  return mintCertificate({ notBefore: now - HOUR, notAfter: now + HOUR, ...options });
}

/** A certificate's names: 2 for a host, 7 for an address. */
function namesExtension(kind: 2 | 7, name: Uint8Array) {
  const value = Buffer.concat([Buffer.of(0x30, name.length + 2, 0x80 + kind, name.length), name]);
  return { oid: "2.5.29.17", value };
}

const authority = mint({ subject: "authority", isCa: true, keyUsage: 0x06 });
const stranger = mint({ subject: "stranger", isCa: true, keyUsage: 0x06 });
const SERVER_USE = ["1.3.6.1.5.5.7.3.1"];
const LOOPBACK = Buffer.of(127, 0, 0, 1);
const forAddress = mint({
  subject: "node",
  issuer: authority,
  extendedKeyUsage: SERVER_USE,
  extensions: [namesExtension(7, LOOPBACK)],
});
const forName = mint({
  subject: "node",
  issuer: authority,
  extendedKeyUsage: SERVER_USE,
  hosts: ["runtime.example"],
});

const pemKey = ({ key }: MintedCertificate) => key.export({ format: "pem", type: "pkcs8" }).toString();

const version = toBinary(
  VersionResponseSchema,
  create(VersionResponseSchema, {
    version: "0.1.0",
    runtimeName: "secured",
    runtimeVersion: "1",
    runtimeApiVersion: "v1",
  }),
);

interface Seen {
  authorities: (string | undefined)[];
  servernames: (string | false | null | undefined)[];
  clients: (string | undefined)[];
}

/** A server that answers every call as Version is answered, and tells what it saw. */
async function secureServer(
  t: TestContext,
  certificate: MintedCertificate,
  options: SecureServerOptions = {},
): Promise<{ port: number; seen: Seen }> {
  const seen: Seen = { authorities: [], servernames: [], clients: [] };
  const server: Http2SecureServer = createSecureServer({
    cert: certificate.pem,
    key: pemKey(certificate),
    ...options,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    seen.servernames.push((socket as { servername?: string | false | null }).servername);
    const name = socket.getPeerCertificate().subject?.CN;
    seen.clients.push(Array.isArray(name) ? name.join() : name);
  });
  server.on("tlsClientError", () => {});
  server.on("sessionError", () => {});
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => {
    session.on("error", () => {});
    sessions.add(session);
  });
  server.on("stream", (stream, headers) => {
    seen.authorities.push(headers[":authority"]);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, version.length), version]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const address = server.address();
  return { port: typeof address === "object" && address ? address.port : 0, seen };
}

test("a server is verified by its address, and told localhost", async (t) => {
  const { port, seen } = await secureServer(t, forAddress);
  const before = countResources();
  const cri = await connectCri({ endpoint: `tcp://127.0.0.1:${port}`, tls: { ca: authority.pem } });
  assert.equal(cri.version.runtimeName, "secured");
  assert.equal(cri.endpoint, `tcp://127.0.0.1:${port}`);
  assert.equal((await cri.runtime.version({})).runtimeName, "secured");
  await cri.close();
  assert.deepEqual(seen.authorities, ["localhost", "localhost"]);
  assert.deepEqual(seen.servernames, ["localhost"]);
  await assertNothingLeft(before);
});

test("a server is verified by the name that is asked for, which it is told", async (t) => {
  const { port, seen } = await secureServer(t, forName);
  const tls = { ca: [stranger.pem, Buffer.from(authority.pem)], servername: "runtime.example" };
  const cri = await connectCri({ endpoint: `tcp://127.0.0.1:${port}`, tls });
  await cri.close();
  assert.deepEqual(seen.authorities, ["runtime.example"]);
  assert.deepEqual(seen.servernames, ["runtime.example"]);
});

test("nothing is sent to a server whose certificate is not right, whatever the environment says", async (t) => {
  // The name localhost is sent to servers at addresses, but a certificate for it is not one for the address.
  const forLocalhost = mint({ subject: "node", issuer: authority, hosts: ["localhost"] });
  const cases: [name: string, certificate: MintedCertificate, tls: CriTlsOptions, systemCode: string][] = [
    ["another authority", forAddress, { ca: stranger.pem }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["the authorities of Node", forAddress, {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["a certificate for localhost", forLocalhost, { ca: authority.pem }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ["a certificate for a name", forName, { ca: authority.pem }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    [
      "another name",
      forName,
      { ca: authority.pem, servername: "other.example" },
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ],
    [
      "a name for an address",
      forAddress,
      { ca: authority.pem, servername: "localhost" },
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ],
    [
      "a certificate that is over",
      mint({
        subject: "node",
        issuer: authority,
        notAfter: now - 1000,
        extensions: [namesExtension(7, LOOPBACK)],
      }),
      { ca: authority.pem },
      "CERT_HAS_EXPIRED",
    ],
    [
      "a certificate that signs itself",
      mint({ subject: "node", extensions: [namesExtension(7, LOOPBACK)] }),
      { ca: authority.pem },
      "DEPTH_ZERO_SELF_SIGNED_CERT",
    ],
  ];
  // The environment can turn verification off for the rest of the process; not here.
  const saved = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  t.after(() => {
    if (saved === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = saved;
  });
  for (const rejectUnauthorized of ["1", "0"]) {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = rejectUnauthorized;
    for (const [name, certificate, tls, systemCode] of cases) {
      const { port, seen } = await secureServer(t, certificate);
      const before = countResources();
      await assert.rejects(
        connectCri({ endpoint: `tcp://127.0.0.1:${port}`, tls }),
        { code: "ERR_CRI_UNAVAILABLE", systemCode },
        name,
      );
      assert.deepEqual(seen.authorities, [], name);
      await assertNothingLeft(before);
    }
  }
});

test("the client shows its certificate, and is refused without", async (t) => {
  const client = mint({ subject: "client", issuer: authority });
  const asking = { requestCert: true, rejectUnauthorized: true, ca: authority.pem };
  const { port, seen } = await secureServer(t, forAddress, asking);
  const endpoint = `tcp://127.0.0.1:${port}`;
  const tls = { ca: authority.pem, cert: client.pem, key: pemKey(client) };
  const cri = await connectCri({ endpoint, tls });
  await cri.close();
  assert.deepEqual(seen.clients, ["client"]);
  const encrypted = client.key.export({
    format: "pem",
    type: "pkcs8",
    cipher: "aes-256-cbc",
    passphrase: "open",
  });
  await (await connectCri({ endpoint, tls: { ...tls, key: encrypted, passphrase: "open" } })).close();
  const before = countResources();
  await assert.rejects(connectCri({ endpoint, tls: { ca: authority.pem } }), { code: "ERR_CRI_UNAVAILABLE" });
  const odd = mint({ subject: "odd", issuer: stranger });
  await assert.rejects(connectCri({ endpoint, tls: { ...tls, cert: odd.pem, key: pemKey(odd) } }), {
    code: "ERR_CRI_UNAVAILABLE",
  });
  await assertNothingLeft(before);
});

test("a server in plain text is no server with TLS, and the reverse", async (t) => {
  const runtime = await startFakeRuntime({ tcpHost: "127.0.0.1" });
  t.after(() => runtime.close());
  await assert.rejects(connectCri({ endpoint: runtime.endpoint, tls: { ca: authority.pem } }), {
    code: "ERR_CRI_UNAVAILABLE",
  });
  assert.equal(runtime.calls.length, 0);
  const { port, seen } = await secureServer(t, forAddress);
  await assert.rejects(connectCri({ endpoint: `tcp://127.0.0.1:${port}`, allowTcp: true }), {
    code: "ERR_CRI_UNAVAILABLE",
  });
  assert.deepEqual(seen.authorities, []);
});

test("a server that never answers the handshake runs into the connect time-out", async () => {
  const before = countResources();
  let sockets = 0;
  const server = createServer((socket) => {
    sockets++;
    socket.on("error", () => {});
    socket.on("close", () => sockets--);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const tls = { ca: authority.pem };
  await assert.rejects(connectCri({ endpoint: `tcp://127.0.0.1:${port}`, tls, connectTimeoutMs: 100 }), {
    code: "ERR_CRI_DEADLINE_EXCEEDED",
  });
  while (sockets > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  server.close();
  await assertNothingLeft(before);
});

test("what TLS cannot secure is refused before anything is opened", async () => {
  const tls = { ca: authority.pem };
  for (const endpoint of ["unix:///run/x.sock", "/run/x.sock"]) {
    await assert.rejects(connectCri({ endpoint, tls }), { code: "ERR_CRI_ENDPOINT_UNSUPPORTED" });
    await assert.rejects(connectCri({ endpoint: "tcp://node.example:1", imageEndpoint: endpoint, tls }), {
      code: "ERR_CRI_ENDPOINT_UNSUPPORTED",
    });
  }
  await assert.rejects(connectCri({ endpoint: "tcp://node.example:1", allowTcp: true }), {
    code: "ERR_CRI_ENDPOINT_UNSUPPORTED",
  });
});

test("certificates and keys that cannot be used are the caller's mistake", async () => {
  const client = mint({ subject: "client", issuer: authority });
  const wrong: CriTlsOptions[] = [
    { ca: "" },
    { ca: [] },
    { ca: "no PEM" },
    { cert: client.pem },
    { key: pemKey(client) },
    { cert: client.pem, key: pemKey(authority) },
    { cert: client.pem, key: "no PEM" },
    { cert: "no PEM", key: pemKey(client) },
    { servername: "" },
    { servername: "a b" },
    { servername: "*.example" },
  ];
  for (const tls of wrong) {
    const error = await connectCri({ endpoint: "tcp://127.0.0.1:1", tls }).catch((reason: unknown) => reason);
    assert.ok(error instanceof TypeError, JSON.stringify(tls));
    assert.ok(!error.message.includes("PRIVATE KEY"));
  }
});
