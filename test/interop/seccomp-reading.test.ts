/** Profile files as runc and crun really read them, against what the portability report says. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { evaluateSyscall, type PortabilityOutcome, reportPortability } from "../../src/seccomp/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { whyNoRuntime } from "./seccomp-runtime.ts";

const ALLOW = '"defaultAction":"SCMP_ACT_ALLOW"';
const rule = (text: string): string => `{${ALLOW},"syscalls":[${text}]}`;
const condition = (text: string): string =>
  rule(`{"names":["write"],"action":"SCMP_ACT_ERRNO","args":[{${text}}]}`);

/** None stops the program unless by what the runtime reads: it writes a word. */
const FILES: Readonly<Record<string, string>> = {
  "a plain one": `{${ALLOW}}`,
  "one that stops writing": rule('{"names":["write"],"action":"SCMP_ACT_ERRNO"}'),
  "{}": "{}",
  null: "null",
  "an empty default action": '{"defaultAction":""}',
  "other letters": '{"DefaultAction":"SCMP_ACT_ALLOW"}',
  "a rule in other letters": `{${ALLOW},"Syscalls":[{"names":["write"],"action":"SCMP_ACT_ERRNO"}]}`,
  "an action in other letters": rule('{"names":["mkdir"],"Action":"SCMP_ACT_ERRNO"}'),
  "a member twice, the last allows": `{"defaultAction":"SCMP_ACT_KILL_PROCESS",${ALLOW}}`,
  "a member twice, the first allows": `{${ALLOW},"defaultAction":"SCMP_ACT_KILL_PROCESS"}`,
  "unknown members": `{${ALLOW},"x":1,"archMap":[{"architecture":"SCMP_ARCH_X86"}]}`,
  "a name": rule('{"name":"write","action":"SCMP_ACT_ERRNO"}'),
  "a name beside names": rule('{"name":"write","names":["mkdir"],"action":"SCMP_ACT_ERRNO"}'),
  "gates that drop": rule('{"names":["write"],"action":"SCMP_ACT_ERRNO","excludes":{"arches":["amd64"]}}'),
  "null names": rule('{"names":null,"action":"SCMP_ACT_ERRNO"}'),
  "no names": rule('{"names":[],"action":"SCMP_ACT_ERRNO"}'),
  "no action": rule('{"names":["mkdir"]}'),
  "a null entry": rule("null"),
  "an unknown call": rule('{"names":["nosuch"],"action":"SCMP_ACT_ERRNO"}'),
  "an unknown action": '{"defaultAction":"SCMP_ACT_DENY"}',
  "an unknown operator": condition('"index":0,"value":1,"op":"SCMP_CMP_IS"'),
  "an unknown architecture": `{${ALLOW},"architectures":["SCMP_ARCH_VAX"]}`,
  "an errno without use": `{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","errnoRet":1}]}`,
  "argument 6": condition('"index":6,"value":1,"op":"SCMP_CMP_EQ"'),
  "a contradiction": rule(
    ["ERRNO", "KILL"]
      .map(
        (action) =>
          `{"names":["mkdir"],"action":"SCMP_ACT_${action}","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"}]}`,
      )
      .join(),
  ),
  "a condition that holds": condition('"index":0,"value":1,"op":"SCMP_CMP_EQ"'),
  "a condition that does not hold": condition('"index":0,"value":7,"op":"SCMP_CMP_EQ"'),
  "a condition without a value": condition('"index":0,"op":"SCMP_CMP_EQ"'),
  "the largest number": condition('"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"'),
  "a larger number": condition('"index":0,"value":18446744073709551616,"op":"SCMP_CMP_EQ"'),
  "a number with a point": condition('"index":0,"value":1.0,"op":"SCMP_CMP_EQ"'),
  "a negative number": condition('"index":0,"value":-1,"op":"SCMP_CMP_LT"'),
  "a number as a text": condition('"index":0,"value":"1","op":"SCMP_CMP_EQ"'),
  "a default action of another type": '{"defaultAction":1}',
  "rules of another type": `{${ALLOW},"syscalls":{}}`,
  "names of another type": rule('{"names":"write","action":"SCMP_ACT_ERRNO"}'),
};

/** What crun reads in a way of its own, and nobody should rely on. */
const UNTOLD: ReadonlySet<string> = new Set([
  "a negative number",
  "a number as a text",
  "rules of another type",
]);

/** crun refuses to run beside control groups of both versions: it sees none in a mount namespace of its own. */
const COMMANDS = {
  runc: ["runc"],
  crun: [
    ...["unshare", "--mount", "--", "sh", "-c"],
    'umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec crun --cgroup-manager disabled "$@"',
    "crun",
  ],
} as const;

const BUSYBOX = "/bin/busybox";
const missing = existsSync(BUSYBOX) ? undefined : `no ${BUSYBOX}`;

for (const runtime of ["runc", "crun"] as const) {
  const reasons = [whyNoRuntime(runtime), whyNoPrograms("unshare"), missing];
  describe(`${runtime} reads files as foretold`, needs(...reasons), () => {
    let folder = "";
    let count = 0;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), "lading-reading-"));
      for (const path of ["bin", "proc", "dev", "sys"]) {
        mkdirSync(join(folder, "rootfs", path), { recursive: true });
      }
      copyFileSync(BUSYBOX, join(folder, "rootfs/bin/busybox"));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    /** Whether a container with this `linux.seccomp` writes its word. */
    function runs(seccomp: string): boolean {
      const configuration = {
        ociVersion: "1.0.2",
        process: {
          args: ["/bin/busybox", "echo", "started"],
          cwd: "/",
          user: { uid: 0, gid: 0 },
          env: ["PATH=/bin"],
        },
        root: { path: "rootfs", readonly: true },
        mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
        linux: { namespaces: [{ type: "mount" }, { type: "pid" }], seccomp: "SECCOMP" },
      };
      const text = JSON.stringify(configuration).replace('"SECCOMP"', () => seccomp);
      writeFileSync(join(folder, "config.json"), text);
      const [command, ...before] = COMMANDS[runtime];
      const name = `reading-${process.pid}-${count++}`;
      const global = ["--root", join(folder, "state")];
      const args = [...before, ...global, "run", "--bundle", folder, name];
      const { stdout, error } = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
      if (error) throw error;
      // A container that was killed while it started is not always removed.
      const removal = [...before, ...global, "delete", "--force", name];
      spawnSync(command, removal, { timeout: 30_000 });
      return stdout.includes("started");
    }

    for (const [name, file] of Object.entries(FILES)) {
      test(name, async () => {
        const node = { arch: "amd64", capabilities: [], kernel: "6.1.0" };
        const { engines } = await reportPortability(file, { ...node, engines: [runtime] });
        const outcome = engines[0]?.outcome;
        assert.ok(outcome);
        const isTold = runtime === "runc" || !UNTOLD.has(name);
        assert.equal(outcome.kind !== "undecided", isTold);
        if (isTold) assert.equal(runs(file), writes(outcome), JSON.stringify(outcome.kind));
      });
    }
  });

  function writes(outcome: PortabilityOutcome): boolean {
    if (outcome.kind !== "filter") return outcome.kind === "unconfined";
    const call = { arch: "x86_64", name: "write", args: [1, 0x1000, 8] };
    const { action } = evaluateSyscall(outcome.spec, call, { runtime });
    return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";
  }
}
