/** OpenPGP keys and signatures between lading, GnuPG and skopeo, both ways. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createSimpleSignature, formatSimplePayload } from "../../src/policy/index.ts";
import { createGpgKey } from "../../src/testing/index.ts";
import { digest, manifest, NAME, outcomeOf, payload } from "../unit/policy/signed-by.ts";
import { createGpgHome, type GpgHome } from "./gpg.ts";
import { needs } from "./parts.ts";
import { runProgram, whyNoPrograms } from "./process.ts";

const SIGN = ["--passphrase", "", "--output"] as const;

describe("GnuPG and skopeo", needs(whyNoPrograms("gpg", "gpgconf", "skopeo")), () => {
  let home: GpgHome;
  let count = 0;

  before(async () => {
    home = await createGpgHome();
    process.env["GNUPGHOME"] = home.folder;
  });
  after(async () => {
    delete process.env["GNUPGHOME"];
    await home?.stop();
  });

  const store = (content: Uint8Array | string) => home.file(`file-${count++}`, content);
  const fresh = () => join(home.folder, `out-${count++}`);

  /** A key that GnuPG makes; its fingerprint. */
  async function generate(algorithm: string, expiry = "never", ...options: string[]): Promise<string> {
    const user = `key ${count++} <k@lading.example>`;
    const before = new Set(await fingerprints());
    await home.gpg(...options, "--passphrase", "", "--quick-generate-key", user, algorithm, "sign", expiry);
    const made = (await fingerprints()).find((fingerprint) => !before.has(fingerprint));
    assert.ok(made);
    return made;
  }

  async function fingerprints(): Promise<string[]> {
    const listing = await home.gpg("--with-colons", "--list-secret-keys");
    return [...listing.matchAll(/^sec:.*\n(?:fpr:+([0-9A-F]{40}):)/gm)].map((match) => match[1] ?? "");
  }

  async function exported(fingerprint: string, ...options: string[]): Promise<Buffer> {
    const path = fresh();
    await home.gpg("--output", path, ...options, "--export", fingerprint);
    return readFile(path);
  }

  async function signed(fingerprints: readonly string[], ...options: string[]): Promise<Buffer> {
    const path = fresh();
    const users = fingerprints.flatMap((fingerprint) => ["--local-user", fingerprint]);
    await home.gpg(...SIGN, path, ...users, ...options, "--sign", await store(payload));
    return readFile(path);
  }

  test("verify what lading signs", async () => {
    for (const options of [{}, { algorithm: "p256" }, { algorithm: "rsa" }, { state: "subkey" }] as const) {
      const { publicKey, armoredPrivateKey, fingerprint, signerFingerprint } = await createGpgKey(options);
      await home.gpg("--import", await store(publicKey));
      const signature = await createSimpleSignature({
        digest,
        dockerReference: NAME,
        privateKey: armoredPrivateKey,
        creator: "test",
        timestamp: 7,
      });
      const path = await store(signature);
      const { stdout, stderr } = await home.tryGpg("--status-fd", "2", "--decrypt", path);
      assert.match(stderr, new RegExp(`\\[GNUPG:\\] VALIDSIG ${signerFingerprint} .* ${fingerprint}\\n`));
      assert.equal(
        stdout,
        String(formatSimplePayload({ digest, dockerReference: NAME, creator: "test", timestamp: 7 })),
      );
      const verified = await runProgram("skopeo", [
        "standalone-verify",
        ...[await store(manifest), NAME, signerFingerprint, path],
      ]);
      assert.equal(verified.stdout, `Signature verified, digest ${digest}\n`, verified.stderr);
    }
  });

  test("sign what lading accepts", async () => {
    for (const algorithm of ["rsa2048", "ed25519", "nistp256", "nistp384", "nistp521"]) {
      const fingerprint = await generate(algorithm);
      const path = fresh();
      const { exitCode, stderr } = await runProgram("skopeo", [
        "standalone-sign",
        ...[await store(manifest), NAME, fingerprint, "--output", path],
      ]);
      assert.equal(exitCode, 0, stderr);
      const signatures = [await readFile(path)];
      for (const key of [await exported(fingerprint), await exported(fingerprint, "--armor")]) {
        assert.equal(await outcomeOf({ keys: [key], signatures }), "allowed", algorithm);
      }
      const other = "quay.example/team/app:2";
      assert.match(
        await outcomeOf({ keys: [await exported(fingerprint)], signatures, reference: other }),
        /identity/,
      );
    }
  });

  test("make keys on curves that the OpenPGP library does not do in Node, which are as none", async () => {
    for (const algorithm of ["brainpoolP256r1", "secp256k1"]) {
      const fingerprint = await generate(algorithm);
      const decision = { keys: [await exported(fingerprint)], signatures: [await signed([fingerprint])] };
      assert.equal(await outcomeOf(decision), "policy-requirement: No public keys imported");
    }
  });

  test("compress, hash and arrange messages in ways that lading reads", async () => {
    const fingerprint = await generate("rsa2048");
    const keys = [await exported(fingerprint)];
    const outcome = async (...options: string[]) =>
      outcomeOf({ keys, signatures: [await signed([fingerprint], ...options)] });
    for (const options of [
      ["--compress-algo", "none"],
      ["--compress-algo", "zip", "-z", "9"],
      ["--compress-algo", "zlib"],
      ["--digest-algo", "SHA256"],
      ["--digest-algo", "SHA384"],
      ["--digest-algo", "SHA512"],
      ["--digest-algo", "SHA224"],
      ["--set-filename", "päyload"],
      ["--default-sig-expire", "1d"],
      ["--sig-notation", "a@lading.example=b", "--sig-policy-url", "https://lading.example"],
    ]) {
      assert.equal(await outcome(...options), "allowed", options.join(" "));
    }
    // Node has no bzip2, and no tool for images writes it. The others are not binary signed messages.
    assert.match(await outcome("--compress-algo", "bzip2"), /compression algorithm 3 is not supported$/);
    assert.match(await outcome("--textmode"), /type 0x01 is not a signature over binary data$/);
    assert.match(await outcome("--digest-algo", "SHA1"), /HashAlgo:2\}$/);
    assert.match(await outcome("--armor"), /^other: No data$/);
    // Nobody can know what this notation means, and the signer says that one must.
    assert.match(await outcome("--sig-notation", "!a@lading.example=b"), /err:0x7000008/);
  });

  test("write lengths in parts, where they do not know the whole", async () => {
    const fingerprint = await generate("ed25519");
    const long = JSON.parse(String(payload)) as { optional: Record<string, unknown> };
    long.optional["pad"] = "x".repeat(100_000);
    const [input, output] = [await store(JSON.stringify(long)), fresh()];
    const sign = ["--homedir", home.folder, "--batch", "--pinentry-mode", "loopback", ...SIGN, output];
    const options = [...sign, "--local-user", fingerprint, "--compress-algo", "none", "--sign"];
    const { exitCode, stderr } = await runProgram("sh", ["-c", 'cat "$0" | gpg "$@"', input, ...options]);
    assert.equal(exitCode, 0, stderr);
    const message = await readFile(output);
    assert.match(await home.gpg("--list-packets", output), /tag=11 .*partial/);
    const keys = [await exported(fingerprint)];
    assert.equal(await outcomeOf({ keys, signatures: [message] }), "allowed");
    for (const at of [600, 40_000, message.length - 200]) {
      const changed = Buffer.from(message);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.match(await outcomeOf({ keys, signatures: [changed] }), /^invalid-signature|^other: No data$/);
    }
  });

  test("make clear-text, detached, doubled and unsigned messages, which are refused", async () => {
    const [first, second] = [await generate("ed25519"), await generate("ed25519")];
    const keys = [await exported(first), await exported(second)];
    const path = await store(payload);
    const made = async (...args: string[]) => {
      const output = fresh();
      await home.gpg(...SIGN, output, "--local-user", first, ...args, path);
      return outcomeOf({ keys, signatures: [await readFile(output)] });
    };
    assert.match(await made("--clear-sign"), /^other: No data$/);
    assert.match(await made("--detach-sign"), /^invalid-signature: Invalid GPG signature: it is detached/);
    assert.match(await made("--store"), /^invalid-signature: Unexpected GPG signature count 0$/);
    assert.match(
      await made("--passphrase", "x", "--symmetric"),
      /^invalid-signature: Unexpected GPG signature count 0$/,
    );
    const both = await signed([first, second]);
    assert.match(await outcomeOf({ keys, signatures: [both] }), /Unexpected GPG signature count 2$/);
  });

  test("revoke keys, also by the certificate that GnuPG writes beforehand", async () => {
    const fingerprint = await generate("ed25519");
    const unrevoked = await exported(fingerprint);
    const signatures = [await signed([fingerprint])];
    assert.equal(await outcomeOf({ keys: [unrevoked], signatures }), "allowed");
    const certificate = await readFile(join(home.folder, "openpgp-revocs.d", `${fingerprint}.rev`), "utf8");
    await home.gpg("--import", await store(certificate.replace(/^:/m, "")));
    const revoked = await exported(fingerprint);
    for (const keys of [[revoked], [unrevoked, revoked], [revoked, unrevoked]]) {
      assert.match(await outcomeOf({ keys, signatures }), /Summary:16,.*err:0x700005e/);
    }
  });

  test("let keys and subkeys expire, and live longer", async () => {
    const then = Date.UTC(2024, 0, 1, 12);
    const clock = ["--faked-system-time", `${then / 1000}!`];
    const fingerprint = await generate("ed25519", "1y", ...clock);
    const signatures = [await signed([fingerprint], ...clock)];
    const keys = [await exported(fingerprint)];
    assert.match(await outcomeOf({ keys, signatures }), /Summary:32,.*err:0x7000099/);
    assert.equal(await outcomeOf({ keys, signatures, now: then + 3600_000 }), "allowed");
    await home.gpg("--passphrase", "", "--quick-set-expire", fingerprint, "20y");
    const prolonged = await exported(fingerprint);
    assert.equal(await outcomeOf({ keys: [prolonged], signatures }), "allowed");
    assert.equal(await outcomeOf({ keys: [keys[0] ?? prolonged, prolonged], signatures }), "allowed");
    await home.gpg(...clock, "--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "1y");
    const listing = await home.gpg("--with-colons", "--with-subkey-fingerprint", "--list-keys", fingerprint);
    const subkey = /^sub:.*\nfpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? assert.fail(listing);
    const bySubkey = [await signed([`${subkey}!`], ...clock)];
    const whole = [await exported(fingerprint)];
    assert.equal(await outcomeOf({ keys: whole, signatures: bySubkey, now: then + 3600_000 }), "allowed");
    assert.match(
      await outcomeOf({ keys: whole, signatures: bySubkey }),
      new RegExp(`32, .*${subkey}.*7000099`),
    );
    assert.equal(await outcomeOf({ keys: whole, signatures }), "allowed", "the primary key goes on");
  });
});
