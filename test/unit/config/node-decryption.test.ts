import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { nodeDecryption } from "../../../src/config/node/decryption.ts";
import { mintCertificate } from "../../../src/testing/certificates.ts";
import { containerdNode, crioNode, withRoot } from "./node-root.ts";

const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const EC = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: typeof RSA.privateKey): string => String(key.export({ type: "pkcs8", format: "pem" }));
const CERTIFICATE = mintCertificate({
  subject: "keys",
  notBefore: Date.UTC(2026, 0),
  notAfter: Date.UTC(2027, 0),
});
const CRIO = "/etc/crio/crio.conf";

describe("nodeDecryption of CRI-O", () => {
  test("tells the private keys below its folder, by kind, without their content", async () => {
    const inside = {
      "/etc/crio/keys/a.pem": pem(RSA.privateKey),
      "/etc/crio/keys/sub/b.der": EC.privateKey.export({ type: "sec1", format: "der" }),
      "/etc/crio/keys/sub/c.der": RSA.privateKey.export({ type: "pkcs1", format: "der" }),
      "/etc/crio/keys/sub/d.der": EC.privateKey.export({ type: "pkcs8", format: "der" }),
      "/etc/crio/keys/pub.pem": String(RSA.publicKey.export({ type: "spki", format: "pem" })),
      "/etc/crio/keys/cert.pem": CERTIFICATE.pem,
      "/etc/crio/keys/empty": "",
    };
    await withRoot({ inside }, async (root) => {
      const found = await nodeDecryption(await crioNode(root));
      assert.deepEqual(found, {
        kind: "keys",
        folder: {
          path: "/etc/crio/keys",
          exists: true,
          keys: [
            { path: "/etc/crio/keys/a.pem", kind: "private-key", type: "rsa" },
            { path: "/etc/crio/keys/cert.pem", kind: "certificate" },
            { path: "/etc/crio/keys/empty", kind: "other" },
            { path: "/etc/crio/keys/pub.pem", kind: "other" },
            { path: "/etc/crio/keys/sub/b.der", kind: "private-key", type: "ec" },
            { path: "/etc/crio/keys/sub/c.der", kind: "private-key", type: "rsa" },
            { path: "/etc/crio/keys/sub/d.der", kind: "private-key", type: "ec" },
          ],
        },
      });
      assert.ok(!JSON.stringify(found).includes("PRIVATE"));
    });
  });

  test("its folder is one of the root, and a link in it is told", async () => {
    const main = '[crio.runtime]\ndecryption_keys_path = "/x/../../keys"\n';
    const inside = { [CRIO]: main, "/keys/a": pem(EC.privateKey), "/keys/b": "->../../keys/z" };
    await withRoot({ inside, outside: { "/keys/z": pem(RSA.privateKey) } }, async (root) => {
      const found = await nodeDecryption(await crioNode(root));
      assert.ok(found.kind === "keys");
      assert.deepEqual(found.folder, {
        path: "/keys",
        origin: { file: CRIO, line: 2, column: 24 },
        exists: true,
        keys: [{ path: "/keys/a", kind: "private-key", type: "ec" }],
        link: "/keys/b",
      });
    });
    const linked = { [CRIO]: main, "/keys": "->/real", "/real/a": pem(EC.privateKey) };
    await withRoot({ inside: linked }, async (root) => {
      const found = await nodeDecryption(await crioNode(root));
      assert.deepEqual(found.kind === "keys" && [found.folder.link, found.folder.exists], ["/keys", true]);
    });
    await withRoot(
      { inside: { [CRIO]: main }, outside: { "/keys/z": pem(RSA.privateKey) } },
      async (root) => {
        const found = await nodeDecryption(await crioNode(root));
        assert.deepEqual(found.kind === "keys" && [found.folder.exists, found.folder.keys], [false, []]);
      },
    );
    const none = { [CRIO]: '[crio.runtime]\ndecryption_keys_path = ""\n' };
    await withRoot({ inside: none }, async (root) => {
      assert.deepEqual(await nodeDecryption(await crioNode(root)), { kind: "none", reason: "no-keys-path" });
      const reason = new Error("stop");
      const signal = AbortSignal.abort(reason);
      await assert.rejects(nodeDecryption(await crioNode(root), { signal }), reason);
    });
  });

  test("names the key providers of the daemon's environment", async () => {
    await withRoot({ inside: { "/etc/crio/keys/a": "" } }, async (root) => {
      const env = { OCICRYPT_KEYPROVIDER_CONFIG: "/etc/p.json" };
      const found = await nodeDecryption(await crioNode(root, { env }));
      assert.equal(found.kind === "keys" && found.providers, "/etc/p.json");
      const none = await nodeDecryption(await crioNode(root, { env: { OCICRYPT_KEYPROVIDER_CONFIG: "" } }));
      assert.ok(none.kind === "keys" && !("providers" in none));
    });
  });

  test("has a largest number of files", async () => {
    const many = Array.from({ length: 1001 }, (_, index) => [`/etc/crio/keys/${index}`, ""] as const);
    await withRoot({ inside: Object.fromEntries(many) }, async (root) => {
      await assert.rejects(nodeDecryption(await crioNode(root)), { code: "ERR_CONFIG_TOO_LARGE" });
    });
  });
});

