import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { type CriError, dialPod, exec, type StreamTlsOptions } from "../../src/cri/index.ts";
import { type MintedCertificate, type MintOptions, mintCertificate } from "../../src/testing/certificates.ts";
import { setUpStreaming } from "./cri-streaming-setup.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const HOUR = 3_600_000;
const now = Date.now();
const mint = (options: Partial<MintOptions> & Pick<MintOptions, "subject">): MintedCertificate =>
  mintCertificate({ notBefore: now - HOUR, notAfter: now + HOUR, ...options });
const keyOf = ({ key }: MintedCertificate) => key.export({ format: "pem", type: "pkcs8" }).toString();

/** The address 127.0.0.1 as a name of a certificate. */
const LOOPBACK = { oid: "2.5.29.17", value: Buffer.of(0x30, 6, 0x87, 4, 127, 0, 0, 1) };
const authority = mint({ subject: "authority", isCa: true, keyUsage: 0x06 });
const stranger = mint({ subject: "stranger", isCa: true, keyUsage: 0x06 });
const forAddress = mint({ subject: "node", issuer: authority, extensions: [LOOPBACK] });
const forName = mint({ subject: "node", issuer: authority, hosts: ["streams.example"] });
const client = mint({ subject: "client", issuer: authority });
const strange = mint({ subject: "client", issuer: stranger });

const REFUSED = ["ERR_CRI_UNAVAILABLE", "ERR_CRI_CONNECTION_LOST"];

async function outcome(promise: Promise<{ exit: Promise<unknown> }>): Promise<string> {
  try {
    await (await promise).exit;
    return "open";
  } catch (error) {
    const { code } = error as CriError;
    return REFUSED.includes(code) ? "refused" : code;
  }
}

for (const transport of ["websocket", "spdy"] as const) {
  test(`certificates of the server over ${transport}`, async (t) => {
    for (const [name, certificate, tls, expected] of [
      ["its authority", forAddress, { ca: authority.pem }, "open"],
      ["no authority that is trusted", forAddress, undefined, "refused"],
      ["another authority", forAddress, { ca: stranger.pem }, "refused"],
      ["a certificate for something else", forName, { ca: authority.pem }, "refused"],
      ["the name that is asked for", forName, { ca: authority.pem, servername: "streams.example" }, "open"],
      ["another name", forName, { ca: authority.pem, servername: "other.example" }, "refused"],
      ["no verification", forName, { insecureSkipVerify: true }, "open"],
      ["authorities that are none", forAddress, { ca: "" }, undefined],
      ["a certificate without its key", forAddress, { ca: authority.pem, cert: client.pem }, undefined],
    ] as const satisfies [string, MintedCertificate, StreamTlsOptions | undefined, string | undefined][]) {
      const { cri, server } = await setUpStreaming(t, {
        tls: { cert: certificate.pem, key: keyOf(certificate) },
      });
      const run = exec(cri, "c", ["true"], { transport, tls });
      if (expected === undefined) await assert.rejects(run, TypeError, name);
      else assert.equal(await outcome(run), expected, name);
      // Nothing of the token goes to a server that is not verified.
      assert.equal(server.log.length, expected === "open" ? 1 : 0, name);
      await cri.close();
      await server.close();
    }
  });

  test(`certificates of the client over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, {
      tls: { cert: forAddress.pem, key: keyOf(forAddress), clientCa: authority.pem },
    });
    const ca = authority.pem;
    const before = countResources();
    const shown = (each: MintedCertificate) => ({ ca, cert: each.pem, key: keyOf(each) });
    assert.equal(await outcome(exec(cri, "c", ["true"], { transport, tls: shown(client) })), "open");
    assert.equal(await outcome(exec(cri, "c", ["true"], { transport, tls: { ca } })), "refused");
    assert.equal(await outcome(exec(cri, "c", ["true"], { transport, tls: shown(strange) })), "refused");
    await assertNothingLeft(before);
  });

  test(`TLS that was set up is not given up for plain text over ${transport}`, async (t) => {
    const { cri, server } = await setUpStreaming(t);
    await assert.rejects(exec(cri, "c", ["true"], { transport, tls: { ca: authority.pem } }), {
      code: "ERR_CRI_STREAM_URL_REFUSED",
    });
    assert.equal(server.log.length, 0);
  });
}

test("a connection into a pod over TLS", async (t) => {
  const { cri } = await setUpStreaming(t, {
    tls: { cert: forAddress.pem, key: keyOf(forAddress) },
    portForward: async (_request, _port, connection) => {
      for await (const chunk of connection) connection.write(chunk);
      connection.end();
    },
  });
  const before = countResources();
  const connection = await dialPod(cri, "pod", 80, { tls: { ca: authority.pem } });
  connection.end("hello");
  assert.equal(await text(connection), "hello");
  await assertNothingLeft(before);
});
