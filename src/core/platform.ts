/**
 * Platforms: what a program or an image runs on.
 *
 * ```text
 * specifier  = os-part / architecture / os-part "/" architecture [ "/" variant ]
 * os-part    = os [ "(" [ version ] *( "+" feature ) ")" ]
 * os         = 1*( ALPHA / DIGIT / "_" / "-" )
 * version    = 1*option
 * feature    = 1*option
 * option     = ALPHA / DIGIT / "_" / "." / "-" / "%" 2HEXDIG
 * architecture, variant = 1*( ALPHA / DIGIT / "_" / "." / "-" )
 * ```
 *
 * A word on its own is an operating system if it is a known one, otherwise an architecture if that is known;
 * the other half is the host's. In a version or feature the characters `% + ( ) /` are written as `%25 %2B %28
 * %29 %2F`.
 *
 * The host is always an argument: nothing here asks the running process what it is.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md#image-index-property-descriptions}
 * @see {@link https://github.com/containerd/platforms/blob/v1.0.0-rc.1/platforms.go}
 * @module
 */
import { CoreError } from "./errors.ts";

/** A platform, with the field names of an image index. */
export interface Platform {
  /** Operating system as Go names it, such as `linux`. */
  os: string;
  /** CPU architecture as Go names it, such as `amd64`. */
  architecture: string;
  /** Version of the CPU architecture, such as `v7`. */
  variant?: string | undefined;
  /** Version of the operating system, such as `10.0.20348.768`. */
  "os.version"?: string | undefined;
  /** Features that the operating system must have, such as `win32k`. */
  "os.features"?: readonly string[] | undefined;
  /** Reserved by the image spec; only compared, never interpreted. */
  features?: readonly string[] | undefined;
}

const KNOWN_OS: ReadonlySet<string> = new Set(
  (
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris " +
    "windows zos"
  ).split(" "),
);
const KNOWN_ARCHITECTURES: ReadonlySet<string> = new Set(
  (
    "386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 " +
    "mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm"
  ).split(" "),
);

const OPTION = "[A-Za-z0-9_.%-]";
const OS_PART = new RegExp(`^([A-Za-z0-9_-]+)(?:\\((${OPTION}*)((?:\\+${OPTION}+)*)\\))?$`);
const PART = /^[A-Za-z0-9_.-]+$/;
const MAX_TEXT_LENGTH = 4096;

/**
 * The platform that a specifier denotes, such as `linux/arm64`, `arm`, `windows(10.0.17763)/amd64`.
 *
 * Names are normalised ({@link normalizePlatform}), except that `v7` of arm stays unsaid and `v8` of arm64 is
 * kept if it was written. Whether such a platform exists is not checked where both halves are given.
 *
 * @param host Gives the half that the specifier leaves out.
 * @throws {CoreError} `ERR_PLATFORM_INVALID` for anything else.
 */
export function parsePlatform(specifier: string, host: Platform): Platform {
  const parts = specifier.length > MAX_TEXT_LENGTH ? [] : specifier.split("/");
  const [first = "", architecture, variant] = parts;
  const match = OS_PART.exec(first);
  if (!match || parts.length > 3 || parts.slice(1).some((part) => !PART.test(part))) {
    throw invalid("invalid platform specifier", specifier);
  }
  const [, name = "", version = "", features = ""] = match;
  const os = normalizeOs(name);
  const options = osOptions(version, features, specifier);
  if (architecture === undefined) return { ...fromWord(first, os, host, specifier), ...options };
  const normal = normalizeArchitecture(architecture, variant ?? "");
  if (variant === undefined) return { os, ...withoutDefaultArm(normal), ...options };
  if (normal.architecture === "arm64" && normal.variant === undefined) normal.variant = "v8";
  return { os, ...normal, ...options };
}

/**
 * The short specifier of a platform: `os/architecture/variant`, and `unknown` without an os.
 *
 * Version and features of the operating system are left out.
 */
export function formatPlatform({ os, architecture, variant }: Partial<Platform>): string {
  if (!os) return "unknown";
  return [os, architecture, variant].filter((part) => part).join("/");
}

/**
 * The complete specifier of a platform: `os(version+features)/architecture/variant`, and `unknown` without an
 * os. Features are sorted, empty ones left out.
 */
export function formatPlatformFull(platform: Partial<Platform>): string {
  const { os, "os.version": version = "", "os.features": features = [] } = platform;
  if (!os) return "unknown";
  const named = features.filter((feature) => feature !== "").sort();
  const options = [version, ...named].map(escapeOption).join("+");
  return formatPlatform({ ...platform, os: options === "" ? os : `${os}(${options})` });
}

/**
 * The platform in canonical spelling: `Linux/x86_64` is `linux/amd64`, `arm64/v8` is `arm64`.
 *
 * Features of the operating system are sorted and named once. Unknown names are kept, in lower case; an empty
 * field is left out, an empty `os` or `architecture` kept.
 */
