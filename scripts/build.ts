/** Builds `dist`: JavaScript, declarations and their maps. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

rmSync("dist", { recursive: true, force: true });
execFileSync(
  process.execPath,
  [fileURLToPath(import.meta.resolve("typescript/lib/tsc.js")), "-p", "tsconfig.build.json"],
  {
    stdio: "inherit",
  },
);
