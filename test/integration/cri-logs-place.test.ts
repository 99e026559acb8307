import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import {
  ContainerState,
  type CriConnection,
  CriError,
  connectCri,
  findContainerLog,
  logText,
  type ReadLogsOptions,
  readContainerLogEntries,
  readLogFile,
  readLogs,
  removeLogFiles,
} from "../../src/cri/index.ts";
import { type FakeRuntime, startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { textsOf } from "./log-files.ts";

const T = "2024-01-01T00:00:00Z";
const REFUSED = { code: "ERR_CRI_LOG_PATH_REFUSED" };

let runtime: FakeRuntime;
let cri: CriConnection;
/** The log directory of the pod, and a folder beside it that is none of its business. */
let root: string;
let pod: string;
let other: string;
let resources: ReturnType<typeof countResources>;

/** What the runtime says. */
let answer: {
  logPath: string;
  state?: ContainerState;
  attempt?: number;
  labels?: Record<string, string>;
  containerInfo?: Record<string, string>;
  podInfo?: Record<string, string> | CriError;
};

before(async () => {
  runtime = await startFakeRuntime({
    runtime: {
      containerStatus: ({ verbose }) => ({
        status: {
          id: "c",
          metadata: { name: "c", attempt: answer.attempt ?? 0 },
          state: answer.state ?? ContainerState.CONTAINER_EXITED,
          createdAt: 1n,
          image: { image: "i" },
          imageRef: "i",
          labels: answer.labels ?? {},
          logPath: answer.logPath,
        },
        info: verbose ? (answer.containerInfo ?? { info: '{"sandboxID":"p"}' }) : {},
      }),
      podSandboxStatus: () => {
        if (answer.podInfo instanceof CriError) throw answer.podInfo;
        const metadata = { name: "n", namespace: "ns", uid: "u" };
        const info = answer.podInfo ?? { info: JSON.stringify({ config: { log_directory: pod } }) };
        return { status: { id: "p", metadata, createdAt: 1n }, info };
      },
      reopenContainerLog: async () => {
        await writeFile(answer.logPath, `${T} stdout F reopened\n`);
        return {};
      },
    },
  });
  cri = await connectCri({ endpoint: runtime.endpoint });
});

after(async () => {
  await cri.close();
  await runtime.close();
});

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lading-place-"));
  pod = join(root, "ns_n_u");
  other = join(root, "other");
  await mkdir(join(pod, "c"), { recursive: true });
  await mkdir(other);
  await writeFile(join(pod, "c", "0.log"), `${T} stdout F inside\n`);
  await writeFile(join(other, "0.log"), `${T} stdout F outside\n`);
  answer = { logPath: join(pod, "c", "0.log") };
  resources = countResources();
});

afterEach(async () => {
  await assertNothingLeft(resources);
  await rm(root, { recursive: true, force: true });
});

const read = (options?: ReadLogsOptions) => textsOf(readLogs(cri, "c", options));

test("the log of a container, in lines and in entries", async () => {
  assert.deepEqual(await read(), ["inside"]);
  for await (const batch of readContainerLogEntries(cri, "c"))
    assert.deepEqual(batch.map(logText), ["inside"]);
});

test("a file that is a link out of the pod's folder is refused", async () => {
  await rm(answer.logPath);
  await symlink(join(other, "0.log"), answer.logPath);
  await assert.rejects(read(), REFUSED);
  await assert.rejects(read({ follow: true }), REFUSED);
  assert.deepEqual(await read({ linkTargets: [other] }), ["outside"]);
  await assert.rejects(read({ linkTargets: [`${other}x`, join(root, "oth")] }), REFUSED);
});

test("a folder below the pod's folder that is a link out of it is refused", async () => {
  await symlink(other, join(pod, "linked"));
  answer.logPath = join(pod, "linked", "0.log");
  await assert.rejects(read(), REFUSED);
});

test("a rotated file that is a link out of the pod's folder is refused", async () => {
  await symlink(join(other, "0.log"), `${answer.logPath}.20240101-000000`);
  await assert.rejects(read({ includeRotated: true }), REFUSED);
});

test("a log directory that is a link, or lies below one, is as good as any", async () => {
  await symlink(pod, join(root, "ns_link_u"));
  answer.logPath = join(root, "ns_link_u", "c", "0.log");
  answer.podInfo = { info: JSON.stringify({ config: { log_directory: join(root, "ns_link_u") } }) };
  assert.deepEqual(await read(), ["inside"]);
});

