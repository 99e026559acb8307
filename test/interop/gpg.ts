/** GnuPG, as tests use it: with a home of its own that goes with the test, its agent included. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./process.ts";

/** A GnuPG home. */
export interface GpgHome {
  readonly folder: string;
  /** Runs gpg, which must succeed; gives what it wrote to stdout. */
  gpg(...args: readonly string[]): Promise<string>;
  /** Runs gpg; gives what it wrote, whatever its exit code. */
  tryGpg(...args: readonly string[]): ReturnType<typeof runProgram>;
  /** Writes a file into the home, and gives its path. */
  file(name: string, content: Uint8Array | string): Promise<string>;
  /** Ends the agent and removes the home. */
  stop(): Promise<void>;
}

/** Makes a home. GnuPG's other users find it through the environment variable `GNUPGHOME`. */
export async function createGpgHome(): Promise<GpgHome> {
  // Sockets of the agent stand in it, and their paths are short.
  const folder = await mkdtemp(join(tmpdir(), "lg-"));
  const run = (...args: readonly string[]) =>
    runProgram("gpg", ["--homedir", folder, "--batch", "--yes", "--pinentry-mode", "loopback", ...args]);
  return {
    folder,
    async gpg(...args) {
      const { exitCode, stdout, stderr } = await run(...args);
      assert.equal(exitCode, 0, stderr);
      return stdout;
    },
    tryGpg: run,
    async file(name, content) {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    async stop() {
      await runProgram("gpgconf", ["--homedir", folder, "--kill", "gpg-agent"]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
