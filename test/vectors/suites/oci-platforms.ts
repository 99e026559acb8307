/** Platforms: containerd's rules, and those of crane, oras and containers/image. */
import { isLadingError } from "../../../src/core/errors.ts";
import {
  formatCranePlatform,
  parseCranePlatform,
  satisfiesPlatform,
  wantedPlatforms,
} from "../../../src/core/peer-platform.ts";
import {
  cpuVariantFromMachine,
  equalPlatforms,
  formatPlatform,
  formatPlatformFull,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from "../../../src/core/platform.ts";
import {
  anyPlatform,
  onlyPlatform,
  onlyPlatformOs,
  onlyPlatformStrict,
  orderedPlatforms,
  type PlatformMatcher,
  sortPlatforms,
  windowsPlatform,
} from "../../../src/core/platform-match.ts";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

/** Stands for the placeholders in expectations: names that no rule knows. */
const HOST: Platform = { os: "{hostOS}", architecture: "{hostArch}" };

const suite: VectorSuite = {
  run({ input }) {
    const operation = OPERATIONS[String(input["op"])];
    if (!operation) throw new TypeError(`unknown op ${input["op"]}`);
    return operation(input);
  },
};
export default suite;

const MATCHERS: Readonly<Record<string, (host: Platform) => PlatformMatcher>> = {
  exact: onlyPlatformStrict,
  only: onlyPlatform,
  onlyStrict: onlyPlatformStrict,
  onlyOS: onlyPlatformOs,
  ordered: (host) => orderedPlatforms([host]),
  any: (host) => anyPlatform([host]),
  windows: windowsPlatform,
};

const OPERATIONS: Readonly<Record<string, (input: VectorFields) => unknown>> = {
  parse: (input) =>
    outcome("invalid-argument", () => {
      const platform = parsePlatform(String(input["specifier"]), HOST);
      return { platform, format: formatPlatform(platform), formatFull: formatPlatformFull(platform) };
    }),
  format: (input) => ({ text: formatPlatform(input["platform"] as Partial<Platform>) }),
  formatFull: (input) => {
    const platform = platformOf(input["platform"]);
    const text = formatPlatformFull(platform);
    return { text, roundTrips: equalPlatforms(parsePlatform(text, HOST), platform) };
  },
  normalise: (input) => ({ platform: normalizePlatform(platformOf(input["platform"])) }),
  match: (input) => {
    const [host, candidate] = [platformOf(input["host"]), platformOf(input["candidate"])];
    const name = String(input["matcher"]);
    if (name === "orasSubset" || name === "ggcrSatisfies")
      return { match: satisfiesPlatform(candidate, host) };
    return { match: matcherOf(name, host).match(candidate) };
  },
  order: (input) => {
    const matcher = matcherOf(String(input["matcher"]), platformOf(input["host"]));
    const written = input["candidates"] as JsonValue[];
    const sorted = sortPlatforms(
      matcher,
      written.map((each) => ({ ...platformOf(each), written: each })),
    );
    const order = sorted.map((each) => each.written);
    return { order, first: order[0] };
  },
  equals: (input) => ({ equal: equalPlatforms(platformOf(input["a"]), platformOf(input["b"])) }),
  wantedPlatforms: (input) => ({ platforms: wantedPlatforms(platformOf(input)) }),
  cpuVariantFromMachine: (input) =>
    outcome("invalid-argument", () => ({ variant: cpuVariantFromMachine(String(input["machine"])) })),
  ggcrString: (input) => ({ text: formatCranePlatform(input["platform"] as Partial<Platform>) }),
  ggcrParse: (input) =>
    outcome(
      "too-many-slashes",
      () => ({ platform: parseCranePlatform(String(input["specifier"])) }),
      "too many slashes",
    ),
};

function matcherOf(name: string, host: Platform): PlatformMatcher {
  const create = MATCHERS[name];
  if (!create) throw new TypeError(`unknown matcher ${name}`);
  return create(host);
}

function platformOf(value: JsonValue | undefined): Platform {
  if (typeof value === "string") return parsePlatform(value, HOST);
  return value as unknown as Platform;
}

/** An error counts as of a kind by its code and, where given, a part of its message. */
function outcome(kind: string, run: () => object, text?: string): object {
  try {
    return run();
  } catch (error) {
    if (!isLadingError(error)) throw error;
    const right = error.code === "ERR_PLATFORM_INVALID" && (!text || error.message.includes(text));
    return { error: right ? kind : error.message };
  }
}
