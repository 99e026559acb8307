import { deepEqual, equal, throws } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ProgramArchitecture, pauseProgram, syscallProgram } from "../../../src/testing/programs.ts";

// Numbers from the kernel's tables: x86_64 unistd_64.h, arm64 asm-generic/unistd.h.
const NUMBERS = {
  amd64: { getpid: 39, mkdirat: 258, close: 3, personality: 135 },
  arm64: { getpid: 172, mkdirat: 34, close: 57, personality: 92 },
} as const;
const host: ProgramArchitecture | undefined =
  process.platform !== "linux"
    ? undefined
    : process.arch === "x64"
      ? "amd64"
      : process.arch === "arm64"
        ? "arm64"
        : undefined;

const folder = mkdtempSync(join(tmpdir(), "lading-programs-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function install(name: string, program: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, program);
  chmodSync(file, 0o755);
  return file;
}

test("a program is a static ELF executable of its architecture", () => {
  for (const [architecture, machine] of [
    ["amd64", 0x3e],
    ["arm64", 0xb7],
  ] as const) {
    for (const program of [pauseProgram(architecture), syscallProgram({ architecture, number: 1 })]) {
      const file = Buffer.from(program);
      deepEqual([...file.subarray(0, 7)], [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
      equal(file.readUInt16LE(18), machine);
      equal(file.readBigUInt64LE(96), BigInt(file.length), "the segment covers the file");
    }
  }
});

if (host) {
  const numbers = NUMBERS[host];
  const exitOf = (number: number, args: bigint[] = []): number | null =>
    spawnSync(install(`call-${number}`, syscallProgram({ architecture: host, number, args }))).status;

  test("a call that succeeds exits with 0, also when it returns a number", () => {
    equal(exitOf(numbers.getpid), 0);
  });

  test("a call that fails exits with its errno", () => {
    equal(exitOf(numbers.close, [0xffff_ffffn]), constants.errno.EBADF);
    equal(exitOf(numbers.mkdirat, [-100n, 0n, 0o755n]), constants.errno.EFAULT, "a null path");
    equal(exitOf(4000), constants.errno.ENOSYS);
  });

  test("arguments of 64 bits arrive whole", () => {
    // personality(0xffffffff) only asks; with other high bits it still does, since the kernel looks at 32 bits.
    equal(exitOf(numbers.personality, [0xffff_ffffn]), 0);
  });

  test("the pause program runs until it is killed", async () => {
    const child = spawn(install("pause", pauseProgram(host)), { stdio: "ignore" });
    const ended = new Promise<NodeJS.Signals | null>((resolve) =>
      child.once("exit", (_, signal) => resolve(signal)),
    );
    await new Promise((resolve) => child.once("spawn", resolve));
    if (child.pid !== undefined) process.kill(child.pid, 0);
    child.kill("SIGTERM");
    equal(await ended, "SIGTERM");
  });
}

test("a seventh argument is a mistake", () => {
  throws(
    () => syscallProgram({ architecture: "amd64", number: 1, args: [0n, 0n, 0n, 0n, 0n, 0n, 0n] }),
    RangeError,
  );
});
