/**
 * A service's unit with its drop-ins from disk. This file reads the disk.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/257/systemd.unit.html}
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { fileOrigin } from "../data/tree.ts";
import { ConfigError } from "../errors.ts";
import type { NodeFiles } from "../node-files.ts";
import { environmentFiles, type ServiceCommand, type ServiceDoubt, serviceCommand } from "./command.ts";
import { parseEnvironmentFile, type UnitVariable } from "./environment.ts";
import { parseUnit, type UnitEntry } from "./unit.ts";

/** How a service is started, and what says so. */
export interface LoadedService extends ServiceCommand {
  /** Units and files of variables that were read, in the order in which they apply. */
  readonly files: readonly string[];
}

/** Folders of units; what stands in an earlier one goes before the same name in a later one. */
const FOLDERS: readonly string[] = [
  "/etc/systemd/system.control",
  "/run/systemd/system.control",
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** Most drop-ins of a unit. */
const MAX_DROP_INS = 1000;

/**
 * The command of a service; undefined where the node has no unit of it, or a masked one.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` for a file of variables that must be there, and for what cannot be read;
 * `ERR_CONFIG_TOO_LARGE`.
 */
export async function loadService(
  name: string,
  { files, signal }: { files: NodeFiles } & SignalOptions,
): Promise<LoadedService | undefined> {
  const doubts: ServiceDoubt[] = [];
  const read = async (path: string): Promise<string | undefined> => {
    try {
      return await files.read(path, { signal });
    } catch (error) {
      // A unit is masked by a link to a device.
      if (!(error instanceof ConfigError) || !(await files.isLink(path, { signal }))) throw error;
      doubts.push({ reason: "a link to what is no file: taken for masked", origin: fileOrigin(path) });
      return "";
    }
  };
  const sources: { path: string; text: string }[] = [];
  for (const folder of FOLDERS) {
    const path = `${folder}/${name}`;
    const text = await read(path);
    // The first one counts, also where it is empty.
    if (text === "") return undefined;
    if (text !== undefined) sources.push({ path, text });
    if (text !== undefined) break;
  }
  const hasUnit = sources.length > 0;
  for (const path of await dropInPaths(name, { files, signal })) {
    const text = await read(path);
    if (text !== undefined) sources.push({ path, text });
  }
  const [first] = sources;
  if (!first) return undefined;
  if (!hasUnit) doubts.push({ reason: "drop-ins of a unit that is missing", origin: fileOrigin(first.path) });
  const entries: UnitEntry[] = sources.flatMap(({ path, text }) => parseUnit(path, text));
  const named = environmentFiles(entries);
  const variables: ReadonlyMap<string, UnitVariable>[] = [];
  const readFiles: string[] = [];
  for (const { path, isOptional, origin } of named) {
    if (/[*?[%]/.test(path)) {
      doubts.push({ reason: `the pattern ${path} of files of variables`, origin });
      continue;
    }
    const text = posix.isAbsolute(path) ? await files.read(path, { signal }) : undefined;
    if (text === undefined && !isOptional) {
      throw new ConfigError("ERR_CONFIG_FILE", `${path}: the unit cannot start without it`, { origin });
    }
    if (text === undefined) continue;
    variables.push(parseEnvironmentFile(path, text));
    readFiles.push(path);
  }
  const command = serviceCommand(entries, variables);
  return {
    ...command,
    doubts: [...doubts, ...command.doubts],
    files: [...sources.map(({ path }) => path), ...readFiles],
  };
}

/** By their own names, whatever the folder; a name counts once. */
async function dropInPaths(
  name: string,
  { files, signal }: { files: NodeFiles } & SignalOptions,
): Promise<string[]> {
  const found = new Map<string, string>();
  for (const kind of [`${name}.d`, "service.d"]) {
    for (const folder of FOLDERS) {
      for (const each of (await files.list(`${folder}/${kind}`, { signal })) ?? []) {
        if (each.endsWith(".conf") && !found.has(each)) found.set(each, `${folder}/${kind}/${each}`);
      }
    }
  }
  if (found.size > MAX_DROP_INS) {
    throw new ConfigError("ERR_CONFIG_TOO_LARGE", `${name}: more than ${MAX_DROP_INS} drop-ins`);
  }
  return [...found]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([, path]) => path);
}
