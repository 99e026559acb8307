/**
 * The policies of all namespaces with every file that they name: read together, and put in the place of the old ones
 * together, or not at all.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { lintPolicy, loadPolicyFiles, type Policy, parsePolicy, type ReadPolicyFile } from "lading/policy";

export interface PolicySet {
  /** Of everything that was read. */
  readonly fingerprint: string;
  readonly general: Policy;
  readonly byNamespace: ReadonlyMap<string, Policy>;
  /** The files that the policies name, as they were read. */
  readonly readFile: ReadPolicyFile;
}

const UNUSABLE = new Set(["key-unreadable", "key-empty", "key-invalid", "private-key"]);

/** Rejects where a policy cannot be read, or a trust root that one names is missing: then there is nothing to decide by. */
export async function readPolicies(file: string, folder: string | undefined): Promise<PolicySet> {
  const hash = createHash("sha256");
  const trust = new Map<string, Uint8Array>();
  const fromDisk = loadPolicyFiles();
  const readOnce: ReadPolicyFile = async (path, options) => {
    const content = trust.get(path) ?? (await fromDisk(path, options));
    trust.set(path, content);
    return content;
  };
  const read = async (path: string): Promise<Policy> => {
    const text = await readFile(path);
    hash.update(`${path}\0${text.byteLength}\0`).update(text);
    try {
      const policy = parsePolicy(text);
      const findings = await lintPolicy(policy, { readFile: readOnce });
      const missing = findings.find(({ code }) => UNUSABLE.has(code));
      if (missing) throw new Error(missing.message);
      return policy;
    } catch (cause) {
      throw new Error(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };
  const general = await read(file);
  const byNamespace = new Map<string, Policy>();
  for (const name of folder === undefined ? [] : (await readdir(folder)).sort()) {
    if (folder === undefined || !name.endsWith(".json")) continue;
    byNamespace.set(name.slice(0, -".json".length), await read(join(folder, name)));
  }
  for (const [path, content] of trust) hash.update(`${path}\0${content.byteLength}\0`).update(content);
  return {
    fingerprint: hash.digest("hex"),
    general,
    byNamespace,
    readFile: async (path) => {
      const content = trust.get(path);
      if (!content) throw new Error(`${path} was not read`);
      return content;
    },
  };
}
