/** What CRI-O's files come to. */
import { posix } from "node:path";
import {
  type CrioConfig,
  crioNotifierPath,
  crioPolicyOptions,
  isPinnedImage,
  loadCrioNode,
} from "../../../src/config/crio/index.ts";
import { ConfigError } from "../../../src/config/errors.ts";
import type { NodeFiles } from "../../../src/config/node-files.ts";
import { isLadingError } from "../../../src/core/errors.ts";
import { policyPathFor } from "../../../src/policy/crio.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  async run({ input }) {
    if (typeof input["pattern"] === "string") {
      return { pinned: isPinnedImage(input["pattern"], String(input["image"])) };
    }
    const texts = textsOf(input);
    try {
      const { config, profile } = await loadCrioNode({
        root: "/",
        files: filesOf(texts, { othersExist: input["existingPaths"] === undefined }),
        config: input["configFlagSet"] === true ? "/etc/crio/crio.conf" : undefined,
        flags: input["flags"] as Record<string, string> | undefined,
        env: input["env"] as Record<string, string> | undefined,
        storage: {
          root: input["storageConfRoot"] as string | undefined,
          options: input["storageConfOptions"] as string[] | undefined,
        },
      });
      const existing = (input["existingPaths"] ?? []) as string[];
      const policy = policyPathFor(String(input["namespace"] ?? ""), crioPolicyOptions(config), (path) =>
        existing.includes(path),
      );
      return {
        ...told(config),
        policyPath: policy.path ?? "",
        profileInUse: profile.kind === "file" ? profile.path : profile.kind,
        notifierPath: crioNotifierPath(config),
      };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { error: kindOf(error) };
    }
  },
};

function textsOf(input: VectorFields): Map<string, string> {
  const existing = ((input["existingPaths"] ?? []) as string[]).map((path) => [path, "{}"] as const);
  const groups = [input["files"], input["fileContents"]] as (Record<string, string> | undefined)[];
  return new Map([...existing, ...groups.flatMap((group) => Object.entries(group ?? {}))]);
}

/** A case that lists no existing paths says nothing of the files that values name: they are there. */
function filesOf(texts: ReadonlyMap<string, string>, { othersExist }: { othersExist: boolean }): NodeFiles {
  const read = async (path: string): Promise<string | undefined> => {
    const isOther = othersExist && !path.startsWith("/etc/crio/crio.conf");
    return texts.get(path) ?? (isOther ? "{}" : undefined);
  };
  return {
    read,
    async readBytes(path) {
      const text = await read(path);
      return text === undefined ? undefined : Buffer.from(text);
    },
    async list(folder) {
      const below = [...texts.keys()].filter((path) => path.startsWith(`${folder}/`));
      const names = below.map((path) => posix.relative(folder, path).split("/")[0] ?? "");
      return names.length === 0 ? undefined : [...new Set(names)];
    },
    isLink: async () => false,
  };
}

function told(config: CrioConfig): object {
  const runtimes = [...config.runtimes].map(([name, { settings }]) => [name, plain(settings)]);
  const workloads = [...config.workloads].map(([name, { settings }]) => [name, plain(settings)]);
  return {
    ...plain(config.root),
    ...plain(config.api),
    ...plain(config.runtime),
    ...plain(config.image),
    runtimes: Object.fromEntries(runtimes),
    runtimesKeys: [...config.runtimes.keys()].sort(),
    workloads: Object.fromEntries(workloads),
    workloadsKeys: [...config.workloads.keys()].sort(),
  };
}

function plain(settings: object): Record<string, unknown> {
  const entries = Object.entries(settings as Record<string, { value: unknown }>);
  return Object.fromEntries(
    entries.map(([key, { value }]) => [key, typeof value === "bigint" ? Number(value) : value]),
  );
}

/** The words of the suite: for some errors a kind, for those that users see CRI-O's text. */
function kindOf(error: ConfigError): string {
  if (error.code === "ERR_CONFIG_SYNTAX" || error.code === "ERR_CONFIG_TYPE") {
    return "unable to decode configuration";
  }
  if (error.code === "ERR_CONFIG_FILE") return "update config from file";
  const isProfile = isLadingError(error.cause) && error.cause.code.startsWith("ERR_SECCOMP_");
  return isProfile ? "decoding seccomp profile failed" : error.message;
}

export default suite;
