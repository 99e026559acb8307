/** Credential files on disk: found, read again when they change, written and cleared. */
import assert from "node:assert/strict";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import {
  authFileReader,
  type CredentialHelperRequest,
  discoverAuthFiles,
  discoverCredentials,
  eraseCredentials,
  loadCredentials,
  saveCredentials,
} from "../../src/oci/credentials/index.ts";
import { OciError } from "../../src/oci/errors.ts";

const CANARY = "canary-secret";
const invalid = { code: "ERR_OCI_AUTH_FILE_INVALID" };
const none = { repository: "a" };
const posix = { skip: process.platform === "win32" };
let home = "";

beforeEach(async (t) => {
  home = await mkdtemp(join(tmpdir(), "lading-credentials-"));
  const folder = home;
  if ("after" in t) t.after(() => rm(folder, { recursive: true, force: true }));
});

const password = (username: string) => ({ kind: "password", username, password: CANARY }) as const;
const fileFor = (host: string, user: string) =>
  JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${user}:${CANARY}`).toString("base64") } } });
const here = () => ({ home, uid: 7, os: "linux", env: { XDG_RUNTIME_DIR: join(home, "run") } }) as const;

async function put(path: string, text: string): Promise<string> {
  const full = join(home, path);
  await mkdir(join(full, ".."), { recursive: true });
  await writeFile(full, text, { mode: 0o600 });
  return full;
}

test("the files of a user, in order", async () => {
  const credentials = loadCredentials(here());
  const user = async () => {
    const found = await credentials("r.example", none);
    return found?.kind === "password" ? found.username : found;
  };
  assert.equal(await user(), undefined);
  const places = [
    ".dockercfg",
    ".docker/config.json",
    ".config/containers/auth.json",
    "run/containers/auth.json",
  ];
  for (const place of places) {
    const text = fileFor("r.example", place);
    await put(place, place === ".dockercfg" ? JSON.stringify(JSON.parse(text).auths) : text);
    assert.equal(await user(), place);
  }
  await rm(join(home, "run"), { recursive: true });
  assert.equal(await user(), ".config/containers/auth.json");
});

test("variables: REGISTRY_AUTH_FILE is used alone, a file that is given goes before it", async () => {
  await put(".docker/config.json", fileFor("r.example", "docker"));
  const named = await put("named.json", fileFor("r.example", "named"));
  const given = await put("given.json", fileFor("r.example", "given"));
  const env = { REGISTRY_AUTH_FILE: named };
  const first = async (options: object) =>
    (await discoverCredentials("r.example", { ...here(), ...options })).credentials;
  assert.deepEqual(await first({ env }), password("named"));
  assert.deepEqual(await first({ env, authFile: given }), password("given"));
  assert.deepEqual(await discoverAuthFiles({ ...here(), env: { REGISTRY_AUTH_FILE: "/x" } }), [
    { path: "/x", legacy: false },
  ]);
  assert.equal(await first({ env: { REGISTRY_AUTH_FILE: join(home, "absent") } }), undefined);
  assert.deepEqual(
    await discoverAuthFiles({ ...here(), legacyAuthFile: "/y", env: { REGISTRY_AUTH_FILE: "/x" } }),
    [{ path: "/y", legacy: true }],
  );
});

test("the home folder is that of the environment, by the name of the system", async () => {
  const linux = await discoverAuthFiles({ env: { HOME: "/h" }, os: "linux", uid: 7, rules: "docker" });
  assert.deepEqual(linux, [{ path: "/h/.docker/config.json", legacy: false }]);
  const windows = await discoverAuthFiles({
    env: { HOME: "/h", USERPROFILE: "C:\\u" },
    os: "win32",
    rules: "docker",
  });
  assert.deepEqual(windows, [{ path: "C:\\u\\.docker\\config.json", legacy: false }]);
});

test("a file is read again when it is rewritten, replaced, or made after it was missed", async () => {
  const path = join(home, "auth.json");
  const credentials = loadCredentials({ authFile: path, env: {} });
  const user = async () => {
    const found = await credentials("r.example", none);
    return found?.kind === "password" ? found.username : found;
  };
  assert.equal(await user(), undefined);
  await put("auth.json", fileFor("r.example", "one"));
  assert.equal(await user(), "one");
  await put("auth.json", fileFor("r.example", "two"));
  assert.equal(await user(), "two");
  await put("other.json", fileFor("r.example", "six"));
  await rename(join(home, "other.json"), path);
  assert.equal(await user(), "six");
  await rm(path);
  assert.equal(await user(), undefined);
});

test("an unchanged file is parsed once", async () => {
  const place = { path: await put("auth.json", fileFor("r.example", "u")), legacy: false };
  const read = authFileReader();
  const first = await read(place, {});
  assert.ok(first);
  assert.equal(await read(place, {}), first);
  await chmod(place.path, 0o644);
  assert.notEqual(await read(place, {}), first);
});

test("what is no readable file of at most 4 MiB is an error, not an absence", async () => {
  await mkdir(join(home, "folder"));
  const huge = await put("huge.json", "{}");
  await truncate(huge, 4 * 1024 * 1024 + 1);
  const broken = await put("broken.json", `{"auths":{"r.example":"${CANARY}"}}`);
  for (const path of [join(home, "folder"), huge, broken, "/dev/zero"]) {
    await assert.rejects(discoverCredentials("r.example", { authFile: path, env: {} }), (error) => {
      assert.ok(error instanceof OciError);
      assert.equal(error.code, invalid.code);
      assert.ok(error.message.startsWith(`${path}: `), error.message);
      assert.ok(!`${error.message}${error.stack}${error.cause}`.includes(CANARY));
      return true;
    });
  }
});

test("a link that leads nowhere, and a file below a file, are absent", async () => {
  await symlink("/nonexistent/x", join(home, "link"));
  await put("file", "{}");
  for (const path of [join(home, "link"), join(home, "file/auth.json")]) {
    assert.deepEqual(await discoverCredentials("r.example", { authFile: path, env: {} }), {
      steps: [{ kind: "file", path, outcome: "missing" }],
    });
  }
});

test("a file that others may use is refused on request", posix, async () => {
  const path = await put("auth.json", fileFor("r.example", "u"));
  const found = (requirePrivate: boolean) =>
    discoverCredentials("r.example", { authFile: path, env: {}, requirePrivate });
  assert.deepEqual((await found(true)).credentials, password("u"));
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(path, mode);
    await assert.rejects(found(true), invalid);
    assert.deepEqual((await found(false)).credentials, password("u"));
  }
});

test("an abort comes out as it is", async () => {
  const path = await put("auth.json", fileFor("r.example", "u"));
  const reason = new Error("stop");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(discoverCredentials("r.example", { authFile: path, env: {}, signal }), reason);
  await assert.rejects(saveCredentials(path, "r.example", password("v"), { signal }), reason);
  assert.equal(await readFile(path, "utf8"), fileFor("r.example", "u"));
  assert.deepEqual(await readdir(home), ["auth.json"]);
});

test("logging in makes folder and file for the owner alone; logging out clears it", posix, async () => {
  const path = join(home, "new/folder/auth.json");
  assert.deepEqual(await saveCredentials(path, "r.example/team", password("u")), {
    kind: "file",
    path,
    key: "r.example/team",
  });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(home, "new/folder"))).mode & 0o777, 0o700);
  assert.deepEqual(
    (await discoverCredentials("r.example/team/x", { authFile: path, env: {} })).credentials,
    password("u"),
  );
  assert.deepEqual(await eraseCredentials(path, "r.example/team"), { keys: ["r.example/team"] });
  assert.deepEqual(await eraseCredentials(path, "r.example/team"), { keys: [] });
  assert.equal(
    (await discoverCredentials("r.example/team/x", { authFile: path, env: {} })).credentials,
    undefined,
  );
  assert.deepEqual(await readdir(join(home, "new/folder")), ["auth.json"]);
  assert.deepEqual(await eraseCredentials(join(home, "absent.json"), "r.example"), { keys: [] });
  await assert.rejects(lstat(join(home, "absent.json")), { code: "ENOENT" });
});

test(
  "a file that all could read is for the owner alone afterwards, and a link stays one",
  posix,
  async () => {
    const path = await put("real.json", fileFor("x.example", "x"));
    await chmod(path, 0o666);
    await symlink("real.json", join(home, "link.json"));
    await saveCredentials(join(home, "link.json"), "r.example", password("u"));
    assert.ok((await lstat(join(home, "link.json"))).isSymbolicLink());
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(Object.keys(JSON.parse(await readFile(path, "utf8")).auths), ["x.example", "r.example"]);
  },
);

test("Docker's form: hosts only, and Docker Hub under its URL", async () => {
  const path = join(home, "config.json");
  await saveCredentials(path, "docker.io", password("u"), { rules: "docker" });
  assert.deepEqual(Object.keys(JSON.parse(await readFile(path, "utf8")).auths), [
    "https://index.docker.io/v1/",
  ]);
  await assert.rejects(saveCredentials(path, "r.example/a", password("u"), { rules: "docker" }), TypeError);
  assert.deepEqual(await eraseCredentials(path, "docker.io", { rules: "docker" }), {
    keys: ["https://index.docker.io/v1/"],
  });
});

test("a helper that the file names keeps the secret, and the file does not", async () => {
  const text = JSON.stringify({ credHelpers: { "r.example": "h" }, credsStore: "s" });
  const path = await put("config.json", text);
  const requests: CredentialHelperRequest[] = [];
  const run = async (request: CredentialHelperRequest) => {
    requests.push(request);
    return { kind: "ended" as const, exitCode: 0, stdout: new Uint8Array() };
  };
  assert.deepEqual(await saveCredentials(path, "r.example", password("u"), { run }), {
    kind: "helper",
    helper: "h",
    server: "r.example",
  });
  assert.equal(await readFile(path, "utf8"), text);
  await saveCredentials(path, "x.example", password("u"), { run, rules: "docker" });
  assert.deepEqual(JSON.parse(await readFile(path, "utf8")).auths, { "x.example": {} });
  assert.deepEqual(await eraseCredentials(path, "x.example", { run, rules: "docker" }), {
    keys: ["x.example"],
    helper: "s",
  });
  assert.deepEqual(
    requests.map(({ name, action }) => `${name} ${action}`),
    ["h store", "s store", "s erase"],
  );
  await assert.rejects(saveCredentials(path, "r.example/a", password("u"), { run }), TypeError);
  await assert.rejects(saveCredentials(path, "r.example", password("u")), {
    code: "ERR_OCI_CREDENTIAL_HELPER",
  });
});

test("a file that is none is left as it is", async () => {
  const path = await put("auth.json", `not JSON ${CANARY}`);
  const changes = [
    () => saveCredentials(path, "r.example", password("u")),
    () => eraseCredentials(path, "r.example"),
  ];
  for (const change of changes) {
    await assert.rejects(change(), (error) => {
      assert.ok(error instanceof OciError && error.code === invalid.code);
      assert.ok(error.message.startsWith(`${path}: `) && !error.message.includes(CANARY));
      return true;
    });
  }
  assert.equal(await readFile(path, "utf8"), `not JSON ${CANARY}`);
  assert.deepEqual(await readdir(home), ["auth.json"]);
  await mkdir(join(home, "folder"));
  await assert.rejects(saveCredentials(join(home, "folder"), "r.example", password("u")), invalid);
});

test("a lock that stays is told, and left alone", async (t) => {
  const path = await put("auth.json", fileFor("x.example", "x"));
  await put("auth.json.lock", "");
  const controller = new AbortController();
  const reason = new Error("stop");
  setTimeout(() => controller.abort(reason), 120);
  await assert.rejects(
    saveCredentials(path, "a.example", password("a"), { signal: controller.signal }),
    reason,
  );
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let settled = false;
  const refused = assert
    .rejects(saveCredentials(path, "a.example", password("a")), { code: "ERR_OCI_CONFLICT" })
    .finally(() => {
      settled = true;
    });
  while (!settled) {
    t.mock.timers.tick(1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await refused;
  assert.equal(await readFile(path, "utf8"), fileFor("x.example", "x"));
  assert.deepEqual((await readdir(home)).sort(), ["auth.json", "auth.json.lock"]);
});

test("changes of others in the meantime are not lost", async () => {
  const path = await put("auth.json", fileFor("x.example", "x"));
  const hosts = Array.from({ length: 20 }, (_, at) => `h${at}.example`);
  await Promise.all(hosts.map((host) => saveCredentials(path, host, password("u"))));
  const { auths } = JSON.parse(await readFile(path, "utf8"));
  assert.deepEqual(Object.keys(auths).sort(), [...hosts, "x.example"].sort());
  assert.deepEqual(await readdir(home), ["auth.json"]);
});
