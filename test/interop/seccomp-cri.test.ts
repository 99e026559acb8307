/**
 * Localhost profiles through the CRI: what containerd makes of each file, and what runc and the kernel then do, against
 * what lading says beforehand.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isLadingError } from "../../src/core/errors.ts";
import { parseJson, toPlain } from "../../src/core/strict-json.ts";
import {
  type CriConnection,
  connectCri,
  readContainerInfo,
  SecurityProfile_ProfileType,
} from "../../src/cri/index.ts";
import {
  type ChosenFilter,
  createEvaluator,
  defaultSeccomp,
  filterOfChoice,
  formatSeccomp,
  intersectProfiles,
  resolveSeccomp,
} from "../../src/seccomp/index.ts";
import { pauseProgram } from "../../src/testing/programs.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { buildImage, hostArchitecture, layoutArchive, program } from "./images.ts";
import { needs } from "./parts.ts";
import { CALLS, programOf, RUNTIME_CALLS, type TestCall } from "./profiles.ts";
import { foretold } from "./seccomp-runtime.ts";

const IMAGE = "localhost/lading/calls:1";
const ALLOWED = JSON.stringify(RUNTIME_CALLS);

/** Two more that built-in profiles stop, besides those of which the kernel itself says the same. */
const PROGRAMS: Readonly<Record<string, TestCall>> = {
  ...CALLS,
  // Addresses that are not random.
  "personality-fixed": { name: "personality", args: [0x0004_0000n], unfiltered: 0 },
  // The structure is too short.
  clone3: { name: "clone3", args: [], unfiltered: 22 },
};

/** A file, and programs of which at least one does something else than without a filter, unless `isOpen`. */
interface Case {
  text: string;
  programs: readonly string[];
  isOpen?: boolean;
}

