/** What a host may run, best first, among candidates; and specifiers with the platforms they denote. */
import type { Platform } from "../../src/core/platform.ts";

/** For each host: specifiers of what it runs with the default rule, best first, and of what it does not. */
export const RUNNABLE: readonly { host: string; runs: readonly string[]; not: readonly string[] }[] = [
  {
    host: "linux/amd64",
    runs: ["linux/amd64", "linux/386"],
    not: ["linux/amd64/v2", "linux/arm64", "windows/amd64", "linux/arm/v5", "freebsd/amd64"],
  },
  {
    host: "linux/amd64/v3",
    runs: ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"],
    not: ["linux/amd64/v4", "linux/386/sse2"],
  },
  { host: "linux/386", runs: ["linux/386"], not: ["linux/amd64"] },
  {
    host: "linux/arm/v7",
    runs: ["linux/arm", "linux/arm/v6", "linux/arm/v5"],
    not: ["linux/arm/v8", "linux/arm64", "linux/arm/v4"],
  },
  { host: "linux/arm/v5", runs: ["linux/arm/v5"], not: ["linux/arm", "linux/arm/v6", "linux/arm/v4"] },
  {
    host: "linux/arm64",
    runs: ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
    not: ["linux/arm64/v8.1", "linux/arm64/v9", "linux/arm/v9", "linux/amd64"],
  },
  {
    host: "linux/arm64/v8.2",
    runs: ["linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64", "linux/arm/v8"],
    not: ["linux/arm64/v8.3", "linux/arm64/v9"],
  },
  {
    host: "linux/arm64/v9.1",
    runs: [
      "linux/arm64/v9.1",
      "linux/arm64/v9",
      "linux/arm64/v8.6",
      "linux/arm64/v8.5",
      "linux/arm64",
      "linux/arm/v8",
    ],
    not: ["linux/arm64/v9.2", "linux/arm64/v8.7"],
  },
  {
    host: "linux/arm64/v9.9",
    runs: ["linux/arm64/v9.9", "linux/arm64/v9.8", "linux/arm64/v9", "linux/arm64/v8.9", "linux/arm64"],
    not: ["linux/arm64/v9.10", "linux/arm64/v8.10"],
  },
  // A version that is not known is just itself.
  {
    host: "linux/arm64/v8.10",
    runs: ["linux/arm64/v8.10", "linux/arm/v8"],
    not: ["linux/arm64", "linux/arm64/v8.9"],
  },
  {
    host: "linux/amd64/v999",
    runs: ["linux/amd64/v999", "linux/386"],
    not: ["linux/amd64/v998", "linux/amd64"],
  },
  { host: "linux/riscv64", runs: ["linux/riscv64"], not: ["linux/amd64"] },
  { host: "linux/s390x", runs: ["linux/s390x"], not: ["linux/s390"] },
  // Features of the host may be used, others not.
  {
    host: "linux(+a+b)/amd64",
    runs: ["linux(+a+b)/amd64", "linux(+b)/amd64", "linux/amd64"],
    not: ["linux(+a+b+c)/amd64", "linux(+c)/amd64"],
  },
  { host: "linux/amd64", runs: ["linux(5.10)/amd64"], not: ["linux(+a)/amd64"] },
  // Windows: related builds only; nothing said fits everything.
  {
    host: "windows(10.0.17763.1)/amd64",
    runs: ["windows(10.0.17763.999)/amd64", "windows/amd64", "windows(10.0.17763+win32k)/amd64"],
    not: [
      "windows(10.0.17764)/amd64",
      "windows(10.0.17762)/amd64",
      "windows(6.1.17763)/amd64",
      "linux/amd64",
    ],
  },
  {
    host: "windows(10.0.20348)/amd64",
    runs: ["windows(10.0.20348)/amd64"],
    not: ["windows(10.0.17763)/amd64", "windows(10.0.26100)/amd64", "windows(10.1.20348)/amd64"],
  },
  {
    host: "windows(10.0.26100)/amd64",
    runs: ["windows(10.0.26100)/amd64", "windows(10.0.20348)/amd64", "windows(10.0.25398)/amd64"],
    not: ["windows(10.0.20347)/amd64", "windows(10.0.26101)/amd64"],
  },
  {
    host: "windows(10.0.26200)/amd64",
    runs: ["windows(10.0.26100)/amd64", "windows(10.0.26200)/amd64"],
    not: ["windows(10.0.20348)/amd64"],
  },
  {
    host: "windows/amd64",
    runs: ["windows(10.0.17763)/amd64", "windows(nonsense)/amd64"],
    not: ["windows/arm64"],
  },
  {
    host: "windows(10.0.26100)/amd64",
    runs: ["windows/amd64"],
    not: ["windows(nonsense)/amd64", "windows(10)/amd64"],
  },
];