describe("nodeDecryption of containerd", () => {
  const MAIN = "/etc/containerd/config.toml";
  const processor = (args: string): string => `version = 3
[stream_processors."tar.gzip"]
accepts = ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted"]
returns = "application/vnd.oci.image.layer.v1.tar+gzip"
path = "ctd-decoder"
args = [${args}]
[stream_processors."other"]
accepts = ["application/x"]
path = "x"
`;

  test("goes by processors, and the folder that their arguments name", async () => {
    for (const args of ['"--decryption-keys-path", "/x/../../k"', '"--decryption-keys-path=k"']) {
      const inside = { [MAIN]: processor(args), "/k/a": pem(RSA.privateKey) };
      await withRoot({ inside, outside: { "/k/b": pem(RSA.privateKey) } }, async (root) => {
        const found = await nodeDecryption(await containerdNode(root));
        assert.ok(found.kind === "processors");
        assert.ok(found.processors.every(({ name }) => name !== "other"));
        const first = found.processors.find(({ name }) => name === "tar.gzip");
        assert.equal(first?.folder?.origin?.line, 6);
        assert.deepEqual(first?.folder?.keys, [{ path: "/k/a", kind: "private-key", type: "rsa" }]);
      });
    }
  });

  test("has processors of its own, with a folder for their keys", async () => {
    const inside = { "/etc/containerd/ocicrypt/keys/a": pem(EC.privateKey) };
    await withRoot({ inside }, async (root) => {
      const found = await nodeDecryption(await containerdNode(root));
      assert.ok(found.kind === "processors");
      assert.deepEqual(
        found.processors.map(({ providers }) => providers),
        Array(2).fill("/etc/containerd/ocicrypt/ocicrypt_keyprovider.conf"),
      );
      assert.deepEqual(
        found.processors.map(({ name, path, accepts, folder }) => [name, path, accepts, folder?.keys.length]),
        [
          [
            "io.containerd.ocicrypt.decoder.v1.tar",
            "ctd-decoder",
            ["application/vnd.oci.image.layer.v1.tar+encrypted"],
            1,
          ],
          [
            "io.containerd.ocicrypt.decoder.v1.tar.gzip",
            "ctd-decoder",
            ["application/vnd.oci.image.layer.v1.tar+gzip+encrypted"],
            1,
          ],
        ],
      );
    });
  });

  test("does not open anything without key model; a processor need not name a folder", async () => {
    const off = `${processor('""')}[plugins."io.containerd.cri.v1.images".image_decryption]\nkey_model = ""\n`;
    await withRoot({ inside: { [MAIN]: off } }, async (root) => {
      assert.deepEqual(await nodeDecryption(await containerdNode(root)), {
        kind: "none",
        reason: "no-key-model",
      });
    });
    await withRoot({ inside: { [MAIN]: processor('"--x", "y"') } }, async (root) => {
      const found = await nodeDecryption(await containerdNode(root));
      assert.ok(found.kind === "processors");
      assert.equal(found.processors.find(({ name }) => name === "tar.gzip")?.folder, undefined);
    });
  });
});
