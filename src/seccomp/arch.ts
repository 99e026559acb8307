/**
 * Architectures, and what each program calls them.
 *
 * `SCMP_ARCH_…` stands in profiles. The library libseccomp has a short name (`x86_64`), which also says how a
 * filter is built. containers-common compares a profile's `arches` with a third set of names (`amd64`), and
 * Kubernetes and Docker use Go's (`386`).
 *
 * @see {@link https://github.com/opencontainers/runtime-spec/blob/v1.2.1/config-linux.md#seccomp}
 * @module
 */
import { SeccompError } from "./errors.ts";

/** An architecture that a filter can cover. */
export interface SeccompArch {
  /** Name in profiles, such as `SCMP_ARCH_X86_64`. */
  readonly scmp: string;
  /** Name in libseccomp, such as `x86_64`. */
  readonly name: string;
  /** Name that containers-common compares with `arches`, such as `amd64`. */
  readonly native: string;
  /** Size of an argument as libseccomp compares it. */
  readonly bits: 32 | 64;
  readonly endian: "little" | "big";
  /** Whether socket and System V IPC calls can also arrive through `socketcall` and `ipc`. */
  readonly multiplexed: boolean;
}

type Row = [
  name: string,
  native: string,
  bits: 32 | 64,
  endian: "little" | "big",
  multiplexed?: "multiplexed",
];

const ROWS: readonly Row[] = [
  ["x86", "x86", 32, "little", "multiplexed"],
  ["x86_64", "amd64", 64, "little"],
  ["x32", "x32", 32, "little"],
  ["arm", "arm", 32, "little"],
  ["aarch64", "arm64", 64, "little"],
  ["loongarch64", "loong64", 64, "little"],
  ["m68k", "m68k", 32, "big", "multiplexed"],
  ["mips", "mips", 32, "big", "multiplexed"],
  ["mips64", "mips64", 64, "big"],
  ["mips64n32", "mips64n32", 32, "big"],
  ["mipsel", "mipsel", 32, "little", "multiplexed"],
  ["mipsel64", "mipsel64", 64, "little"],
  ["mipsel64n32", "mipsel64n32", 32, "little"],
  ["parisc", "parisc", 32, "big"],
  ["parisc64", "parisc64", 64, "big"],
  ["ppc", "ppc", 32, "big", "multiplexed"],
  ["ppc64", "ppc64", 64, "big", "multiplexed"],
  ["ppc64le", "ppc64le", 64, "little", "multiplexed"],
  ["riscv64", "riscv64", 64, "little"],
  ["s390", "s390", 32, "big", "multiplexed"],
  ["s390x", "s390x", 64, "big", "multiplexed"],
  ["sh", "sh", 32, "little", "multiplexed"],
  ["sheb", "sheb", 32, "big", "multiplexed"],
];

/** Every architecture that a profile may name. */
export const SECCOMP_ARCHES: readonly SeccompArch[] = ROWS.map(
  ([name, native, bits, endian, multiplexed]) => ({
    scmp: `SCMP_ARCH_${name.toUpperCase()}`,
    name,
    native,
    bits,
    endian,
    multiplexed: multiplexed !== undefined,
  }),
);

/** Go's names that are not the ones of containers-common. */
const GO_TO_NATIVE: Readonly<Record<string, string>> = {
  "386": "x86",
  mips64le: "mipsel64",
  mips64p32: "mips64n32",
  mips64p32le: "mipsel64n32",
  mipsle: "mipsel",
};

const BY_ANY_NAME: ReadonlyMap<string, SeccompArch> = new Map(
  SECCOMP_ARCHES.flatMap((arch) => [
    [arch.scmp, arch],
    [arch.name, arch],
    [arch.native, arch],
    ...Object.entries(GO_TO_NATIVE)
      .filter(([, native]) => native === arch.native)
      .map(([go]): [string, SeccompArch] => [go, arch]),
  ]),
);

/**
 * The architecture of a name, in any of the spellings: `SCMP_ARCH_X86_64`, `x86_64` or `amd64`.
 *
 * @throws {SeccompError} `ERR_SECCOMP_FILTER_INVALID` for any other text.
 */
export function seccompArch(name: string): SeccompArch {
  const arch = BY_ANY_NAME.get(name);
  if (!arch) throw new SeccompError("ERR_SECCOMP_FILTER_INVALID", `unknown architecture ${quote(name)}`);
  return arch;
}

/** The architecture that a profile's `architectures` names: `SCMP_ARCH_…`, exactly. Nothing if there is none. */
export function archOfProfile(scmp: string): SeccompArch | undefined {
  const arch = BY_ANY_NAME.get(scmp);
  return arch?.scmp === scmp ? arch : undefined;
}

/**
 * The name that containers-common compares with `arches`, for Go's name or that name itself.
 *
 * @throws {RangeError} For a text that is neither, such as `x86_64`: comparing it would silently match nothing.
 */
export function nativeArchName(arch: string): string {
  const known = BY_ANY_NAME.get(arch);
  if (!known || !(known.native === arch || GO_TO_NATIVE[arch] === known.native)) {
    throw new RangeError(`${quote(arch)} is not an architecture as Go names it, such as "amd64" or "arm64"`);
  }
  return known.native;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
