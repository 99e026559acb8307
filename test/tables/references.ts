/** Texts and the references they denote when normalised. */

const HEX = "4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1";

/** A text that denotes a reference. */
export interface ReferenceCase {
  text: string;
  domain: string;
  path: string;
  tag?: string;
  digest?: string;
  /** Full text, where it is not the text itself. */
  full?: string;
  /** What is shown to people. */
  familiar: string;
}

export const ACCEPTED: readonly ReferenceCase[] = [
  {
    text: "alpine",
    domain: "docker.io",
    path: "library/alpine",
    full: "docker.io/library/alpine",
    familiar: "alpine",
  },
  {
    text: "alpine:3.22",
    domain: "docker.io",
    path: "library/alpine",
    tag: "3.22",
    full: "docker.io/library/alpine:3.22",
    familiar: "alpine:3.22",
  },
  {
    text: `alpine@sha256:${HEX}`,
    domain: "docker.io",
    path: "library/alpine",
    digest: `sha256:${HEX}`,
    full: `docker.io/library/alpine@sha256:${HEX}`,
    familiar: `alpine@sha256:${HEX}`,
  },
  {
    text: `alpine:3.22@sha256:${HEX}`,
    domain: "docker.io",
    path: "library/alpine",
    tag: "3.22",
    digest: `sha256:${HEX}`,
    full: `docker.io/library/alpine:3.22@sha256:${HEX}`,
    familiar: `alpine:3.22@sha256:${HEX}`,
  },
  {
    text: "grafana/loki",
    domain: "docker.io",
    path: "grafana/loki",
    full: "docker.io/grafana/loki",
    familiar: "grafana/loki",
  },
  { text: "a/b/c", domain: "docker.io", path: "a/b/c", full: "docker.io/a/b/c", familiar: "a/b/c" },
  {
    text: "docker.io/alpine",
    domain: "docker.io",
    path: "library/alpine",
    full: "docker.io/library/alpine",
    familiar: "alpine",
  },
  {
    text: "index.docker.io/alpine",
    domain: "docker.io",
    path: "library/alpine",
    full: "docker.io/library/alpine",
    familiar: "alpine",
  },
  { text: "docker.io/library/a/b", domain: "docker.io", path: "library/a/b", familiar: "library/a/b" },
  {
    text: "quay.io/crio/signed:latest",
    domain: "quay.io",
    path: "crio/signed",
    tag: "latest",
    familiar: "quay.io/crio/signed:latest",
  },
  { text: "quay.io/library/x", domain: "quay.io", path: "library/x", familiar: "quay.io/library/x" },
  { text: "localhost/x", domain: "localhost", path: "x", familiar: "localhost/x" },
  {
    text: "localhost:5000/x:5000",
    domain: "localhost:5000",
    path: "x",
    tag: "5000",
    familiar: "localhost:5000/x:5000",
  },
  { text: "LOCALHOST/x", domain: "LOCALHOST", path: "x", familiar: "LOCALHOST/x" },
  { text: "Host/x", domain: "Host", path: "x", familiar: "Host/x" },
  { text: "host:99999999/x", domain: "host:99999999", path: "x", familiar: "host:99999999/x" },
  { text: "[::1]/x", domain: "[::1]", path: "x", familiar: "[::1]/x" },
  {
    text: "[2001:DB8::1]:443/a/b:t",
    domain: "[2001:DB8::1]:443",
    path: "a/b",
    tag: "t",
    familiar: "[2001:DB8::1]:443/a/b:t",
  },
  { text: "10.0.0.1:80/x", domain: "10.0.0.1:80", path: "x", familiar: "10.0.0.1:80/x" },
  {
    text: "xn--bcher-kva.example/x",
    domain: "xn--bcher-kva.example",
    path: "x",
    familiar: "xn--bcher-kva.example/x",
  },
  // Without a slash nothing is a host: what follows the colon is a tag.
  {
    text: "registry.example:5000",
    domain: "docker.io",
    path: "library/registry.example",
    tag: "5000",
    full: "docker.io/library/registry.example:5000",
    familiar: "registry.example:5000",
  },
  {
    text: "a_b__c/d.e---f",
    domain: "docker.io",
    path: "a_b__c/d.e---f",
    full: "docker.io/a_b__c/d.e---f",
    familiar: "a_b__c/d.e---f",
  },
  {
    text: "x:_",
    domain: "docker.io",
    path: "library/x",
    tag: "_",
    full: "docker.io/library/x:_",
    familiar: "x:_",
  },
  {
    text: "x:A.b-C_9",
    domain: "docker.io",
    path: "library/x",
    tag: "A.b-C_9",
    full: "docker.io/library/x:A.b-C_9",
    familiar: "x:A.b-C_9",
  },
  // Looks like a host but an underscore is none of a host's: the grammar takes all of it as the path.
  { text: "my_host.local/app", domain: "", path: "my_host.local/app", familiar: "my_host.local/app" },
  // Shown to people as something that would read back as another host.
  { text: "docker.io/localhost/app", domain: "docker.io", path: "localhost/app", familiar: "localhost/app" },
];

