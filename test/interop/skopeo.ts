/** skopeo, as tests use it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { runProgram } from "./process.ts";

/** Runs skopeo, which must succeed; gives what it wrote to stdout. */
export async function skopeo(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram("skopeo", args);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** A folder that goes with the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lading-skopeo-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
