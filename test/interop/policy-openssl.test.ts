/** OpenSSL as the judge of what lading signs with, of what it signs, and of what the test authorities issue. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { memoryStore } from "../../src/oci/memory-store.ts";
import {
  createFulcioClient,
  createKeylessSigner,
  createKeySigner,
  createRekorClient,
  generateKeyPair,
  signImage,
} from "../../src/policy/index.ts";
import { createAuthorities, createSignedImage, startSigningServices } from "../../src/testing/index.ts";
import { pushImage } from "../unit/policy/images.ts";
import { needs } from "./parts.ts";
import { runProgram, whyNoPrograms } from "./process.ts";

const NAME = "quay.example/team/app:1";
const ALGORITHMS = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "ed25519"] as const;
const EMAIL = "dev@example.com";

describe("OpenSSL", needs(whyNoPrograms("openssl")), () => {
  let folder: string;
  let count = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lading-openssl-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const fresh = (): string => join(folder, `file-${count++}`);
  async function file(content: Uint8Array | string): Promise<string> {
    const path = fresh();
    await writeFile(path, content);
    return path;
  }

  /** Runs openssl, which must succeed; gives what it wrote to stdout. */
  async function openssl(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await runProgram("openssl", args);
    assert.equal(exitCode, 0, `openssl ${args.join(" ")}\n${stderr}`);
    return stdout;
  }

  async function fails(expected: RegExp, ...args: readonly string[]): Promise<void> {
    const { exitCode, stdout, stderr } = await runProgram("openssl", args);
    assert.notEqual(exitCode, 0);
    assert.match(stdout + stderr, expected);
  }

  async function verifies(
    publicKey: string,
    content: Uint8Array | string,
    signature: Uint8Array,
    hashed = true,
  ): Promise<void> {
    const [key, data, raw] = await Promise.all([publicKey, content, signature].map(file));
    if (!key || !data || !raw) return assert.fail();
    if (hashed) await openssl("dgst", "-sha256", "-verify", key, "-signature", raw, data);
    else {
      await openssl("pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", data, "-sigfile", raw);
    }
  }

  for (const algorithm of ALGORITHMS) {
    test(`reads keys that lading writes, and verifies what they sign: ${algorithm}`, async () => {
      const { privateKey, publicKey } = await generateKeyPair({ passphrase: null, algorithm });
      const path = await file(privateKey);
      await openssl("pkey", "-in", path, "-check", "-noout");
      assert.equal(await openssl("pkey", "-in", path, "-pubout"), publicKey);
      const store = memoryStore();
      await pushImage(store, "1");
      const { signed } = await signImage(store, NAME, await createKeySigner(privateKey));
      const { payload, annotations } = signed[0]?.signature ?? assert.fail();
      const signature = Buffer.from(annotations.get("dev.cosignproject.cosign/signature") ?? "", "base64");
      const hashed = algorithm !== "ed25519";
      await verifies(publicKey, payload, signature, hashed);
      const changed = Buffer.from(payload);
      changed[0] = (changed[0] ?? 0) ^ 1;
      await assert.rejects(verifies(publicKey, changed, signature, hashed));
    });
  }

  test("writes keys that lading reads", async () => {
    const plain = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
    const commands: readonly [args: readonly string[], passphrase?: string][] = [
      [plain],
      [[...plain, "-aes-256-cbc", "-pass", "pass:geheim"], "geheim"],
      [["genpkey", "-algorithm", "ED25519"]],
      [["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]],
      [["genrsa", "-traditional", "2048"]],
      [["ecparam", "-name", "prime256v1", "-genkey"]],
    ];
    for (const [args, passphrase] of commands) {
      const path = fresh();
      const [command = "", ...options] = args;
      await openssl(command, "-out", path, ...options);
      const signer = await createKeySigner(await readFile(path), { passphrase });
      const publicKey = await openssl("pkey", "-in", path, "-pubout", "-passin", `pass:${passphrase ?? ""}`);
      assert.equal(signer.publicKey, publicKey, args.join(" "));
    }
  });

  test("verifies a signature without a key: certificate, chain, signature and the log's promise", async () => {
    const authorities = createAuthorities();
    const services = await startSigningServices(authorities);
    try {
      const store = memoryStore();
      await pushImage(store, "1");
      const signer = createKeylessSigner({
        identityToken: services.identityProvider.token(EMAIL),
        authority: createFulcioClient({ url: services.fulcioUrl }),
        log: createRekorClient({ url: services.rekorUrl, publicKey: authorities.logPublicKeyPem }),
      });
      const { signed } = await signImage(store, NAME, signer);
      const { payload, annotations } = signed[0]?.signature ?? assert.fail();
      const certificate = await file(annotations.get("dev.sigstore.cosign/certificate") ?? "");
      const chain = await file(annotations.get("dev.sigstore.cosign/chain") ?? "");
      const root = await file(authorities.rootPem);
      const set = JSON.parse(annotations.get("dev.sigstore.cosign/bundle") ?? "");
      const purpose = ["-purpose", "any", "-attime", String(set.Payload.integratedTime)];
      await openssl("verify", "-CAfile", root, "-untrusted", chain, ...purpose, certificate);
      const text = await openssl("x509", "-in", certificate, "-noout", "-text");
      assert.ok(text.includes(`email:${EMAIL}`), text);
      const publicKey = await openssl("x509", "-in", certificate, "-noout", "-pubkey");
      const signature = Buffer.from(annotations.get("dev.cosignproject.cosign/signature") ?? "", "base64");
      await verifies(publicKey, payload, signature);
      const { body, integratedTime, logID, logIndex } = set.Payload;
      const canonical = JSON.stringify({ body, integratedTime, logID, logIndex });
      const promise = Buffer.from(set.SignedEntryTimestamp, "base64");
      await verifies(authorities.logPublicKeyPem, canonical, promise);
      const der = fresh();
      const logKey = await file(authorities.logPublicKeyPem);
      await openssl("pkey", "-pubin", "-in", logKey, "-outform", "DER", "-out", der);
      assert.equal((await openssl("dgst", "-sha256", "-r", der)).slice(0, 64), logID);
    } finally {
      await services.close();
    }
  });

  test("agrees about certificates with a flaw", async () => {
    const authorities = createAuthorities();
    const root = await file(authorities.rootPem);
    const chain = await file(authorities.issuer.pem);
    const verify = ["verify", "-purpose", "any", "-CAfile", root, "-untrusted", chain];
    const issue = async (flaw?: "expired" | "not-yet-valid" | "wrong-chain") =>
      file(authorities.issue(EMAIL, { flaw }).certificatePem);
    await openssl(...verify, await issue());
    await fails(/certificate has expired/, ...verify, await issue("expired"));
    await fails(/certificate is not yet valid/, ...verify, await issue("not-yet-valid"));
    await fails(
      /certificate signature failure|unable to get local issuer/,
      ...verify,
      await issue("wrong-chain"),
    );
  });

  test("agrees about revoked certificates, which verdicts do not look at", async () => {
    const { authorities, signatures, revocationList, expected } = await createSignedImage({
      state: "keyless-revoked-certificate",
    });
    assert.deepEqual(expected, { kind: "allowed" });
    const root = await file(authorities.rootPem);
    const chain = await file(authorities.issuer.pem);
    const list = await file(revocationList ?? "");
    const verify = ["verify", "-purpose", "any", "-CAfile", root, "-untrusted", chain];
    const revoked = await file(signatures[0]?.annotations["dev.sigstore.cosign/certificate"] ?? "");
    await openssl(...verify, revoked);
    const check = [...verify, "-crl_check", "-CRLfile", list];
    await fails(/certificate revoked/, ...check, revoked);
    await openssl(...check, await file(authorities.issue(EMAIL).certificatePem));
  });
});