/** Specifiers on a host `plan9/mips`. */
export const SPECIFIERS: readonly { text: string; platform: Platform; full?: string }[] = [
  { text: "linux/amd64", platform: { os: "linux", architecture: "amd64" } },
  { text: "Linux/X86_64", platform: { os: "linux", architecture: "amd64" }, full: "linux/amd64" },
  { text: "linux/amd64/v1", platform: { os: "linux", architecture: "amd64" }, full: "linux/amd64" },
  {
    text: "linux/amd64/V3",
    platform: { os: "linux", architecture: "amd64", variant: "v3" },
    full: "linux/amd64/v3",
  },
  {
    text: "linux/arm64/8",
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
    full: "linux/arm64/v8",
  },
  {
    text: "linux/armel",
    platform: { os: "linux", architecture: "arm", variant: "v6" },
    full: "linux/arm/v6",
  },
  { text: "linux/arm", platform: { os: "linux", architecture: "arm" } },
  { text: "linux/i386/x", platform: { os: "linux", architecture: "386" }, full: "linux/386" },
  { text: "linux", platform: { os: "linux", architecture: "mips" }, full: "linux/mips" },
  { text: "macOS", platform: { os: "darwin", architecture: "mips" }, full: "darwin/mips" },
  { text: "riscv64", platform: { os: "plan9", architecture: "riscv64" }, full: "plan9/riscv64" },
  { text: "aarch64", platform: { os: "plan9", architecture: "arm64" }, full: "plan9/arm64" },
  { text: "wasi/wasm", platform: { os: "wasi", architecture: "wasm" } },
  { text: "my-os_1/my.arch_2/v.1", platform: { os: "my-os_1", architecture: "my.arch_2", variant: "v.1" } },
  {
    text: "windows(10.0.1+b+a)/amd64",
    platform: { os: "windows", architecture: "amd64", "os.version": "10.0.1", "os.features": ["b", "a"] },
    full: "windows(10.0.1+a+b)/amd64",
  },
  {
    text: "linux(%25%2b%28%29%2F+%41)/amd64",
    platform: { os: "linux", architecture: "amd64", "os.version": "%+()/", "os.features": ["A"] },
    full: "linux(%25%2B%28%29%2F+A)/amd64",
  },
  { text: "linux()", platform: { os: "linux", architecture: "mips" }, full: "linux/mips" },
];

export const REFUSED: readonly string[] = [
  "",
  " ",
  "/",
  "*",
  "linux/*",
  "nosuch",
  "nosuch(1)",
  "amd64(1)",
  "linux/",
  "/amd64",
  "linux//v8",
  "linux/arm/v7/",
  "linux/arm/v7/x",
  "linux/arm /v7",
  "linux /arm",
  "linux/arm\n",
  "linux\n",
  "lin\u00fcx/arm",
  "linux(/amd64",
  "linux)/amd64",
  "linux(1",
  "linux(1)x/amd64",
  "linux(+)/amd64",
  "linux(1+)/amd64",
  "linux(1++a)/amd64",
  "linux(a b)/amd64",
  "linux(%)/amd64",
  "linux(%2)/amd64",
  "linux(%zz)/amd64",
  "linux(%ff)/amd64",
  "linux(+%c3)/amd64",
  "linux/amd64(1)",
  "li.nux/amd64",
  "(1)/amd64",
];
