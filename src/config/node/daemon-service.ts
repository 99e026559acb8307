/**
 * How a runtime is started by its unit: its flags and variables.
 *
 * ```text
 * word  = "-" [ "-" ] name [ "=" value ]    ; a value may also be the next word, but not that of a switch
 * ```
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { crioFlagType } from "../crio/flags.ts";
import type { DaemonEnvironment } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import type { NodeAgreementWarning } from "../node-warnings.ts";
import type { ServiceWord } from "../systemd/command.ts";
import { type LoadedService, loadService } from "../systemd/load.ts";

/** How a daemon is started. */
export interface DaemonService {
  /** Values by the long name of their flag; of a list, with commas between them. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: DaemonEnvironment;
  readonly warnings: readonly NodeAgreementWarning[];
}

type FlagKind = "value" | "list" | "switch";

const SHORT: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  crio: { c: "config", d: "config-dir" },
  containerd: { c: "config", a: "address", l: "log-level" },
};

const CONTAINERD_FLAGS: readonly string[] = ["config", "address", "root", "state", "log-level"];

/**
 * How a node's unit of a daemon starts it: with nothing where there is no such unit.
 *
 * @throws {ConfigError} As `loadService`.
 */
export async function loadDaemonService(
  program: "crio" | "containerd",
  { files, signal }: { files: NodeFiles } & SignalOptions,
): Promise<DaemonService> {
  const name = `${program}.service`;
  const service = await loadService(name, { files, signal });
  if (!service) return { flags: {}, env: {}, warnings: [] };
  const warnings = service.doubts.map(
    (doubt): NodeAgreementWarning => ({ code: "not-exact", service: name, ...doubt }),
  );
  const env = variablesOf(service);
  const [first, ...words] = service.words;
  if (first && posix.basename(first.text) !== program) {
    const reason = `${first.text} is started, which may start ${program} with any flags`;
    warnings.push({ code: "not-exact", service: name, reason, origin: first.origin });
    return { flags: {}, env, warnings };
  }
  const unknown = (word: ServiceWord): void => {
    const reason = `${JSON.stringify(word.text)} is not known here`;
    warnings.push({ code: "not-exact", service: name, reason, origin: word.origin });
  };
  return { flags: flagsOf(program, words, unknown), env, warnings };
}

/** The variables that a unit sets. */
export function variablesOf(service: Pick<LoadedService, "variables"> | undefined): DaemonEnvironment {
  return Object.fromEntries([...(service?.variables ?? [])].map(([key, { value }]) => [key, value]));
}

function flagsOf(
  program: "crio" | "containerd",
  words: readonly ServiceWord[],
  unknown: (word: ServiceWord) => void,
): Record<string, string> {
  const flags = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at];
    const [, written, given] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word?.text ?? "") ?? [];
    if (!word) break;
    if (written === undefined) {
      // A command of the daemon, or the end of its flags: neither starts it.
      unknown(word);
      break;
    }
    const name = SHORT[program]?.[written] ?? written;
    const kind = kindOf(program, name);
    const next = words[at + 1]?.text;
    if (kind === undefined) {
      unknown(word);
      if (given === undefined && next !== undefined && !next.startsWith("-")) at++;
      continue;
    }
    let value = given;
    if (value === undefined && kind === "switch") value = "true";
    else if (value === undefined) {
      if (next === undefined) unknown(word);
      value = next;
      at++;
    }
    if (value === undefined) continue;
    const before = kind === "list" ? flags.get(name) : undefined;
    flags.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(flags);
}

function kindOf(program: "crio" | "containerd", name: string): FlagKind | undefined {
  if (program === "containerd") return CONTAINERD_FLAGS.includes(name) ? "value" : undefined;
  if (name === "config" || name === "config-dir") return "value";
  const type = crioFlagType(name);
  if (type === undefined) return undefined;
  return type === "flag" ? "switch" : type === "texts" ? "list" : "value";
}
