/** `registries.conf`: prefixes, mirrors, aliases and short names. */
import { posix } from "node:path";
import { isLadingError } from "../../../src/core/errors.ts";
import { formatReference, parseReference } from "../../../src/core/reference.ts";
import { findRegistry, type RegistriesConf, registrySources } from "../../../src/oci/mirrors/registries.ts";
import { matchPrefix, parseLocation, rewriteReference } from "../../../src/oci/mirrors/registry-prefix.ts";
import {
  assertAliasName,
  isShortName,
  parseAliasValue,
  parseShortNameMode,
  type ShortNameMode,
} from "../../../src/oci/mirrors/short-name-alias.ts";
import { lookUpAlias, resolveShortName } from "../../../src/oci/mirrors/short-names.ts";
import { crioNodeOf } from "../memory-node.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const MAIN = "/etc/containers/registries.conf";

const suite: VectorSuite = {
  async run({ input, expect }) {
    const operation = OPERATIONS[text(input, "op")];
    if (!operation) throw new TypeError(`unknown op ${String(input["op"])}`);
    try {
      return await operation(input);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      return { valid: false, error: kindOf(error.message.replace(`${MAIN}: `, "main: "), expect) };
    }
  },
};
export default suite;

const OPERATIONS: Readonly<Record<string, (input: VectorFields) => unknown>> = {
  parseLocation: (input) => ({ location: parseLocation(text(input, "text")) }),
  matchPrefix: (input) => ({ length: matchPrefix(text(input, "ref"), text(input, "prefix")) ?? -1 }),
  matchSubdomainPrefix: (input) => ({ length: matchPrefix(text(input, "ref"), text(input, "prefix")) ?? -1 }),
  rewrite: (input) => {
    const reference = parseReference(text(input, "ref"));
    return {
      ref: formatReference(rewriteReference(reference, text(input, "prefix"), text(input, "location"))),
    };
  },
  find: async (input) => {
    const found = findRegistry(await configOf(input), text(input, "ref"));
    return found ? { found: true, ...found } : { found: false };
  },
  pullSources: async (input) => {
    const reference = parseReference(text(input, "ref"));
    const entry = findRegistry(await configOf(input), formatReference(reference));
    if (!entry) throw new TypeError("no entry for the reference");
    return {
      sources: registrySources(entry, reference).sources.map((source) => ({
        ...source.endpoint,
        ref: formatReference(source.reference),
      })),
    };
  },
  load: async (input) => {
    const config = await configOf(input);
    return {
      registryCount: config.registries.length,
      locations: config.registries.map(({ location }) => location),
      unqualifiedSearch: config.unqualifiedSearchRegistries.value,
      unqualifiedSearchOrigin: config.unqualifiedSearchRegistries.origin,
      credentialHelpers: config.credentialHelpers.value,
      shortNameMode: config.shortNameMode.value,
    };
  },
  alias: async (input) => {
    const aliases = input["userAliases"] as Record<string, string>;
    const found = lookUpAlias(await configOf(input), text(input, "name"), aliases);
    return { ref: found?.value || null, origin: found?.origin ?? "" };
  },
  parseAliasValue: (input) => ({ ref: parseAliasValue(text(input, "text")) }),
  parseMode: (input) => ({ mode: parseShortNameMode(text(input, "text")) }),
  validateAliasName: (input) => {
    assertAliasName(text(input, "text"));
    return { valid: true };
  },
  isShortName: (input) => ({ short: isShortName(text(input, "text")) }),
  resolve: async (input) => {
    const { candidates } = await resolveShortName(text(input, "name"), await configOf(input), {
      ...(input["mode"] === undefined ? {} : { mode: text(input, "mode") as ShortNameMode }),
      forceDockerHub: input["forceDockerHub"] === true,
    });
    return { candidates: candidates.map(formatReference), candidateCount: candidates.length };
  },
};

/** The main file and its drop-ins on a node with CRI-O; of places the cases have the names of files only. */
async function configOf(input: VectorFields): Promise<RegistriesConf> {
  const { main, dropins = [] } = input["config"] as {
    main: string;
    dropins?: { name: string; text: string }[];
  };
  const files = dropins.map(({ name, text }) => [`${MAIN}.d/${name}`, text]);
  const node = await crioNodeOf({ [MAIN]: main, ...Object.fromEntries(files) });
  const named = (origin: string): string => (origin === MAIN ? "main" : posix.basename(origin));
  const { registries, aliases, unqualifiedSearchRegistries: search, ...others } = node.runtime.registries;
  return {
    ...others,
    registries: registries.map((each) => ({ ...each, origin: named(each.origin) })),
    aliases: new Map([...aliases].map(([name, each]) => [name, { ...each, origin: named(each.origin) }])),
    unqualifiedSearchRegistries: { ...search, origin: named(search.origin) },
  };
}

/** The words of the reference implementation for an error; a case may only want to see that there is one. */
function kindOf(message: string, expect: unknown): unknown {
  if (typeof expect === "object" && expect !== null && "error" in expect && expect.error === true)
    return true;
  return KINDS.find((each) => message.includes(each)) ?? detailed(message);
}

const KINDS = [
  "invalid condition: mirror location is unset",
  "invalid condition: both location and prefix are unset",
  "invalid condition: location is unset and prefix is not in the format: *.example.com",
  "Invalid unqualified-search-registries entry",
  "Wildcarded prefix should be in the format: *.example.com",
  "registries.conf must be in v2 format but is in v1",
  "toml syntax",
];

function detailed(message: string): string {
  if (message.startsWith("invalid location")) return "URI schemes are not supported";
  if (message.includes(": invalid location")) return "invalid location";
  return message.replace(/^main: /, "");
}

function text(input: VectorFields, key: string): string {
  const value = input[key];
  if (typeof value !== "string") throw new TypeError(`${key} is not a text`);
  return value;
}
