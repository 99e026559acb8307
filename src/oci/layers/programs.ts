/**
 * What Node cannot do itself, done by programs of the system.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import type { SystemCalls } from "./disk-tree.ts";

/**
 * Calls that run `mknod`, `mkfifo` and `setfattr`, which must be found on the `PATH`. Making devices needs root.
 *
 * A program that is missing or fails makes the call throw an `Error` with what it said.
 */
export function systemPrograms(): Required<SystemCalls> {
  return {
    makeNode(path, { kind, major, minor }) {
      if (kind === "fifo") return run("mkfifo", ["-m", "600", "--", argument(path)]);
      const type = kind === "block-device" ? "b" : "c";
      run("mknod", ["-m", "600", "--", argument(path), type, String(major), String(minor)]);
    },
    setXattr(path, name, value) {
      const base64 = `0s${Buffer.from(value).toString("base64")}`;
      run("setfattr", ["-h", "-n", name, "-v", base64, "--", argument(path)]);
    },
    removeXattr(path, name) {
      run("setfattr", ["-h", "-x", name, "--", argument(path)]);
    },
  };
}

/** Arguments of programs are text; Node cannot pass other bytes. */
function argument(path: string | Buffer): string {
  if (typeof path === "string") return path;
  throw new Error("a program cannot be given a name that is no UTF-8");
}

function run(program: string, args: readonly string[]): void {
  const { error, status, stderr } = spawnSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program}: ${String(stderr).slice(0, 500).trim()}`);
}
