import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { CriError, type DiscoverCriOptions, discoverCri } from "../../src/cri/index.ts";
import { type FakeRuntimeOptions, startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const folder = mkdtempSync(join(tmpdir(), "lading-discover-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freePath = () => join(folder, `${++files}`);

const version = (runtimeName: string) => () => ({
  version: "0.1.0",
  runtimeName,
  runtimeVersion: "1",
  runtimeApiVersion: "v1",
});

async function runtimeOf(t: TestContext, name: string, options: FakeRuntimeOptions = {}) {
  const runtime = await startFakeRuntime({
    ...options,
    runtime: { version: version(name), ...options.runtime },
  });
  t.after(() => runtime.close());
  return runtime;
}

/** Options that read nothing of this machine. */
const bare: DiscoverCriOptions = {
  env: {},
  platform: "linux",
  readFile: () => Promise.reject(Object.assign(new Error("absent"), { code: "ENOENT" })),
  sockets: [],
};

/** Reads these files only. */
const filesOf =
  (contents: Record<string, string>): DiscoverCriOptions["readFile"] =>
  async (path) => {
    const text = contents[path];
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
    return text;
  };

async function failure(options: DiscoverCriOptions): Promise<CriError> {
  const error = await discoverCri(options).then(
    () => assert.fail("connected"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CriError, String(error));
  return error;
}

test("the first default socket that answers is taken, and the others are told of", async () => {
  const before = countResources();
  const absent = `unix://${freePath()}`;
  const other = await startFakeRuntime({ apiVersions: [] });
  const runtime = await startFakeRuntime({ runtime: { version: version("second") } });
  const last = await startFakeRuntime({});
  const cri = await discoverCri({
    ...bare,
    sockets: [absent, other.endpoint, runtime.endpoint, last.endpoint],
  });
  assert.equal(cri.version.runtimeName, "second");
  assert.equal(cri.endpoint, runtime.endpoint);
  assert.equal(cri.imageEndpoint, runtime.endpoint);
  const { discovery } = cri;
  assert.equal(discovery.runtimeOrigin, "default");
  assert.equal(discovery.imageOrigin, "default");
  assert.equal(discovery.timeoutMs, 2000);
  assert.equal(discovery.configFile, undefined);
  assert.deepEqual(
    discovery.attempts.map(({ service, endpoint, error }) => [service, endpoint, error?.code]),
    (["runtime", "image"] as const).flatMap((service) => [
      [service, absent, "ERR_CRI_UNAVAILABLE"],
      [service, other.endpoint, "ERR_CRI_NO_SERVICE"],
      [service, runtime.endpoint, undefined],
    ]),
  );
  assert.equal(discovery.attempts[0]?.error?.systemCode, "ENOENT");
  assert.equal(last.calls.length, 0);
  await cri.runtime.status({});
  await cri.close();
  await assert.rejects(cri.runtime.status({}), { code: "ERR_CRI_CLOSED" });
  for (const each of [other, runtime, last]) await each.close();
  await assertNothingLeft(before);
});

test("without an endpoint that answers, each that was tried is listed with its reason", async () => {
  const before = countResources();
  const paths = [freePath(), freePath()].map((path) => `unix://${path}`);
  const error = await failure({ ...bare, sockets: paths });
  assert.equal(error.code, "ERR_CRI_NO_ENDPOINT");
  for (const path of paths) assert.ok(error.message.includes(path));
  assert.ok(error.message.includes("ENOENT"));
  assert.ok(error.cause instanceof AggregateError);
  assert.equal(error.cause.errors.length, 2);
  assert.equal((await failure(bare)).code, "ERR_CRI_NO_ENDPOINT");
  await assertNothingLeft(before);
});

test("images are served elsewhere than the runtime where that does not serve them", async (t) => {
  const runtime = await runtimeOf(t, "runtime", {
    image: {
      imageFsInfo: () => {
        throw new CriError("ERR_CRI_UNKNOWN", "no images here");
      },
    },
  });
  const images = await runtimeOf(t, "images");
  const cri = await discoverCri({ ...bare, sockets: [runtime.endpoint, images.endpoint] });
  t.after(() => cri.close());
  assert.equal(cri.version.runtimeName, "runtime");
  assert.equal(cri.imageEndpoint, images.endpoint);
  const alone = await failure({ ...bare, sockets: [runtime.endpoint] });
  assert.equal(alone.code, "ERR_CRI_NO_ENDPOINT");
  assert.ok(alone.message.includes("no images here"));
});

test("a flag counts before the environment, and that before the file", async (t) => {
  const [flagged, named, filed, image] = await Promise.all(
    ["flag", "environment", "file", "image"].map((name) => runtimeOf(t, name)),
  );
  assert.ok(flagged && named && filed && image);
  const options = {
    ...bare,
    flags: { runtimeEndpoint: flagged.endpoint },
    env: { CONTAINER_RUNTIME_ENDPOINT: named.endpoint },
    readFile: filesOf({
      "/etc/crictl.yaml": `runtime-endpoint: ${filed.endpoint}\nimage-endpoint: ${image.endpoint}\ntimeout: 5\n`,
    }),
  };
  for (const [given, name, origin] of [
    [options, "flag", "flag"],
    [{ ...options, flags: {} }, "environment", "environment"],
    [{ ...options, flags: {}, env: {} }, "file", "file"],
  ] as const) {
    const cri = await discoverCri(given);
    assert.equal(cri.version.runtimeName, name);
    assert.equal(cri.imageEndpoint, image.endpoint);
    assert.equal(cri.discovery.runtimeOrigin, origin);
    assert.equal(cri.discovery.imageOrigin, "file");
    assert.equal(cri.discovery.configFile, "/etc/crictl.yaml");
    assert.equal(cri.discovery.timeoutMs, 5000);
    await cri.close();
  }
  const env = { CONTAINER_RUNTIME_ENDPOINT: named.endpoint };
  const cri = await discoverCri({ ...bare, env });
  assert.equal(cri.discovery.imageOrigin, "runtime-endpoint");
  assert.equal(cri.imageEndpoint, named.endpoint);
  await cri.close();
});

test("an endpoint in its bare form is asked for images once", async (t) => {
  const runtime = await runtimeOf(t, "bare");
  const path = runtime.endpoint.replace("unix://", "");
  const cri = await discoverCri({ ...bare, flags: { runtimeEndpoint: path } });
  await cri.close();
  assert.deepEqual(
    runtime.calls.map(({ method }) => method),
    ["RuntimeService/Version", "ImageService/ImageFsInfo"],
  );
});

test("of an endpoint that is set nothing else is tried", async (t) => {
  const runtime = await runtimeOf(t, "default");
  const absent = freePath();
  const readFile = filesOf({ "/etc/crictl.yaml": "max-retries: 0\n" });
  const options = { ...bare, readFile, sockets: [runtime.endpoint] };
  for (const given of [
    { ...options, flags: { runtimeEndpoint: absent } },
    { ...options, env: { CONTAINER_RUNTIME_ENDPOINT: absent } },
  ]) {
    const error = await failure(given);
    assert.equal(error.code, "ERR_CRI_UNAVAILABLE");
    assert.equal(error.systemCode, "ENOENT");
  }
  assert.equal(runtime.calls.length, 0);
  const before = countResources();
  const error = await failure({ ...options, flags: { imageEndpoint: absent } });
  assert.equal(error.systemCode, "ENOENT");
  await assertNothingLeft(before);
  assert.equal(
    (await failure({ ...options, flags: { runtimeEndpoint: "x" } })).code,
    "ERR_CRI_ENDPOINT_INVALID",
  );
});

test("connecting to an endpoint that is set is tried again, as often as configured", async (t) => {
  const socketPath = freePath();
  const readFile = filesOf({ "/etc/crictl.yaml": `runtime-endpoint: ${socketPath}\nmax-retries: 2\n` });
  const finding = discoverCri({ ...bare, readFile });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await runtimeOf(t, "late", { socketPath });
  const cri = await finding;
  assert.equal(cri.version.runtimeName, "late");
  await cri.close();
});

test("the configuration file: its places, its absence, its faults", async (t) => {
  const runtime = await runtimeOf(t, "r");
  const text = `runtime-endpoint: ${runtime.endpoint}\n`;
  const places: [DiscoverCriOptions, path: string][] = [
    [{ ...bare }, "/etc/crictl.yaml"],
    [{ ...bare, platform: "freebsd" }, "/usr/local/etc/crictl.yaml"],
    [{ ...bare, env: { CRI_CONFIG_FILE: "/named.yaml" } }, "/named.yaml"],
    [{ ...bare, env: { CRI_CONFIG_FILE: "/named.yaml" }, configFile: "/flag.yaml" }, "/flag.yaml"],
    [{ ...bare, env: { CRI_CONFIG_FILE: "" } }, "/etc/crictl.yaml"],
  ];
  for (const [options, path] of places) {
    const cri = await discoverCri({ ...options, readFile: filesOf({ [path]: text }) });
    assert.equal(cri.discovery.configFile, path);
    await cri.close();
  }
  const sockets = [runtime.endpoint];
  for (const options of [{ configFile: "/absent" }, { env: { CRI_CONFIG_FILE: "/absent" } }]) {
    const error = await failure({ ...bare, sockets, ...options });
    assert.equal(error.code, "ERR_CRI_CONFIG_INVALID");
    assert.equal(error.systemCode, "ENOENT");
  }
  const unreadable = () => Promise.reject(Object.assign(new Error("no"), { code: "EACCES" }));
  const error = await failure({ ...bare, sockets, readFile: unreadable });
  assert.equal(error.code, "ERR_CRI_CONFIG_INVALID");
  assert.equal(error.systemCode, "EACCES");
  const faulty = await failure({ ...bare, sockets, readFile: filesOf({ "/etc/crictl.yaml": "a: b" }) });
  assert.equal(faulty.code, "ERR_CRI_CONFIG_INVALID");
  assert.ok(faulty.message.includes("/etc/crictl.yaml"));
  assert.equal(runtime.calls.filter(({ method }) => method.endsWith("/Version")).length, places.length);
});

test("on Windows the file is below the home folder, if there is one", async () => {
  const path = "C:\\Users\\a\\.crictl\\crictl.yaml";
  const env = { USERPROFILE: "C:\\Users\\a" };
  const readFile = filesOf({ [path]: "a: b" });
  const found = await failure({ ...bare, platform: "win32", env, readFile });
  assert.equal(found.code, "ERR_CRI_CONFIG_INVALID");
  const none = await failure({ ...bare, platform: "win32", readFile });
  assert.equal(none.code, "ERR_CRI_NO_ENDPOINT");
});

test("files of the disk are read, up to a limit", async () => {
  const before = countResources();
  const { readFile: _, ...options } = bare;
  const runtime = await startFakeRuntime({});
  const path = freePath();
  writeFileSync(path, `runtime-endpoint: "${runtime.endpoint}"\n`);
  const cri = await discoverCri({ ...options, configFile: path });
  await cri.close();
  await runtime.close();
  writeFileSync(path, "# ".repeat(200_000));
  assert.equal((await failure({ ...options, configFile: path })).code, "ERR_CRI_CONFIG_INVALID");
  if (process.platform === "linux") {
    const endless = await failure({ ...options, configFile: "/dev/zero" });
    assert.equal(endless.code, "ERR_CRI_CONFIG_INVALID");
  }
  const sub = freePath();
  mkdirSync(sub);
  assert.equal((await failure({ ...options, configFile: sub })).systemCode, "EISDIR");
  chmodSync(sub, 0o755);
  await assertNothingLeft(before);
});

test("a socket that never answers costs the configured time, and an abort ends the search", async () => {
  const before = countResources();
  const path = freePath();
  let sockets = 0;
  const server = createServer((socket) => {
    sockets++;
    socket.on("error", () => {});
    socket.on("close", () => sockets--);
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const runtime = await startFakeRuntime({});
  const found = await discoverCri({ ...bare, flags: { timeout: 0.2 }, sockets: [path, runtime.endpoint] });
  assert.equal(found.endpoint, runtime.endpoint);
  assert.equal(found.discovery.attempts[0]?.error?.code, "ERR_CRI_DEADLINE_EXCEEDED");
  await found.close();
  const reason = new Error("mine");
  const controller = new AbortController();
  const finding = discoverCri({ ...bare, sockets: [path, runtime.endpoint], signal: controller.signal });
  setTimeout(() => controller.abort(reason), 50);
  await assert.rejects(finding, (error) => error === reason);
  const later = new AbortController();
  const imaging = discoverCri({
    ...bare,
    flags: { runtimeEndpoint: runtime.endpoint, imageEndpoint: path },
    signal: later.signal,
  });
  setTimeout(() => later.abort(reason), 100);
  await assert.rejects(imaging, (error) => error === reason);
  await assert.rejects(
    discoverCri({ ...bare, signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
  while (sockets > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await runtime.close();
  await new Promise((resolve) => server.close(resolve));
  await assertNothingLeft(before);
});