/** What containerd's own reading of a file makes odd: most of it is refused or read otherwise by others. */
const CASES: Readonly<Record<string, Case>> = {
  "one call is denied": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdirat"],"action":"SCMP_ACT_ERRNO"}]}`,
    programs: ["mkdirat", "linkat", "getppid"],
  },
  "each entry has its errno": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["mkdirat","symlinkat"],"action":"SCMP_ACT_ERRNO","errnoRet":77},
      {"names":["linkat"],"action":"SCMP_ACT_ERRNO","errnoRet":30}]}`,
    programs: ["mkdirat", "symlinkat", "linkat", "unlinkat"],
  },
  "calls that kill": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["acct"],"action":"SCMP_ACT_KILL_PROCESS"},{"names":["sync"],"action":"SCMP_ACT_KILL"},
      {"names":["getppid"],"action":"SCMP_ACT_TRAP"},{"names":["linkat"],"action":"SCMP_ACT_KILL_THREAD"}]}`,
    programs: ["acct", "sync", "getppid", "linkat", "mkdirat"],
  },
  "calls that are traced or logged": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["getppid"],"action":"SCMP_ACT_TRACE"},{"names":["mkdirat"],"action":"SCMP_ACT_LOG"}]}`,
    programs: ["getppid", "mkdirat"],
  },
  "an operand that no double holds": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["lseek"],"action":"SCMP_ACT_ERRNO","errnoRet":75,
      "args":[{"index":1,"value":18446744073709551614,"op":"SCMP_CMP_EQ"}]}]}`,
    programs: ["lseek-below", "lseek-equal", "lseek-above"],
  },
  "ranges of 64 bits": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["lseek"],"action":"SCMP_ACT_ERRNO","errnoRet":75,
      "args":[{"index":1,"value":18446744073709551614,"op":"SCMP_CMP_GE"}]}]}`,
    programs: ["lseek-below", "lseek-equal", "lseek-above"],
  },
  "a mask": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["fchmodat"],"action":"SCMP_ACT_ERRNO",
      "args":[{"index":2,"value":3072,"valueTwo":2048,"op":"SCMP_CMP_MASKED_EQ"}]}]}`,
    programs: ["fchmodat-plain", "fchmodat-setuid"],
  },
  "an argument twice, which makes the conditions alternatives": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["personality"],"action":"SCMP_ACT_ERRNO","args":[
      {"index":0,"value":131072,"op":"SCMP_CMP_EQ"},{"index":0,"value":4294967295,"op":"SCMP_CMP_EQ"}]}]}`,
    programs: ["personality-query", "personality-set"],
  },
  "conditions for capabilities, which are not read": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":16,"includes":{"caps":["CAP_SYS_ADMIN"]}},
      {"names":["linkat"],"action":"SCMP_ACT_ERRNO","errnoRet":16,"excludes":{"arches":["amd64","arm64"]}}]}`,
    programs: ["mkdirat", "linkat", "unlinkat"],
  },
  "names of errno values, and of single calls, which are not read": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","defaultErrno":"ENOSYS","syscalls":[
      {"names":["mkdirat"],"action":"SCMP_ACT_ERRNO","errno":"EROFS","errnoRet":16},
      {"name":"linkat","action":"SCMP_ACT_ERRNO"}]}`,
    programs: ["mkdirat", "linkat"],
  },
  "members in other letters, and twice": {
    text: `{"DEFAULTACTION":"SCMP_ACT_ERRNO","defaultAction":"SCMP_ACT_ALLOW","Syscalls":[
      {"Names":["linkat"],"NAMES":["mkdirat"],"Action":"SCMP_ACT_ERRNO","errnoret":16}],"other":1}`,
    programs: ["mkdirat", "linkat"],
  },
  "an unconditional entry beside one with a condition": {
    text: `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":87,"syscalls":[
      {"names":${ALLOWED},"action":"SCMP_ACT_ALLOW"},{"names":["personality"],"action":"SCMP_ACT_ALLOW"},
      {"names":["personality"],"action":"SCMP_ACT_ERRNO","errnoRet":5,
        "args":[{"index":0,"value":131072,"op":"SCMP_CMP_EQ"}]}]}`,
    programs: ["personality-query", "personality-set", "mkdirat"],
  },
  "nothing but what is listed, on three architectures": {
    text: `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":87,"syscalls":[
      {"names":${ALLOWED},"action":"SCMP_ACT_ALLOW"}],
      "architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"]}`,
    programs: ["mkdirat", "lseek-equal", "getppid", "openat2"],
  },
  "nothing but what is listed, without architectures": {
    text: `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":87,"archMap":[
      {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]}],
      "syscalls":[{"names":${ALLOWED},"action":"SCMP_ACT_ALLOW"}]}`,
    programs: ["mkdirat", "lseek-equal", "getppid", "openat2"],
  },
  "nothing at all": { text: "{}", programs: ["mkdirat", "getppid"], isOpen: true },
  ...Object.fromEntries(
    (["containers-common", "moby"] as const).map((name) => [
      `the default profile of ${name}`,
      {
        text: formatSeccomp(defaultSeccomp(name, { arch: "amd64", capabilities: [], kernel: "6.1" })),
        programs: ["personality-set", "personality-fixed", "clone3", "acct", "openat2", "mkdirat"],
      },
    ]),
  ),
  "the intersection of two default profiles": {
    text: formatSeccomp(
      intersectProfiles(
        (["containers-common", "containerd"] as const).map((name) =>
          defaultSeccomp(name, { arch: "amd64", capabilities: [], kernel: "6.1" }),
        ),
        { native: "x86_64" },
      ).spec,
      { indent: 2 },
    ),
    programs: ["personality-set", "personality-fixed", "personality-query", "clone3", "acct", "mkdirat"],
  },
};

/** Files with which no container runs: what lading throws, and what containerd answers. */
const REFUSED: Readonly<Record<string, { text: string; code: string; message: RegExp }>> = {
  "no JSON": {
    text: `{"defaultAction":`,
    code: "ERR_SECCOMP_SYNTAX",
    message: /decoding seccomp profile failed/,
  },
  "a number where there is text": {
    text: `{"defaultAction":1}`,
    code: "ERR_SECCOMP_TYPE",
    message: /decoding seccomp profile failed/,
  },
  "an operand beyond 64 bits": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["lseek"],"action":"SCMP_ACT_ERRNO",
      "args":[{"index":1,"value":18446744073709551616,"op":"SCMP_CMP_EQ"}]}]}`,
    code: "ERR_SECCOMP_TYPE",
    message: /decoding seccomp profile failed/,
  },
  "an action that does not exist": {
    text: `{"defaultAction":"SCMP_ACT_WHAT"}`,
    code: "ERR_SECCOMP_FILTER_INVALID",
    message: /SCMP_ACT_WHAT/,
  },
  "entries that contradict each other": {
    text: `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
      {"names":["lseek"],"action":"SCMP_ACT_ERRNO","errnoRet":1,"args":[{"index":1,"value":5,"op":"SCMP_CMP_EQ"}]},
      {"names":["lseek"],"action":"SCMP_ACT_ERRNO","errnoRet":2,"args":[{"index":1,"value":5,"op":"SCMP_CMP_EQ"}]}]}`,
    code: "ERR_SECCOMP_RULE_CONFLICT",
    message: /seccomp/,
  },
};