test("a link within the pod's folder is followed", async () => {
  await symlink("0.log", join(pod, "c", "1.log"));
  answer.logPath = join(pod, "c", "1.log");
  assert.deepEqual(await read(), ["inside"]);
});

test("a path with the pod's folder only as the beginning of a name, or with dots, is refused", async () => {
  await mkdir(`${pod}x`);
  await writeFile(join(`${pod}x`, "0.log"), `${T} stdout F outside\n`);
  for (const path of [join(`${pod}x`, "0.log"), `${pod}/../other/0.log`, "/etc/passwd", "ns_n_u/c/0.log"]) {
    answer.logPath = path;
    await assert.rejects(read(), REFUSED, path);
  }
});

test("where the runtime does not name the folder, the kubelet's layout does", async () => {
  answer.labels = {
    "io.kubernetes.pod.namespace": "ns",
    "io.kubernetes.pod.name": "n",
    "io.kubernetes.pod.uid": "u",
  };
  for (const unknown of [
    { podInfo: {} },
    { podInfo: { info: "failed to marshal" } },
    { podInfo: { info: '{"config":{"log_directory":""}}' } },
    { podInfo: { info: '{"config":{"log_directory":5}}' } },
    { podInfo: new CriError("ERR_CRI_NOT_FOUND", "gone") },
    { containerInfo: {} },
    { containerInfo: { info: "[]" } },
  ]) {
    answer = { ...answer, ...unknown };
    assert.equal((await findContainerLog(cri, "c")).logDirectory, pod);
  }
  await symlink(other, join(pod, "linked"));
  answer.logPath = join(pod, "linked", "0.log");
  await assert.rejects(read(), REFUSED);
});

test("where nothing names the folder, that of the file does, unless it is a link", async () => {
  answer.podInfo = {};
  assert.deepEqual(await read(), ["inside"]);
  assert.equal((await findContainerLog(cri, "c")).logDirectory, join(pod, "c"));
  await symlink(other, join(pod, "linked"));
  answer.logPath = join(pod, "linked", "0.log");
  await assert.rejects(read(), REFUSED);
  // The caller knows better.
  assert.deepEqual(await read({ logDirectory: other }), ["outside"]);
});

test("a failure to ask for the pod is no unknown folder", async () => {
  answer.podInfo = new CriError("ERR_CRI_INTERNAL", "broken");
  await assert.rejects(read(), { code: "ERR_CRI_INTERNAL" });
});

test("a pipe, a device and a socket are not opened", async () => {
  for (const name of ["pipe.log", "0.log.20240101-000000"]) {
    assert.equal(spawnSync("mkfifo", [join(pod, "c", name)]).status, 0);
  }
  await assert.rejects(read({ includeRotated: true }), REFUSED);
  for (const path of [join(pod, "c", "pipe.log"), "/dev/null", runtime.endpoint.replace("unix://", "")]) {
    await assert.rejects(textsOf(readLogFile(path)), REFUSED, path);
  }
});

test("the file system of the node can be elsewhere", async () => {
  answer.logPath = "/c/0.log";
  answer.podInfo = { info: JSON.stringify({ config: { log_directory: "/c" } }) };
  assert.deepEqual(await read({ logRoot: pod }), ["inside"]);
  assert.equal((await findContainerLog(cri, "c", { logRoot: pod })).path, join(pod, "c", "0.log"));
  for (const logPath of ["/../other/0.log", "/c/../../other/0.log"]) {
    answer.logPath = logPath;
    await assert.rejects(read({ logRoot: pod }), REFUSED);
  }
  // Nor does a folder that leads out of it help.
  answer.logPath = "/../other/0.log";
  answer.podInfo = { info: JSON.stringify({ config: { log_directory: "/../other" } }) };
  await assert.rejects(read({ logRoot: pod }), REFUSED);
});

test("the log of the attempt before", async () => {
  await writeFile(join(pod, "c", "2.log"), `${T} stdout F previous\n`);
  answer = { logPath: join(pod, "c", "3.log"), attempt: 3, state: ContainerState.CONTAINER_RUNNING };
  assert.deepEqual(await read({ previous: true, follow: true, pollIntervalMs: 10 }), ["previous"]);
  answer.attempt = 0;
  await assert.rejects(read({ previous: true }), { code: "ERR_CRI_LOG_NOT_FOUND" });
});

test("a file can be had opened anew before", async () => {
  await rm(answer.logPath);
  await assert.rejects(read(), { code: "ERR_CRI_LOG_NOT_FOUND" });
  assert.deepEqual(await read({ reopen: true }), ["reopened"]);
});

