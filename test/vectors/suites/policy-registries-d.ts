/** registries.d: which files count, what they say about an image, and where its signatures are. */

import { parseDigest } from "../../../src/core/digest.ts";
import { CoreError } from "../../../src/core/errors.ts";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { cosignTag } from "../../../src/oci/digest-tag.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import { directorySignatureName } from "../../../src/policy/sources/directory.ts";
import {
  defaultLookaside,
  type LoadedRegistriesD,
  loadRegistriesD,
} from "../../../src/policy/sources/load-registries-d.ts";
import {
  formatLookasideUrl,
  parseLookasideUrl,
  repositoryUrl,
  signatureUrl,
} from "../../../src/policy/sources/lookaside-url.ts";
import { parseRegistriesD, signatureSettings } from "../../../src/policy/sources/registries-d.ts";
import { crioNodeOf } from "../memory-node.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

/** Stands for the home folder, which the cases write as `$HOME`. */
const HOME = "/the/home/folder";

const suite: VectorSuite = {
  async run({ input }) {
    try {
      switch (input["unit"]) {
        case "dirs":
          return await readFolders(input);
        case "dirSignatureName": {
          const instance = input["instanceDigest"];
          const digest = typeof instance === "string" ? parseDigest(instance) : undefined;
          return { name: directorySignatureName(Number(input["index"]), digest) };
        }
        case "signatureUrl": {
          const base = parseLookasideUrl(String(input["base"]));
          const url = signatureUrl(base, String(input["manifestDigest"]), Number(input["index"]));
          return { url: formatLookasideUrl(url) };
        }
        case "sigstoreTag":
          return { tag: cosignTag(parseDigest(String(input["manifestDigest"])), "sig") };
        default:
          return await lookUp(input);
      }
    } catch (error) {
      return { error: kindOf(error) };
    }
  },
};

/** What is configured for an image. The files come parsed; JSON is YAML too. */
async function lookUp(input: VectorFields): Promise<unknown> {
  const files = (input["files"] as { name: string; config: JsonValue }[]).map(({ name, config }) => ({
    path: name,
    text: JSON.stringify(config),
  }));
  const config = await parseRegistriesD(files);
  const reference = parseImageReference(String(input["reference"]));
  const { lookaside, lookasideStaging, useSigstoreAttachments } = signatureSettings(config, reference);
  const configured = (input["forWriting"] === true ? lookasideStaging : lookaside)?.value ?? "";
  const top = configured === "" ? defaultLookaside(Number(input["euid"]), HOME) : configured;
  const base = repositoryUrl(parseLookasideUrl(top), reference.path);
  return {
    configuredTopLevel: configured,
    baseUrl: formatLookasideUrl(base).replace(HOME, "$HOME"),
    useSigstoreAttachments: useSigstoreAttachments?.value ?? false,
  };
}

/** What is read out of folders that exist as a map of paths. */
async function readFolders(input: VectorFields): Promise<unknown> {
  const { config, files: read } = await loadedFrom(input);
  const lookaside = Object.fromEntries(
    [...config.docker].map(([scope, section]) => [scope, section.lookaside ?? ""]),
  );
  return { filesReadInOrder: read, lookaside };
}

/** As CRI-O on a node reads it, unless the case is of another user, or of options that CRI-O does not have. */
async function loadedFrom(input: VectorFields): Promise<LoadedRegistriesD> {
  const texts = input["files"] as Record<string, string>;
  const env = input["env"] as Record<string, string>;
  const explicit = input["explicitDir"];
  const root = input["rootForImplicitPaths"];
  if (input["uid"] === 0 && typeof explicit !== "string" && typeof root !== "string") {
    return (await crioNodeOf(texts, { env })).runtime.signatures;
  }
  const files = new Map(Object.entries(texts));
  return loadRegistriesD({
    ...(typeof explicit === "string" ? { paths: [explicit] } : {}),
    ...(typeof root === "string" ? { root } : {}),
    env: input["env"] as Record<string, string>,
    uid: Number(input["uid"]),
    reader: {
      async list(path) {
        if (files.has(path)) throw Object.assign(new Error(`not a directory: ${path}`), { code: "ENOTDIR" });
        const names = [...files.keys()].filter((each) => each.startsWith(`${path}/`));
        if (names.length === 0) throw missing(path);
        return [...new Set(names.map((each) => each.slice(path.length + 1).split("/")[0] ?? ""))];
      },
      async read(path) {
        const text = files.get(path);
        if (text === undefined) throw missing(path);
        return Buffer.from(text);
      },
    },
  });
}

function missing(path: string): Error {
  return Object.assign(new Error(`no such file or directory: ${path}`), { code: "ENOENT" });
}

function kindOf(error: unknown): string {
  if (error instanceof CoreError && error.code === "ERR_DIGEST_INVALID") return "invalid-digest";
  if (!(error instanceof PolicyError) || error.code !== "ERR_POLICY_REGISTRIES_D") throw error;
  if (error.message.includes('"docker" namespace')) return "duplicate-namespace";
  if (error.message.includes('"default-docker" defined both')) return "duplicate-default";
  return error.message.startsWith("reading ") ? "unreadable-directory" : error.message;
}

export default suite;