/** A text that denotes nothing, and how the refusal begins. */
export const REFUSED: readonly [text: string, message: string][] = [
  ["", "invalid reference format"],
  [" ", "invalid reference format"],
  ["/", "invalid reference format"],
  [":", "invalid reference format"],
  ["@", "invalid reference format"],
  [":tag", "invalid reference format"],
  [`@sha256:${HEX}`, "invalid reference format"],
  [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
  ["Alpine", "invalid reference format: repository name (library/Alpine) must be lowercase"],
  ["quay.io/Org/x:T", "invalid reference format: repository name (Org/x) must be lowercase"],
  ["quay.io/\u212aelvin", "invalid reference format: repository name (\u212aelvin) must be lowercase"],
  ["alpine:", "invalid reference format"],
  ["alpine:-x", "invalid reference format"],
  ["alpine:.x", "invalid reference format"],
  ["alpine:a b", "invalid reference format"],
  [`alpine:${"x".repeat(129)}`, "invalid reference format"],
  ["alpine@", "invalid reference format"],
  ["alpine@sha256", "invalid reference format"],
  ["alpine@sha256:abcd", "invalid reference format"],
  [`alpine@sha256:${HEX}:tag`, "invalid reference format"],
  [`alpine@sha256:${HEX}@sha256:${HEX}`, "invalid reference format"],
  [`alpine@sha256:${HEX.slice(1)}`, "invalid checksum digest length"],
  [`alpine@sha256:${HEX}00`, "invalid checksum digest length"],
  [`alpine@sha256:${HEX.toUpperCase()}`, "invalid checksum digest format"],
  [`alpine:3@SHA256:${HEX}`, "invalid checksum digest format"],
  [
    `alpine@SHA256:${HEX}`,
    "invalid reference format: repository name (library/alpine@SHA256) must be lowercase",
  ],
  [`alpine@md5:${HEX}`, "unsupported digest algorithm"],
  ["alpine\n", "invalid reference format"],
  ["\nalpine", "invalid reference format"],
  ["alpine:3\n", "invalid reference format"],
  ["al\0pine", "invalid reference format"],
  ["a//b", "invalid reference format"],
  ["/a", "invalid reference format"],
  ["a/", "invalid reference format"],
  ["../a", "invalid reference format"],
  ["quay.io/../a", "invalid reference format"],
  ["a..b", "invalid reference format"],
  ["a___b", "invalid reference format"],
  ["-a", "invalid reference format"],
  ["a-", "invalid reference format"],
  ["a-.b", "invalid reference format"],
  ["https://quay.io/a", "invalid reference format"],
  ["user@quay.io/a", "invalid reference format"],
  ["quay.io:port/a", "invalid reference format"],
  ["quay.io:/a", "invalid reference format"],
  ["-quay.io/a", "invalid reference format"],
  ["quay.io./a", "invalid reference format"],
  ["[::1/a", "invalid reference format"],
  ["[]/a", "invalid reference format"],
  ["[::1%25eth0]/a", "invalid reference format"],
  ["[::ffff:10.0.0.1]/a", "invalid reference format"],
  ["\u0430lpine", "invalid reference format"],
  ["al\u0301pine", "invalid reference format"],
  [`quay.io/${"a".repeat(256)}`, "repository name must not be more than 255 characters"],
];
