/** Lookaside stores and signed directories between lading and skopeo, both ways, and what registries.d makes of them. */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import {
  createLayer,
  createRegistry,
  type Descriptor,
  packImage,
  pushImage,
  type Registry,
} from "../../src/oci/index.ts";
import {
  createNodeSignatures,
  createSimpleSignature,
  createVerifier,
  evaluateRequirements,
  loadPolicyFiles,
  loadRegistriesD,
  lookasideForWriting,
  parseImageReference,
  parsePolicy,
  readDirectoryImage,
  writeDirectorySignatures,
  writeLookasideSignatures,
} from "../../src/policy/index.ts";
import { createGpgKey, type GpgKey } from "../../src/testing/index.ts";
import { createGpgHome, type GpgHome } from "./gpg.ts";
import { needs } from "./parts.ts";
import { runProgram, whyNoPrograms } from "./process.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo, temporaryFolder } from "./skopeo.ts";

const TLS = ["--src-tls-verify=false", "--dest-tls-verify=false"] as const;
/**
 * Debian's skopeo (1.9) reads YAML by way of JSON: it knows no key twice, and no boolean of YAML 1.1. Later
 * versions read it as lading does; what that has to say is therefore given here.
 */
const OTHER_YAML: Readonly<Record<string, RegExp>> = {
  "a key twice": /^error: .*"lookaside" is already defined$/,
  "an unknown key twice": /^error: .*"x" is already defined$/,
  "old boolean": /^allowed$/,
};
const platform = { os: "linux", architecture: "amd64" };

