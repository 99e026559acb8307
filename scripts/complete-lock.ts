/**
 * Completes package-lock.json: run it after every `npm install` that changes the lock file.
 *
 * Tools bring their binaries as optional packages, one a platform. Where a registry does not serve those of some
 * other platform, `npm install` leaves them out of the lock file without a word, and `npm ci` then refuses the file
 * as incomplete. This adds them: the version that the tool names, and the platform that the package's name tells. They
 * have no integrity hash, since their content was not seen; nobody installs them but on their own platform.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface LockedPackage {
  version?: string;
  integrity?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  license?: string;
  optional?: boolean;
  os?: string[];
  optionalDependencies?: Record<string, string>;
}

const PLATFORMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const CPUS = new Set(["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "x64"]);

const file = "package-lock.json";
const lock: { packages: Record<string, LockedPackage> } = JSON.parse(readFileSync(file, "utf8"));
const added: string[] = [];
for (const [path, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const target = `node_modules/${name}`;
    if (isLocked(path, name) || !/^[0-9]/.test(version)) continue;
    lock.packages[target] = { version, ...platformOf(name), ...(dev ? { dev } : {}), optional: true };
    added.push(`${name} ${version}`);
  }
}
// npm keeps entries in the order of their paths.
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? `${file} is complete` : `added to ${file}:\n${added.join("\n")}`);

/** Whether a dependency of the package at `path` is found, there or in a folder around it. */
function isLocked(path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    if (lock.packages[`${folder === "" ? "" : `${folder}/`}node_modules/${name}`]) return true;
    if (folder === "") return false;
  }
}

function platformOf(name: string): Pick<LockedPackage, "os" | "cpu" | "libc"> {
  const words = name.split(/[-/]/);
  const os = words.filter((word) => PLATFORMS.includes(word));
  const cpu = words.map((word) => (word.startsWith("armv") ? "arm" : word)).filter((word) => CPUS.has(word));
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`cannot tell the platform of ${name}`);
  const musl = words.some((word) => word.startsWith("musl"));
  const glibc = words.some((word) => word.startsWith("gnu"));
  return { os, cpu, ...(musl ? { libc: ["musl"] } : glibc ? { libc: ["glibc"] } : {}) };
}
