import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseReference } from "../../../../src/core/reference.ts";
import { AUTH_FILES_HELPER, type CredentialHelperRequest } from "../../../../src/oci/credentials/index.ts";
import {
  configFiles,
  discoverCertificates,
  type LoadRegistriesOptions,
  loadHosts,
  loadHostsSources,
  loadRegistriesConf,
  loadRegistriesCredentials,
  loadRegistriesSources,
} from "../../../../src/oci/mirrors/index.ts";

/** A root with these files, gone with the test. */
async function rootWith(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "mirrors-"));
  t.after(() => rm(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

async function registriesIn(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  options: LoadRegistriesOptions = {},
): Promise<{ files: readonly string[]; search: readonly string[] }> {
  const rootPrefix = await rootWith(t, files);
  const config = await loadRegistriesConf({ env: {}, home: "/home/u", uid: 1000, rootPrefix, ...options });
  return { files: config.files, search: config.unqualifiedSearchRegistries.value };
}

const search = (host: string): string => `unqualified-search-registries = ["${host}"]\n`;

test("the first main file counts: the user's, then that of /etc, then that of /usr/share", async (t) => {
  const all = {
    "/home/u/.config/containers/registries.conf": search("user"),
    "/etc/containers/registries.conf": search("etc"),
    "/usr/share/containers/registries.conf": search("usr"),
  };
  const { "/home/u/.config/containers/registries.conf": _user, ...system } = all;
  const { "/etc/containers/registries.conf": _etc, ...last } = system;
  assert.deepEqual((await registriesIn(t, all)).search, ["user"]);
  assert.deepEqual((await registriesIn(t, system)).search, ["etc"]);
  assert.deepEqual((await registriesIn(t, last)).search, ["usr"]);
  assert.deepEqual(await registriesIn(t, {}), { files: [], search: [] });
  const moved = { ...system, "/config/containers/registries.conf": search("moved") };
  assert.deepEqual((await registriesIn(t, moved, { env: { XDG_CONFIG_HOME: "/config" } })).search, ["moved"]);
});

test("drop-ins apply in the order of their names; of one name that of the higher folder; other names do not", async (t) => {
  const files = {
    "/etc/containers/registries.conf": search("main"),
    "/etc/containers/registries.conf.d/10-a.conf": search("etc-a"),
    "/usr/share/containers/registries.conf.d/10-a.conf": search("usr-a"),
    "/usr/share/containers/registries.conf.d/20-b.conf": search("usr-b"),
    "/etc/containers/registries.conf.d/99.ignored": "no toml",
    "/etc/containers/registries.rootless.conf.d/1000/05-own.conf": search("own"),
    "/etc/containers/registries.rootful.conf.d/30-root.conf": search("root"),
  };
  assert.deepEqual((await registriesIn(t, files)).files, [
    "/etc/containers/registries.conf",
    "/etc/containers/registries.rootless.conf.d/1000/05-own.conf",
    "/etc/containers/registries.conf.d/10-a.conf",
    "/usr/share/containers/registries.conf.d/20-b.conf",
  ]);
  assert.deepEqual((await registriesIn(t, files, { uid: 0 })).search, ["root"]);
});

test("a named file must exist and has no drop-ins; the override comes last", async (t) => {
  const files = {
    "/etc/containers/registries.conf.d/10.conf": search("drop-in"),
    "/named": search("named"),
    "/last": search("last"),
    "/drop/1.conf": search("dropped"),
  };
  const env = { CONTAINERS_REGISTRIES_CONF: "/named" };
  assert.deepEqual(await registriesIn(t, files, { env }), { files: ["/named"], search: ["named"] });
  assert.deepEqual((await registriesIn(t, files, { path: "/named", dropInFolder: "/drop" })).search, [
    "dropped",
  ]);
  const override = { ...env, CONTAINERS_REGISTRIES_CONF_OVERRIDE: "/last" };
  assert.deepEqual((await registriesIn(t, files, { env: override })).search, ["last"]);
  for (const options of [
    { path: "/absent" },
    { env: { CONTAINERS_REGISTRIES_CONF: "/absent" } },
    { env: { CONTAINERS_REGISTRIES_CONF_OVERRIDE: "/absent" } },
  ]) {
    await assert.rejects(registriesIn(t, files, options), { code: "ERR_OCI_CONFIG_INVALID" });
  }
});

test("a file that cannot be read is an error, not an absence", async (t) => {
  const path = "/etc/containers/registries.conf";
  await assert.rejects(registriesIn(t, { [`${path}/folder`]: "" }), { code: "ERR_OCI_CONFIG_INVALID" });
  await assert.rejects(registriesIn(t, { [path]: "blokced = true" }), { code: "ERR_OCI_CONFIG_INVALID" });
  await registriesIn(t, { [path]: "blokced = true" }, { lenient: true });
  const root = await rootWith(t, {});
  await writeFile(join(root, "latin"), Buffer.from([0xff]));
  await assert.rejects(configFiles({ rootPrefix: root }).read("/latin", {}), {
    code: "ERR_OCI_CONFIG_INVALID",
  });
  const reason = new Error("enough");
  await assert.rejects(registriesIn(t, {}, { signal: AbortSignal.abort(reason) }), reason);
});

test("certificates: the first folder of a host counts alone, and half a pair is an error", async (t) => {
  const rootPrefix = await rootWith(t, {
    "/etc/containers/certs.d/r.example:5000/ca.crt": "ca",
    "/etc/containers/certs.d/r.example:5000/u.cert": "cert",
    "/etc/containers/certs.d/r.example:5000/u.key": "key",
    "/etc/docker/certs.d/r.example:5000/more.crt": "more",
    "/etc/docker/certs.d/half.example/u.cert": "cert",
    "/etc/docker/certs.d/other.example/u.key": "key",
    "/etc/containers/registries.conf": '[[registry]]\nlocation = "r.example:5000"\ninsecure = true\n',
  });
  const options = { rootPrefix, env: {}, home: "/root", uid: 0 };
  const folder = "/etc/containers/certs.d/r.example:5000";
  const tls = { ca: [`${folder}/ca.crt`], client: [[`${folder}/u.cert`, `${folder}/u.key`]] };
  assert.deepEqual(await discoverCertificates("r.example:5000", options), { folder, ...tls });
  assert.equal(await discoverCertificates("r.example", options), undefined);
  assert.equal(await discoverCertificates("../containers/certs.d/r.example:5000", options), undefined);
  for (const host of ["half.example", "other.example"]) {
    await assert.rejects(discoverCertificates(host, options), { code: "ERR_OCI_CONFIG_INVALID" });
  }
  const sources = await loadRegistriesSources(options);
  const found = await sources(parseReference("r.example:5000/a:1"), {});
  assert.equal(found.kind, "allowed");
  assert.deepEqual(
    found.attempts.map(({ tls: settings }) => settings),
    [{ ...tls, skipVerify: true }],
  );
});

test("hosts: the namespace's folder, then _default, then nothing; the first root that has one", async (t) => {
  const rootPrefix = await rootWith(t, {
    "/one/r.example_5000_/hosts.toml": 'server = "https://port.example"\nca = "ca.pem"\n',
    "/one/r.example:5000/hosts.toml": 'server = "https://colon.example"\n',
    "/two/_default/hosts.toml": 'server = "https://default.example"\n',
    "/two/certs.example/x.crt": "ca",
  });
  const load = async (namespace: string): Promise<unknown[]> => {
    const { hosts, folder } = await loadHosts(namespace, { configPath: ["/one", "/two"], rootPrefix });
    return [folder, hosts.map(({ host, ca }) => [host, ca])];
  };
  assert.deepEqual(await load("r.example:5000"), [
    "/one/r.example_5000_",
    [["port.example", ["/one/r.example_5000_/ca.pem"]]],
  ]);
  assert.deepEqual(await load("certs.example"), [
    "/two/certs.example",
    [["certs.example", ["/two/certs.example/x.crt"]]],
  ]);
  assert.deepEqual(await load("s.example"), ["/two/_default", [["default.example", undefined]]]);
  assert.deepEqual(
    (await loadHosts("s.example", { configPath: "/one", rootPrefix })).hosts[0]?.host,
    "s.example",
  );
});

test("a broken hosts.toml is an error; with leniency the mirrors are lost, and it is told", async (t) => {
  const rootPrefix = await rootWith(t, { "/c/r.example/hosts.toml": '[host."https://m.example"]\nca = 3\n' });
  const options = { configPath: "/c", rootPrefix };
  await assert.rejects(loadHosts("r.example", options), { code: "ERR_OCI_CONFIG_INVALID" });
  await assert.rejects(async () => loadHostsSources(options)(parseReference("r.example/a"), {}), {
    code: "ERR_OCI_CONFIG_INVALID",
  });
  const { hosts, broken } = await loadHosts("r.example", { ...options, lenient: true });
  assert.deepEqual(
    hosts.map(({ host }) => host),
    ["r.example"],
  );
  assert.equal(broken?.code, "ERR_OCI_CONFIG_INVALID");
});

test("credentials come from what credential-helpers names, in its order", async (t) => {
  const auth = (user: string) => ({ auth: Buffer.from(`${user}:pw`).toString("base64") });
  const main = "/etc/containers/registries.conf";
  const dropIn = "/etc/containers/registries.conf.d/1.conf";
  const line = (...helpers: string[]) => `credential-helpers = ${JSON.stringify(helpers)}\n`;
  const asked = async (files: Record<string, string>, path = "/auth.json") => {
    const rootPrefix = await rootWith(t, {
      ...files,
      "/auth.json": JSON.stringify({ auths: { "quay.io": auth("file") } }),
    });
    const calls: string[] = [];
    const credentials = await loadRegistriesCredentials({
      env: {},
      home: "/home/u",
      uid: 1000,
      rootPrefix,
      authFile: join(rootPrefix, path),
      run: async ({ name, action, input }: CredentialHelperRequest) => {
        calls.push(`${name} ${action} ${input}`);
        const none = name === "empty";
        const answer = JSON.stringify({ ServerURL: input, Username: name, Secret: "s" });
        const stdout = Buffer.from(none ? "credentials not found in native keychain" : answer);
        return { kind: "ended", exitCode: none ? 1 : 0, stdout };
      },
    });
    const found = await credentials("quay.io", { repository: "a/b" });
    return [found?.kind === "password" ? found.username : undefined, ...calls];
  };
  const helper = (name: string) => `${name} get quay.io`;
  assert.deepEqual(await asked({}), ["file"]);
  assert.deepEqual(await asked({ [main]: line("empty", "one", "two") }), [
    "one",
    helper("empty"),
    helper("one"),
  ]);
  assert.deepEqual(await asked({ [main]: line("empty", AUTH_FILES_HELPER, "one") }), [
    "file",
    helper("empty"),
  ]);
  assert.deepEqual(await asked({ [main]: line(AUTH_FILES_HELPER, "one") }, "/none.json"), [
    "one",
    helper("one"),
  ]);
  assert.deepEqual(await asked({ [main]: line("one"), [dropIn]: line("two") }), ["two", helper("two")]);
  // Files that are not named are not looked at.
  assert.deepEqual(await asked({ [main]: line("empty") }), [undefined, helper("empty")]);
  await assert.rejects(asked({ [main]: "credential-helpers = 1" }), { code: "ERR_OCI_CONFIG_INVALID" });
});
