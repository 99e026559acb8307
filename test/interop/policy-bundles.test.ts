/** OpenSSL as the judge of what the authorities of test bundles make. */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { toPem } from "../../src/testing/certificates.ts";
import { createBundleAuthorities, mintKey, publicKeyPem, signStatement } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { runProgram, whyNoPrograms } from "./process.ts";

describe("OpenSSL on bundles", needs(whyNoPrograms("openssl")), () => {
  const made = createBundleAuthorities();
  let folder: string;
  let count = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lading-bundles-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function file(content: Uint8Array | string): Promise<string> {
    const path = join(folder, `file-${count++}`);
    await writeFile(path, content);
    return path;
  }

  async function openssl(...args: readonly string[]): Promise<{ ok: boolean; text: string }> {
    const { exitCode, stdout, stderr } = await runProgram("openssl", args);
    return { ok: exitCode === 0, text: stdout + stderr };
  }

  test("a timestamp holds for its bytes, and for no others", async () => {
    const { timestampAuthority } = made;
    const at = Date.now() - 60_000;
    const bytes = Buffer.from("signature");
    for (const embedCertificate of [false, true]) {
      const token = await file(timestampAuthority.timestamp(bytes, { at, embedCertificate }));
      const root = await file(timestampAuthority.root.pem);
      const untrusted = embedCertificate ? [] : ["-untrusted", await file(timestampAuthority.leaf.pem)];
      const verify = async (data: Uint8Array) =>
        openssl("ts", "-verify", "-in", token, "-data", await file(data), "-CAfile", root, ...untrusted);
      const good = await verify(bytes);
      assert.ok(good.ok, good.text);
      assert.equal((await verify(Buffer.from("other"))).ok, false);
      const { text } = await openssl("ts", "-reply", "-in", token, "-text");
      const second = new Date(Math.floor(at / 1000) * 1000);
      const day = String(second.getUTCDate()).padStart(2, " ");
      assert.match(text, new RegExp(`Time stamp: [A-Z][a-z]{2} ${day} .* ${second.getUTCFullYear()} GMT`));
    }
  });

  test("a certificate with a timestamp of the certificate log has a chain to the root, and the timestamp", async () => {
    const { certificate } = made.certify("dev@example.com");
    const leaf = await file(toPem("CERTIFICATE", certificate));
    const root = await file(made.authorities.rootPem);
    const issuer = await file(made.authorities.issuer.pem);
    const chain = await openssl("verify", "-purpose", "any", "-CAfile", root, "-untrusted", issuer, leaf);
    assert.ok(chain.ok, chain.text);
    const { text } = await openssl("x509", "-in", leaf, "-noout", "-text");
    assert.match(text, /CT Precertificate SCTs/);
    const keyId = made.trustedRoot().ctlogs[0]?.logId.keyId ?? "";
    const hex = Buffer.from(keyId, "base64").toString("hex").toUpperCase();
    assert.ok(text.replace(/[^0-9A-F]/g, "").includes(hex), text);
  });

  test("the signatures of bundles hold over the artifact, and over the encoded envelope", async () => {
    const key = mintKey();
    const pem = await file(publicKeyPem(key));
    const message = Buffer.from("the artifact");
    const plain = made.sign({ signer: key, content: { message } });
    const signature = await file(Buffer.from(plain.messageSignature?.signature ?? "", "base64"));
    const verify = async (data: Uint8Array | string, path: string) =>
      openssl("dgst", "-sha256", "-verify", pem, "-signature", path, await file(data));
    assert.ok((await verify(message, signature)).ok);
    assert.equal((await verify("other", signature)).ok, false);
    const enveloped = made.sign({ signer: key, content: { statement: signStatement(digestOf(message)) } });
    const { payload = "", payloadType = "", signatures = [] } = enveloped.dsseEnvelope ?? {};
    const body = Buffer.from(payload, "base64");
    const encoded = Buffer.concat([
      Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `),
      body,
    ]);
    const sig = await file(Buffer.from(signatures[0]?.sig ?? "", "base64"));
    assert.ok((await verify(encoded, sig)).ok);
    assert.equal((await verify(body, sig)).ok, false);
  });

  test("checkpoints of both logs are signed by the keys that the root names", async () => {
    for (const [at, log] of [made.logV1, made.logV2].entries()) {
      const bundle = made.sign({
        signer: made.certify("dev@example.com"),
        content: { message: Buffer.from("x") },
        logs: [log],
      });
      const proof = bundle.verificationMaterial.tlogEntries[0]?.inclusionProof;
      const [note = "", line = ""] = (proof?.checkpoint?.envelope ?? "").split("\n\n");
      const signature = Buffer.from(line.trim().split(" ").at(-1) ?? "", "base64").subarray(4);
      const der = Buffer.from(made.trustedRoot().tlogs[at]?.publicKey.rawBytes ?? "", "base64");
      const pem = createPublicKey({ key: der, format: "der", type: "spki" }).export({
        format: "pem",
        type: "spki",
      });
      const raw = at === 1 ? ["-rawin"] : ["-rawin", "-digest", "sha256"];
      const { ok, text } = await openssl(
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        await file(pem.toString()),
        "-sigfile",
        await file(signature),
        ...raw,
        "-in",
        await file(`${note}\n`),
      );
      assert.ok(ok, text);
    }
  });
});
