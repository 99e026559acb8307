/** Credential files that go between lading and skopeo, and what both find in the same file. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  createRegistry,
  describeContent,
  discoverCredentials,
  eraseCredentials,
  fetchBlob,
  loadCredentials,
  saveCredentials,
} from "../../src/oci/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo, temporaryFolder } from "./skopeo.ts";

const password = { kind: "password", username: "alice", password: 'p:w"ö1' } as const;
const users = { [password.username]: password.password };
const content = new TextEncoder().encode("content");
const blob = describeContent(content, "application/octet-stream");

describe("skopeo login", needs(whyNoPrograms("skopeo"), whyNoDockerRegistry({ users })), () => {
  let docker: DockerRegistry;
  before(async () => {
    docker = await startDockerRegistry({ users });
  });
  after(() => docker?.stop());

  const login = (authFile: string, key: string) =>
    skopeo(
      "login",
      "--tls-verify=false",
      "--authfile",
      authFile,
      "-u",
      password.username,
      "-p",
      password.password,
      key,
    );

  /** Pushes and pulls with the credentials of a file. */
  async function use(authFile: string, path: string): Promise<void> {
    const registry = createRegistry({ credentials: loadCredentials({ authFile, env: {} }) });
    try {
      const repository = registry.repository(`${docker.host}/${path}`);
      await repository.push(blob, content);
      assert.deepEqual(await fetchBlob(repository, blob, { maxBytes: 1000 }), content);
    } finally {
      await registry.close();
    }
  }

  test("lading uses what skopeo wrote, for a host and for a namespace", async (t) => {
    const authFile = join(await temporaryFolder(t), "auth.json");
    await assert.rejects(use(authFile, "a/b"), { code: "ERR_OCI_UNAUTHORIZED" });
    await login(authFile, `${docker.host}/team`);
    await use(authFile, "team/app");
    await assert.rejects(use(authFile, "teams/app"), { code: "ERR_OCI_UNAUTHORIZED" });
    await login(authFile, docker.host);
    await use(authFile, "other/app");
    await skopeo("logout", "--authfile", authFile, docker.host);
    await assert.rejects(use(authFile, "other/app"), { code: "ERR_OCI_UNAUTHORIZED" });
  });

  test("skopeo uses what lading wrote, and finds nothing once it is erased", async (t) => {
    const authFile = join(await temporaryFolder(t), "auth.json");
    await saveCredentials(authFile, docker.host, password);
    await use(authFile, "x/y");
    const inspect = () =>
      skopeo("list-tags", "--tls-verify=false", "--authfile", authFile, `docker://${docker.host}/x/y`);
    // Without a tag the repository has no list, but who is not let in does not hear so.
    await assert.rejects(
      inspect(),
      (error: Error) => !/unauthorized|authentication required/i.test(error.message),
    );
    assert.equal((await skopeo("login", "--get-login", "--authfile", authFile, docker.host)).trim(), "alice");
    assert.deepEqual((await eraseCredentials(authFile, docker.host)).keys, [docker.host]);
    await assert.rejects(inspect(), /unauthorized|authentication required/i);
  });

  test("a file that both have written is the same as either's, and as private", async (t) => {
    const folder = await temporaryFolder(t);
    const [one, two] = [join(folder, "one.json"), join(folder, "two.json")];
    await login(one, docker.host);
    await login(one, `${docker.host}/a`);
    await saveCredentials(two, docker.host, password);
    await saveCredentials(two, `${docker.host}/a`, password);
    assert.deepEqual(JSON.parse(await readFile(two, "utf8")), JSON.parse(await readFile(one, "utf8")));
    assert.equal((await stat(two)).mode, (await stat(one)).mode);
  });
});

describe("skopeo login --get-login", needs(whyNoPrograms("skopeo")), () => {
  const pair = (user: string) => ({ auth: Buffer.from(`${user}:x`).toString("base64") });
  const hub = "https://index.docker.io/v1/";
  const files: Readonly<Record<string, object>> = {
    namespaces: {
      auths: { "r.example": pair("host"), "r.example/a": pair("a"), "r.example/a/b": pair("b") },
    },
    schemes: {
      auths: {
        "https://r.example/v1/": pair("url"),
        "http://s.example": pair("plain"),
        "t.example/v1/": pair("path"),
      },
    },
    hub: { auths: { [hub]: pair("hub") } },
    "hub by other names": {
      auths: { "registry-1.docker.io": pair("reg"), "docker.io/library": pair("lib") },
    },
    empty: { auths: { "r.example/a": {}, "r.example": pair("host") } },
    tokens: {
      auths: { "r.example": { identitytoken: "t" }, "s.example": { ...pair("s"), identitytoken: "t" } },
    },
    fields: { auths: { "r.example": { username: "u", password: "p" } } },
    "no colon": { auths: { "r.example": { auth: Buffer.from("x").toString("base64") } } },
    duplicates: {},
    helpers: {
      auths: { "s.example": pair("never") },
      credHelpers: { "r.example": "lading", "s.example": "lading" },
    },
    store: { auths: { "r.example": pair("entry") }, credsStore: "lading" },
    ports: { auths: { "r.example:5000": pair("port"), "[::1]:5000": pair("v6") } },
    cases: { AUTHS: { "r.example": { AUTH: pair("cased").auth } } },
  };
  const keys = [
    "r.example",
    "r.example/a",
    "r.example/a/b/c",
    "r.example/ab",
    "r.example:5000/x",
    "s.example/x",
    "t.example/x",
    "docker.io",
    "docker.io/library/busybox",
    "docker.io/busybox",
    // skopeo takes no repository under this name.
    "index.docker.io",
    "registry-1.docker.io/x",
    "localhost:5000",
  ];

  for (const [name, file] of Object.entries(files)) {
    test(`finds the user that lading finds: ${name}`, async (t) => {
      const folder = await temporaryFolder(t);
      const authFile = join(folder, "auth.json");
      const repeated = `{"auths":{"r.example":${JSON.stringify(pair("first"))}},"auths":{"r.example":${JSON.stringify(pair("last"))},"r.example/a":null}}`;
      await writeFile(authFile, name === "duplicates" ? repeated : JSON.stringify(file));
      const helper = join(folder, "docker-credential-lading");
      const known = `{"ServerURL":"r.example","Username":"helped","Secret":"x"}`;
      await writeFile(
        helper,
        `#!/bin/sh\nread -r s\n[ "$s" = r.example ] && echo '${known}' && exit\necho 'credentials not found in native keychain'\nexit 1\n`,
      );
      await chmod(helper, 0o755);
      const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
      const users: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const key of keys) {
        const user = skopeoUser(["login", "--get-login", "--authfile", authFile, key], env);
        expected[key] = user;
        const { credentials } = await discoverCredentials(key, { authFile, env, rules: "containers" });
        users[key] = credentials && "username" in credentials ? (credentials.username ?? "") : "";
      }
      assert.deepEqual(users, expected);
    });
  }
});

/** What skopeo writes, with an environment; empty where it fails, which is how it says that there is nobody. */
function skopeoUser(args: readonly string[], env: NodeJS.ProcessEnv, program = "skopeo"): string {
  const { status, stdout } = spawnSync(program, args, { env, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}