export function normalizePlatform(platform: Platform): Platform {
  const { "os.version": version, "os.features": osFeatures = [], features = [] } = platform;
  const normal: Platform = {
    os: normalizeOs(platform.os),
    ...normalizeArchitecture(platform.architecture, platform.variant ?? ""),
  };
  if (version) normal["os.version"] = version;
  if (osFeatures.length > 0) normal["os.features"] = [...new Set(osFeatures)].sort();
  if (features.length > 0) normal.features = features;
  return normal;
}

/** Whether two platforms are the same as written, without normalising; features in any order. */
export function equalPlatforms(a: Platform, b: Platform): boolean {
  return (
    a.os === b.os &&
    a.architecture === b.architecture &&
    (a.variant ?? "") === (b.variant ?? "") &&
    (a["os.version"] ?? "") === (b["os.version"] ?? "") &&
    sameList(a["os.features"], b["os.features"]) &&
    sameList(a.features, b.features)
  );
}

/**
 * The CPU variant that a kernel's machine name tells: `8` for `aarch64`, `7` for `armv7l`.
 *
 * @throws {CoreError} `ERR_PLATFORM_INVALID` for a machine that is no ARM, or an ARM before v3 or after v8.
 */
export function cpuVariantFromMachine(machine: string): string {
  const name = machine.toLowerCase();
  const variant = name === "aarch64" ? "8" : /^armv([3-8])/.exec(name)?.[1];
  if (variant === undefined) throw invalid("no CPU variant known for the machine", machine);
  return variant;
}

type Cpu = Pick<Platform, "architecture" | "variant">;

function fromWord(word: string, os: string, host: Platform, specifier: string): Platform {
  if (KNOWN_OS.has(os)) return { os, ...withoutDefaultArm(pickCpu(host)) };
  const normal = normalizeArchitecture(word, "");
  if (!KNOWN_ARCHITECTURES.has(normal.architecture)) {
    throw invalid("unknown operating system or architecture", specifier);
  }
  return { os: host.os, ...withoutDefaultArm(normal) };
}

/** A host's variant counts only on arm, as there it is what the kernel tells. */
function pickCpu({ architecture, variant }: Platform): Cpu {
  return architecture === "arm" && variant ? { architecture, variant } : { architecture };
}

function withoutDefaultArm({ architecture, variant }: Cpu): Cpu {
  if (!variant || (architecture === "arm" && variant === "v7")) return { architecture };
  return { architecture, variant };
}

function osOptions(version: string, features: string, specifier: string): Partial<Platform> {
  const options: Partial<Platform> = {};
  if (version !== "") options["os.version"] = unescapeOption(version, specifier);
  if (features !== "") {
    options["os.features"] = features
      .slice(1)
      .split("+")
      .map((feature) => unescapeOption(feature, specifier));
  }
  return options;
}

function unescapeOption(option: string, specifier: string): string {
  try {
    return decodeURIComponent(option);
  } catch (cause) {
    throw new CoreError("ERR_PLATFORM_INVALID", "invalid escape in a platform specifier", {
      cause,
      input: specifier,
    });
  }
}

function escapeOption(option: string): string {
  return option.replace(
    /[%+()/]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

function normalizeOs(os: string): string {
  const name = os.toLowerCase();
  return name === "macos" ? "darwin" : name;
}

function normalizeArchitecture(architecture: string, variant: string): Cpu {
  const name = architecture.toLowerCase();
  const version = variant.toLowerCase();
  switch (name) {
    case "i386":
      return { architecture: "386" };
    case "x86_64":
    case "x86-64":
    case "amd64":
      return cpu("amd64", version === "v1" ? "" : version);
    case "aarch64":
    case "arm64":
      return cpu("arm64", ARM64_VARIANTS.get(version) ?? version);
    case "armhf":
      return cpu("arm", "v7");
    case "armel":
      return cpu("arm", "v6");
    case "arm":
      return cpu("arm", ARM_VARIANTS.get(version) ?? version);
    default:
      return cpu(name, version);
  }
}

const ARM64_VARIANTS: ReadonlyMap<string, string> = new Map([
  ["8", ""],
  ["v8", ""],
  ["v8.0", ""],
  ["9", "v9"],
  ["9.0", "v9"],
  ["v9.0", "v9"],
]);
const ARM_VARIANTS: ReadonlyMap<string, string> = new Map([
  ["", "v7"],
  ["5", "v5"],
  ["6", "v6"],
  ["7", "v7"],
  ["8", "v8"],
]);

function cpu(architecture: string, variant: string): Cpu {
  return variant === "" ? { architecture } : { architecture, variant };
}

function sameList(a: readonly string[] = [], b: readonly string[] = []): boolean {
  const [x, y] = [[...a].sort(), [...b].sort()];
  return x.length === y.length && x.every((item, index) => item === y[index]);
}

function invalid(message: string, input: string): CoreError {
  return new CoreError("ERR_PLATFORM_INVALID", `${message}: ${JSON.stringify(input.slice(0, 256))}`, {
    input,
  });
}