describe("Localhost profiles on containerd", needs(whyNoContainerd(), whyNotX64()), () => {
  const cleanups: (() => Promise<void>)[] = [];
  let containerd: Containerd;
  let cri: CriConnection;
  let podSandboxId: string;
  let made = 0;
  const runcVersion = /^runc version (\S+)/.exec(
    spawnSync("runc", ["--version"], { encoding: "utf8" }).stdout ?? "",
  )?.[1];
  const options = { native: "x86_64", runtime: "runc", runcVersion } as const;
  const sandboxConfig = { metadata: { name: "pod", uid: "pod", namespace: "default" }, linux: {} };

  before(async () => {
    containerd = await startContainerd({ subnet: "198.51.100.0/24" });
    cleanups.push(containerd.stop);
    await importCalls(containerd);
    cri = await connectCri({ endpoint: containerd.socket });
    cleanups.push(cri.close);
    ({ podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig }));
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  /** What lading says a container gets whose Pod names a file below the kubelet's folder. */
  async function chosen(file: string): Promise<ChosenFilter> {
    const choice = resolveSeccomp({
      pod: { metadata: {} },
      container: {
        name: "app",
        securityContext: { seccompProfile: { type: "Localhost", localhostProfile: file } },
      },
      imageAnnotations: {},
      runtime: { kind: "containerd" },
      kubelet: { seccompRoot: containerd.folder },
    });
    assert.ok(choice.kind === "localhost");
    assert.equal(choice.path, join(containerd.folder, file));
    return filterOfChoice(choice, {
      arch: "amd64",
      capabilities: [],
      readFile: (path) => readFile(path),
    });
  }

  async function start(file: string): Promise<string> {
    const name = `app-${++made}`;
    const { containerId } = await cri.runtime.createContainer({
      podSandboxId,
      sandboxConfig,
      config: {
        metadata: { name },
        image: { image: IMAGE },
        linux: {
          securityContext: {
            noNewPrivs: true,
            seccomp: {
              profileType: SecurityProfile_ProfileType.Localhost,
              localhostRef: join(containerd.folder, file),
            },
          },
        },
      },
    });
    await cri.runtime.startContainer({ containerId });
    return containerId;
  }

  for (const [at, [name, { text, programs, isOpen = false }]] of Object.entries(CASES).entries()) {
    test(name, async () => {
      const file = `case-${at}.json`;
      await writeFile(join(containerd.folder, file), text);
      const filter = await chosen(file);
      assert.equal(filter.kind, isOpen ? "unconfined" : "filter");
      const spec = filter.kind === "filter" ? filter.spec : null;

      const containerId = await start(file);
      const info = readContainerInfo(await cri.runtime.containerStatus({ containerId, verbose: true }));
      const { linux } = info.runtimeSpec as { linux: { seccomp: unknown } };
      // A file that says nothing arrives as an object that says nothing, which runc takes for no filter.
      const reported = spec ? toPlain(parseJson(formatSeccomp(spec))) : { defaultAction: "" };
      assert.deepEqual(linux.seccomp, reported);

      const { decide } = createEvaluator(spec, options);
      let different = 0;
      for (const program of programs) {
        const call = PROGRAMS[program];
        assert.ok(call, program);
        const expected = foretold(decide({ arch: "x86_64", name: call.name, args: call.args }), call);
        const { exitCode } = await cri.runtime.execSync({
          containerId,
          cmd: [`/bin/${program}`],
          timeout: 10n,
        });
        assert.equal(exitCode, expected, program);
        if (expected !== call.unfiltered) different++;
      }
      assert.equal(different > 0, !isOpen);
    });
  }

  for (const [at, [name, { text, code, message }]] of Object.entries(REFUSED).entries()) {
    test(`no container runs with ${name}`, async () => {
      const file = `refused-${at}.json`;
      await writeFile(join(containerd.folder, file), text);
      await assert.rejects(
        async () => {
          const filter = await chosen(file);
          assert.ok(filter.kind === "filter");
          createEvaluator(filter.spec, options);
        },
        (error) => isLadingError(error) && error.code === code,
      );
      await assert.rejects(start(file), (error) => isLadingError(error) && message.test(error.message));
    });
  }

  test("no container runs with a file that is not there", async () => {
    await assert.rejects(chosen("missing.json"), { code: "ENOENT" });
    await assert.rejects(start("missing.json"), /cannot load seccomp profile/);
  });
});

/** Puts an image with every program of the calls where containerd has its images. */
async function importCalls({ folder, socket }: Containerd): Promise<void> {
  const architecture = hostArchitecture();
  const programs = Object.entries(PROGRAMS).map(([name, call]) =>
    program(`bin/${name}`, programOf(call, architecture)),
  );
  const files = [program("pause", pauseProgram(architecture)), ...programs];
  const archive = join(folder, "calls.tar");
  await writeFile(archive, await layoutArchive(await buildImage({ files, entrypoint: ["/pause"] }), IMAGE));
  const args = ["--address", socket, "--namespace", "k8s.io", "images", "import", archive];
  const { status, stderr } = spawnSync("ctr", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`cannot import ${IMAGE}: ${stderr}`);
}

function whyNotX64(): string | undefined {
  return process.arch === "x64" ? undefined : "not on x86_64";
}