test("a container without a log file", async () => {
  answer.logPath = "";
  await assert.rejects(read(), { code: "ERR_CRI_LOG_NOT_FOUND" });
});

test("following asks the runtime, for which being away is no end", async () => {
  answer.state = ContainerState.CONTAINER_RUNNING;
  const lines = readLogs(cri, "c", { follow: true, pollIntervalMs: 10 });
  assert.equal(logText((await lines.next()).value ?? { content: new Uint8Array() }), "inside");
  const end = lines.next();
  const asked = runtime.calls.length;
  while (runtime.calls.length < asked + 3) await new Promise((resolve) => setTimeout(resolve, 5));
  answer.state = ContainerState.CONTAINER_EXITED;
  assert.deepEqual(await end, { done: true, value: undefined });

  const { isRunning } = await findContainerLog(cri, "c");
  assert.equal(await isRunning({}), false);
  const away = {
    runtime: {
      ...cri.runtime,
      containerStatus: async (...args: Parameters<typeof cri.runtime.containerStatus>) => {
        if (!args[0].verbose) throw new CriError("ERR_CRI_UNAVAILABLE", "away");
        return cri.runtime.containerStatus(...args);
      },
    },
  };
  assert.equal(await (await findContainerLog(away, "c")).isRunning({}), true);
});

test("an abort and leaving end the calls to the runtime too", async () => {
  const reason = new Error("mine");
  await assert.rejects(read({ signal: AbortSignal.abort(reason) }), (error) => error === reason);
  answer.state = ContainerState.CONTAINER_RUNNING;
  const lines = readLogs(cri, "c", { follow: true });
  const first = lines.next();
  await lines.return?.();
  assert.deepEqual(await first, { done: true, value: undefined });
  const controller = new AbortController();
  const waiting = readLogs(cri, "c", { follow: true, signal: controller.signal });
  await waiting.next();
  setTimeout(() => controller.abort(reason), 10);
  await assert.rejects(waiting.next(), (error) => error === reason);
});

test("removing takes the file and what was rotated away from it, and nothing else", async () => {
  const folder = join(pod, "c");
  for (const name of ["0.log.20240101-000000", "0.log.20240101-000000.gz", "0.log.tmp", "00.log", "0.logs"]) {
    await writeFile(join(folder, name), "x");
  }
  await mkdir(join(folder, "0.log.folder"));
  await symlink(join(other, "0.log"), join(folder, "0.log.link"));
  const removed = await removeLogFiles(answer.logPath, { logDirectory: pod });
  assert.deepEqual(
    removed.map((path) => path.slice(folder.length + 1)),
    ["0.log", "0.log.20240101-000000", "0.log.20240101-000000.gz", "0.log.link", "0.log.tmp"],
  );
  assert.deepEqual((await readdir(folder)).sort(), ["0.log.folder", "0.logs", "00.log"]);
  assert.deepEqual(await readdir(other), ["0.log"]);
  assert.deepEqual(await removeLogFiles(answer.logPath, { logDirectory: pod }), []);
});

test("removing does not leave the pod's folder", async () => {
  await symlink(other, join(pod, "linked"));
  const refused = (path: string) =>
    assert.rejects(removeLogFiles(path, { logDirectory: pod }), REFUSED, path);
  await refused(join(pod, "linked", "0.log"));
  await refused(join(other, "0.log"));
  await refused(`${pod}/c/../../other/0.log`);
  await mkdir(`${pod}x`);
  await refused(join(`${pod}x`, "0.log"));
  await refused(`${pod}/..`);
  await refused(`${pod}/.`);
  await refused("/");
  assert.deepEqual(await readdir(other), ["0.log"]);
  await assert.rejects(removeLogFiles(answer.logPath, { logDirectory: "" }), TypeError);
});

test("removing a log that is a link removes the link", async () => {
  await rm(answer.logPath);
  await symlink(join(other, "0.log"), answer.logPath);
  assert.deepEqual(await removeLogFiles(answer.logPath, { logDirectory: pod }), [answer.logPath]);
  await assert.rejects(lstat(answer.logPath), { code: "ENOENT" });
  assert.deepEqual(await readdir(other), ["0.log"]);
});

test("removing what is not there is no error", async () => {
  for (const path of [join(pod, "c", "7.log"), join(pod, "missing", "0.log"), ""]) {
    assert.deepEqual(await removeLogFiles(path, { logDirectory: pod }), []);
  }
  assert.deepEqual(await removeLogFiles(answer.logPath, { logDirectory: join(root, "missing") }), []);
});