describe(
  "lookaside stores and skopeo",
  needs(whyNoPrograms("gpg", "gpgconf", "skopeo"), whyNoDockerRegistry()),
  () => {
    let docker: DockerRegistry;
    let registry: Registry;
    let home: GpgHome;
    let key: GpgKey;
    let keyPath: string;
    let otherPath: string;

    before(async () => {
      docker = await startDockerRegistry();
      registry = createRegistry();
      home = await createGpgHome();
      process.env["GNUPGHOME"] = home.folder;
      key = await createGpgKey({ algorithm: "rsa" });
      await home.gpg("--passphrase", "", "--import", await home.file("secret.asc", key.armoredPrivateKey));
      keyPath = await home.file("public.gpg", key.publicKey);
      otherPath = await home.file("other.gpg", (await createGpgKey()).publicKey);
    });
    after(async () => {
      delete process.env["GNUPGHOME"];
      await registry?.close();
      await docker?.stop();
      await home?.stop();
    });

    /** An unsigned image in the registry. */
    async function image(path: string, text = path): Promise<{ name: string; descriptor: Descriptor }> {
      const layers = [await createLayer([{ path: "etc/motd", content: text }])];
      const name = `${docker.host}/${path}`;
      const graph = await packImage({ platform, layers });
      return { name, descriptor: await pushImage(registry.repository(name), graph, "1") };
    }

    /** A folder of registries.d with these files. */
    async function registriesD(t: TestContext, files: Record<string, string>): Promise<string> {
      const folder = await temporaryFolder(t);
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      return folder;
    }

    const signedBy = (transport: "docker" | "dir", path: string, signedIdentity?: unknown) =>
      JSON.stringify({
        default: [{ type: "reject" }],
        transports: {
          [transport]: {
            "": [
              {
                type: "signedBy",
                keyType: "GPGKeys",
                keyPath: path,
                ...(signedIdentity ? { signedIdentity } : {}),
              },
            ],
          },
        },
      });

    /** What skopeo makes of copying an image under a policy: nothing, or why not. */
    async function bySkopeo(t: TestContext, from: string, policy: string, folder: string): Promise<string> {
      const work = await temporaryFolder(t);
      await writeFile(join(work, "policy.json"), policy);
      const { exitCode, stderr } = await runProgram("skopeo", [
        ...["--policy", join(work, "policy.json"), "--registries.d", folder],
        ...["copy", ...TLS, from, `dir:${join(work, "out")}`],
      ]);
      if (exitCode === 0) return "allowed";
      return (/Source image rejected: (.*?)"?\s*$/s.exec(stderr)?.[1] ?? stderr.trim()).replaceAll(
        '\\"',
        '"',
      );
    }

    /** What lading makes of it. */
    async function byLading(t: TestContext, name: string, policy: string, folder: string): Promise<string> {
      try {
        const loaded = await loadRegistriesD({ paths: [folder] });
        const node = createNodeSignatures({ ...loaded, retry: { attempts: 1 } });
        t.after(() => node.close());
        const verifier = createVerifier(parsePolicy(policy), {
          source: registry,
          signatureSources: [node],
          readFile: loadPolicyFiles(),
        });
        const verdict = await verifier.evaluate(name);
        return verdict.kind === "allowed" ? "allowed" : verdict.reason;
      } catch (error) {
        return `error: ${(error as Error).message}`;
      }
    }

    /** A web server over a folder. */
    async function serve(t: TestContext, folder: string): Promise<string> {
      const server: Server = createServer((request, response) => {
        const stream = createReadStream(
          join(folder, decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname)),
        );
        stream.on("error", () => {
          response.statusCode = 404;
          response.end();
        });
        stream.on("open", () => stream.pipe(response));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.after(() => {
        server.closeAllConnections();
        server.close();
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    }

    test("what skopeo signs and stores, lading reads from the folder and over HTTP", async (t) => {
      const { name } = await image("team/source");
      const store = await temporaryFolder(t);
      const url = await serve(t, store);
      const writing = await registriesD(t, {
        "a.yaml": `docker: {"${docker.host}": {lookaside-staging: "file://${store}"}}`,
      });
      const target = `${docker.host}/team/signed`;
      await skopeo(
        ...["--insecure-policy", "--registries.d", writing, "copy", ...TLS, "--sign-by", key.fingerprint],
        ...[`docker://${name}:1`, `docker://${target}:1`],
      );
      assert.equal((await readdir(join(store, "team"))).length, 1);
      for (const lookaside of [`file://${store}`, url]) {
        const reading = await registriesD(t, {
          "a.yaml": `docker: {"${docker.host}": {lookaside: "${lookaside}"}}`,
        });
        const policy = signedBy("docker", keyPath);
        assert.equal(await byLading(t, `${target}:1`, policy, reading), "allowed");
        assert.equal(await bySkopeo(t, `docker://${target}:1`, policy, reading), "allowed");
        const other = signedBy("docker", otherPath);
        const refused = await byLading(t, `${target}:1`, other, reading);
        assert.notEqual(refused, "allowed");
        assert.notEqual(await bySkopeo(t, `docker://${target}:1`, other, reading), "allowed");
      }
    });

    test("what lading signs and stores, skopeo reads from the folder and over HTTP", async (t) => {
      const { name, descriptor } = await image("team/lading");
      const store = await temporaryFolder(t);
      const url = await serve(t, store);
      const writing = await registriesD(t, {
        "a.yaml": `docker: {"${name}": {lookaside: "${url}", lookaside-staging: "file://${store}"}}`,
      });
      const { config, defaultLookaside } = await loadRegistriesD({ paths: [writing] });
      const to = lookasideForWriting(config, defaultLookaside, parseImageReference(`${name}:1`));
      const sign = (dockerReference: string) =>
        createSimpleSignature({
          digest: descriptor.digest,
          dockerReference,
          privateKey: key.armoredPrivateKey,
        });
      // The second one counts: the first is for another name.
      for (const reference of [`${name}:2`, `${name}:1`]) {
        const content = await sign(reference);
        await writeLookasideSignatures(to, descriptor.digest, [{ format: "simple-signing", content }]);
      }
      const policy = signedBy("docker", keyPath);
      assert.equal(await bySkopeo(t, `docker://${name}:1`, policy, writing), "allowed");
      assert.equal(await byLading(t, `${name}:1`, policy, writing), "allowed");
      const local = await registriesD(t, { "a.yaml": `default-docker: {sigstore: "file://${store}"}` });
      assert.equal(await bySkopeo(t, `docker://${name}:1`, policy, local), "allowed");
      assert.equal(await byLading(t, `${name}:1`, policy, local), "allowed");
      const exact = signedBy("docker", keyPath, { type: "exactReference", dockerReference: `${name}:3` });
      assert.match(
        await bySkopeo(t, `docker://${name}:1`, exact, local),
        /None of the signatures were accepted/,
      );
      // Debian's skopeo is from before identities were put between quotes.
      assert.equal(
        (await byLading(t, `${name}:1`, exact, local)).replaceAll('"', ""),
        (await bySkopeo(t, `docker://${name}:1`, exact, local)).replaceAll('"', ""),
      );
    });

    test("a directory that skopeo signed is accepted by lading, and the reverse", async (t) => {
      const { name } = await image("team/directory");
      const reference = "quay.example/team/directory:1";
      const identity = { type: "exactReference", dockerReference: reference };
      const none = await registriesD(t, {});
      const folder = join(await temporaryFolder(t), "signed");
      const sign = ["--sign-by", key.fingerprint, "--sign-identity", reference];
      const { exitCode, stderr } = await runProgram("skopeo", [
        ...["--insecure-policy", "copy", ...TLS, ...sign, `docker://${name}:1`, `dir:${folder}`],
      ]);
      assert.equal(exitCode, 0, stderr);
      const policy = signedBy("dir", keyPath, identity);
      const decide = async (path: string) => {
        const { image, evidence } = await readDirectoryImage(path);
        const file = (each: string) => loadPolicyFiles()(each, {});
        return evaluateRequirements(parsePolicy(policy), image, {
          ...evidence,
          file,
          now: Date.now() / 1000,
        });
      };
      assert.equal((await decide(folder)).kind, "allowed");
      const bare = join(await temporaryFolder(t), "bare");
      await skopeo("--insecure-policy", "copy", ...TLS, `docker://${name}:1`, `dir:${bare}`);
      const unsigned = await decide(bare);
      assert.ok(unsigned.kind === "rejected");
      assert.equal(await bySkopeo(t, `dir:${bare}`, policy, none), unsigned.reason);
      const { digest } = await readDirectoryImage(bare);
      const content = await createSimpleSignature({
        digest,
        dockerReference: reference,
        privateKey: key.armoredPrivateKey,
      });
      await writeDirectorySignatures(bare, [{ format: "simple-signing", content }]);
      assert.equal((await decide(bare)).kind, "allowed");
      assert.equal(await bySkopeo(t, `dir:${bare}`, policy, none), "allowed");
    });

    test("registries.d means the same to both, whatever it says", async (t) => {
      const { name, descriptor } = await image("team/app/part");
      const right = `file://${await temporaryFolder(t)}`;
      const wrong = `file://${await temporaryFolder(t)}`;
      const { config } = await loadRegistriesD({
        paths: [await registriesD(t, { "a.yaml": `default-docker: {lookaside: "${right}"}` })],
      });
      const content = await createSimpleSignature({
        digest: descriptor.digest,
        dockerReference: `${name}:1`,
        privateKey: key.armoredPrivateKey,
      });
      const to = lookasideForWriting(config, right, parseImageReference(`${name}:1`));
      await writeLookasideSignatures(to, descriptor.digest, [{ format: "simple-signing", content }]);
      const host = docker.host;
      const section = (scope: string, text: string) => `  "${scope}": {${text}}\n`;
      const found = `lookaside: "${right}"`;
      const lost = `lookaside: "${wrong}"`;
      const cases: Record<string, Record<string, string>> = {
        nothing: {},
        "by default": { "a.yaml": `default-docker: {${found}}` },
        "old name": { "a.yaml": `default-docker: {sigstore: "${right}"}` },
        "new name before old": { "a.yaml": `default-docker: {sigstore: "${wrong}", ${found}}` },
        "by tag": { "a.yaml": `docker:\n${section(`${name}:1`, found)}${section(name, lost)}` },
        "by another tag": { "a.yaml": `docker:\n${section(`${name}:2`, found)}${section(name, lost)}` },
        "by repository": { "a.yaml": `docker:\n${section(name, found)}${section(host, lost)}` },
        "by parent": { "a.yaml": `docker:\n${section(`${host}/team`, found)}${section(host, lost)}` },
        "narrower parent": {
          "a.yaml": `docker:\n${section(`${host}/team/app`, lost)}${section(host, found)}`,
        },
        "prefix that is no parent": {
          "a.yaml": `docker:\n${section(`${host}/tea`, lost)}${section(host, found)}`,
        },
        "host without port": {
          "a.yaml": `default-docker: {${found}}\ndocker:\n${section("127.0.0.1", lost)}`,
        },
        "wildcard over the address": {
          "a.yaml": `default-docker: {${lost}}\ndocker:\n${section("*.0.0.1", found)}`,
        },
        "section without lookaside": {
          "a.yaml": `default-docker: {${found}}\ndocker:\n${section(name, "use-sigstore-attachments: false")}`,
        },
        "staging alone": { "a.yaml": `default-docker: {lookaside-staging: "${right}"}` },
        "two files": { "a.yaml": `default-docker: {${lost}}`, "b.yaml": `docker:\n${section(host, found)}` },
        "other ending": { "a.yml": `default-docker: {${found}}` },
        "upper-case ending": { "a.YAML": `default-docker: {${found}}` },
        "misspelt key": { "a.yaml": `default-docker: {lookasid: "${right}"}` },
        "misspelt docker": { "a.yaml": `dockr:\n${section(host, found)}` },
        "second document": { "a.yaml": `default-docker: {${found}}\n---\ndefault-docker: {${lost}}` },
        "anchors and merge keys": {
          "a.yaml": `default-docker: &d {${found}}\ndocker: {"${host}": {<<: *d}}`,
        },
        "empty file": { "a.yaml": "", "b.yaml": `default-docker: {${found}}` },
        "null default": { "a.yaml": "default-docker:", "b.yaml": `default-docker: {${found}}` },
        "two defaults": { "a.yaml": "default-docker: {}", "b.yaml": `default-docker: {${found}}` },
        "one scope in two files": {
          "a.yaml": `docker:\n${section(host, found)}`,
          "b.yaml": `docker:\n${section(host, found)}`,
        },
        "a key twice": { "a.yaml": `default-docker: {${found}, ${found}}` },
        "an unknown key twice": { "a.yaml": `default-docker: {${found}, x: 1, x: 1}` },
        "list for mapping": { "a.yaml": "docker: []" },
        "text for section": { "a.yaml": `docker: {"${host}": text}` },
        "list for text": { "a.yaml": `default-docker: {lookaside: ["${right}"]}` },
        "old boolean": { "a.yaml": `default-docker: {${found}, use-sigstore-attachments: "no"}` },
        "quoted boolean": { "a.yaml": `default-docker: {${found}, use-sigstore-attachments: "false"}` },
        "no YAML": { "a.yaml": "}" },
        "no scheme": { "a.yaml": 'default-docker: {lookaside: "/path"}' },
        "other scheme": { "a.yaml": 'default-docker: {lookaside: "ftp://127.0.0.1/x"}' },
        "empty scheme": { "a.yaml": 'default-docker: {lookaside: ":x"}' },
        "host in a file URL": {
          "a.yaml": `default-docker: {lookaside: "${right.replace("file://", "file://host")}"}`,
        },
        "nobody there": { "a.yaml": 'default-docker: {lookaside: "http://127.0.0.1:1/x"}' },
        "slash at the end": { "a.yaml": `default-docker: {lookaside: "${right}/"}` },
      };
      const policy = signedBy("docker", keyPath);
      const counts = { allowed: 0, rejected: 0, error: 0 };
      for (const [title, files] of Object.entries(cases)) {
        const folder = await registriesD(t, files);
        const [theirs, ours] = [
          await bySkopeo(t, `docker://${name}:1`, policy, folder),
          await byLading(t, `${name}:1`, policy, folder),
        ];
        const isVerdict =
          theirs === "allowed" || theirs === "A signature was required, but no signature exists";
        if (title in OTHER_YAML) assert.match(ours, OTHER_YAML[title] ?? /never/, title);
        else if (isVerdict) assert.equal(ours, theirs, title);
        else assert.match(ours, /^error: /, `${title}: ${theirs}`);
        counts[isVerdict ? (theirs === "allowed" ? "allowed" : "rejected") : "error"]++;
      }
      assert.ok(counts.allowed >= 12 && counts.rejected >= 7 && counts.error >= 10, JSON.stringify(counts));
      t.diagnostic(JSON.stringify(counts));
    });

    test("a signature that is in the way ends both, whatever is behind it", async (t) => {
      const { name, descriptor } = await image("team/broken");
      const store = await temporaryFolder(t);
      const folder = await registriesD(t, { "a.yaml": `default-docker: {lookaside: "file://${store}"}` });
      const place = join(store, `team/broken@${descriptor.digest.replace(":", "=")}`);
      await mkdir(place, { recursive: true });
      const content = await createSimpleSignature({
        digest: descriptor.digest,
        dockerReference: `${name}:1`,
        privateKey: key.armoredPrivateKey,
      });
      await writeFile(join(place, "signature-2"), content);
      const policy = signedBy("docker", keyPath);
      const missing = "A signature was required, but no signature exists";
      assert.equal(await bySkopeo(t, `docker://${name}:1`, policy, folder), missing);
      assert.equal(await byLading(t, `${name}:1`, policy, folder), missing);
      await mkdir(join(place, "signature-1"));
      assert.doesNotMatch(
        await bySkopeo(t, `docker://${name}:1`, policy, folder),
        /allowed|no signature exists/,
      );
      assert.match(await byLading(t, `${name}:1`, policy, folder), /^error: /);
    });
  },
);
