/**
 * The Node versions that the project supports, each as the path of its executable.
 *
 * The newest release of each line comes from the npm package `node`, into `.cache/nodes/LINE`.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

export const NODE_LINES = ["22", "24", "26"] as const;

/** The executable of the newest release of a line, installed on first use. */
export function nodeOf(line: (typeof NODE_LINES)[number]): string {
  const folder = resolve(".cache/nodes", line);
  const executable = resolve(folder, "node_modules/node/bin/node");
  if (!existsSync(executable)) {
    mkdirSync(folder, { recursive: true });
    const manifest = { private: true, allowScripts: { node: true } };
    writeFileSync(resolve(folder, "package.json"), JSON.stringify(manifest));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", `node@${line}`], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  return executable;
}

if (import.meta.main) {
  for (const line of NODE_LINES)
    console.log(execFileSync(nodeOf(line), ["--version"], { encoding: "utf8" }).trim());
}
