/** The registry client against docker-registry, and skopeo against the in-process registry. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { streamOf } from "../../src/core/bytes.ts";
import {
  createLayer,
  createRegistry,
  describeContent,
  fetchBlob,
  fetchManifest,
  packImage,
  packIndex,
  packSeccompProfile,
  pushImage,
  selectManifest,
} from "../../src/oci/index.ts";
import { type RegistryAuth, startRegistry } from "../../src/testing/index.ts";

const has = (program: string): boolean => spawnSync("which", [program]).status === 0;
const missing = (...programs: string[]): string | false => {
  const absent = programs.filter((program) => !has(program));
  return absent.length > 0 ? `not installed: ${absent.join(", ")}` : false;
};
const platform = { os: "linux", architecture: "amd64" };
const password = { kind: "password", username: "alice", password: "pw:1" } as const;

function workFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lading-registry-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts docker-registry; gives its host. */
async function dockerRegistry(t: TestContext, users: string | undefined): Promise<string> {
  const folder = workFolder(t);
  const host = `127.0.0.1:${await freePort()}`;
  const auth = users === undefined ? "" : `auth: {htpasswd: {realm: r, path: ${folder}/htpasswd}}\n`;
  if (users !== undefined) writeFileSync(join(folder, "htpasswd"), users);
  const config = [
    "version: 0.1",
    "log: {level: error, accesslog: {disabled: true}}",
    `storage: {filesystem: {rootdirectory: ${folder}/data}, maintenance: {uploadpurging: {enabled: false}}}`,
    `http: {addr: "${host}", secret: x}`,
  ];
  writeFileSync(join(folder, "config.yml"), `${config.join("\n")}\n${auth}`);
  const child = spawn("docker-registry", ["serve", join(folder, "config.yml")], { stdio: "ignore" });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    child.kill();
    await exited;
  });
  for (let tries = 0; tries < 100; tries++) {
    if (
      await fetch(`http://${host}/v2/`).then(
        () => true,
        () => false,
      )
    )
      return host;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("docker-registry does not answer");
}

async function sampleImage() {
  const files = [
    { path: "bin/x", content: "hello", mode: 0o755 },
    { path: "l", kind: "symlink", target: "bin/x" } as const,
  ];
  return packImage({ platform, layers: [await createLayer(files)], config: { Cmd: ["/bin/x"] } });
}

const skipDocker = missing("docker-registry", "htpasswd");
for (const kind of ["nobody", "a user name and password"] as const) {
  test(`docker-registry that asks for ${kind}`, { skip: skipDocker }, async (t) => {
    const users =
      kind === "nobody"
        ? undefined
        : spawnSync("htpasswd", ["-Bbn", password.username, password.password], { encoding: "utf8" }).stdout;
    const host = await dockerRegistry(t, users);
    const registry = createRegistry({ credentials: () => (users === undefined ? undefined : password) });
    t.after(() => registry.close());
    const repository = registry.repository(`${host}/team/app`);
    const image = await sampleImage();
    await pushImage(repository, packIndex([{ graph: image, platform }]), "multi");
    await pushImage(registry.repository(`${host}/team/profile`), packSeccompProfile(Buffer.from("{}")), "v1");
    const resolved = await registry.resolve(`${host}/team/app:multi`);
    const index = await fetchManifest(resolved.repository, resolved.descriptor);
    assert.ok(index.kind === "index");
    const manifest = await fetchManifest(repository, selectManifest(index.value, platform));
    assert.deepEqual(manifest.bytes, Buffer.from(image.manifest.bytes));
    const big = Buffer.alloc(20_000_000, "z");
    const descriptor = describeContent(big, "application/octet-stream");
    await repository.push(descriptor, streamOf(big.subarray(0, 7_000_000), big.subarray(7_000_000)));
    assert.ok(big.equals(await fetchBlob(repository, descriptor, { maxBytes: big.length })));
    await assert.rejects(
      repository.resolve("absent"),
      (error: { code: string; errors: { code: string }[] }) => {
        assert.deepEqual([error.code, error.errors[0]?.code], ["ERR_OCI_NOT_FOUND", "MANIFEST_UNKNOWN"]);
        return true;
      },
    );
    if (users === undefined) return;
    const wrong = createRegistry({ credentials: () => ({ ...password, password: "wrong" }) });
    t.after(() => wrong.close());
    await assert.rejects(wrong.resolve(`${host}/team/app:multi`), { code: "ERR_OCI_UNAUTHORIZED" });
  });
}

const users = { [password.username]: password.password };
const auths: Record<string, RegistryAuth | undefined> = {
  open: undefined,
  basic: { kind: "basic", users },
  bearer: { kind: "bearer", users },
};
for (const [name, auth] of Object.entries(auths)) {
  test(`skopeo with the in-process registry: ${name}`, { skip: missing("skopeo") }, async (t) => {
    const server = await startRegistry({ auth });
    t.after(() => server.close());
    const registry = createRegistry({ credentials: () => password });
    t.after(() => registry.close());
    await pushImage(registry.repository(`${server.host}/a/b`), await sampleImage(), "v1");
    const creds = auth
      ? [`--src-creds=alice:${password.password}`, `--dest-creds=alice:${password.password}`]
      : [];
    const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const copy = ["--insecure-policy", "copy", ...tls, ...creds];
    await run("skopeo", [...copy, `docker://${server.host}/a/b:v1`, `docker://${server.host}/c/d:v2`]);
    const [from, to] = [
      await registry.resolve(`${server.host}/a/b:v1`),
      await registry.resolve(`${server.host}/c/d:v2`),
    ];
    assert.deepEqual(to.descriptor, from.descriptor);
    const pulled = join(workFolder(t), "out");
    await run("skopeo", [...copy, `docker://${server.host}/c/d:v2`, `oci:${pulled}:v2`]);
  });
}

async function run(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said += String(chunk);
  });
  const status = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(status, 0, said);
}
