/** Which profile a container gets on a node, and which artifacts a node takes. */
import {
  acceptsIndex,
  checkProfileManifest,
  type DefiniteSeccompChoice,
  type ProfileManifest,
  profileArtifactReference,
  type ResolveSeccompInput,
  resolveSandboxSeccomp,
  resolveSeccomp,
  SeccompError,
} from "../../src/seccomp/index.ts";
import { table } from "./markdown.ts";

const V1 = "seccomp-profile.kubernetes.cri-o.io";
const V2 = "seccomp-profile.crio.io";
const ARTIFACT = "quay.io/team/profile:v1";
const OTHER = "quay.io/team/other:v1";

interface Way {
  title: string;
  pod?: string;
  container?: string;
  path?: string;
  privileged?: boolean;
  annotations?: Record<string, string>;
  image?: Record<string, string>;
  allowed?: readonly string[];
  seccompDefault?: boolean;
}

const WAYS: readonly Way[] = [
  { title: "nothing" },
  { title: "nothing, kubelet with `seccompDefault: true`", seccompDefault: true },
  { title: "`RuntimeDefault` on the Pod", pod: "RuntimeDefault" },
  {
    title: "`Unconfined` on the Pod, `RuntimeDefault` on the container",
    pod: "Unconfined",
    container: "RuntimeDefault",
  },
  { title: "`Localhost`, `localhostProfile: app.json`", container: "Localhost", path: "app.json" },
  { title: "`Unconfined`", container: "Unconfined" },
  { title: "`RuntimeDefault`, privileged", container: "RuntimeDefault", privileged: true },
  { title: `Pod annotation \`${V2}/app\``, annotations: { [`${V2}/app`]: ARTIFACT } },
  { title: `Pod annotation \`${V1}/app\``, annotations: { [`${V1}/app`]: ARTIFACT } },
  { title: `Pod annotation \`${V2}/POD\``, annotations: { [`${V2}/POD`]: ARTIFACT } },
  { title: `Pod annotation \`${V2}\``, annotations: { [V2]: ARTIFACT } },
  { title: `image annotation \`${V2}\``, image: { [V2]: ARTIFACT } },
  { title: `image annotation \`${V2}/app\``, image: { [`${V2}/app`]: ARTIFACT } },
  {
    title: `Pod annotation \`${V2}/POD\`, another on the image`,
    annotations: { [`${V2}/POD`]: ARTIFACT },
    image: { [V2]: OTHER },
  },
  {
    title: `empty Pod annotation \`${V2}/POD\`, one on the image`,
    annotations: { [`${V2}/POD`]: "" },
    image: { [V2]: ARTIFACT },
  },
  {
    title: `Pod annotation \`${V2}/app\`, and \`RuntimeDefault\``,
    annotations: { [`${V2}/app`]: ARTIFACT },
    pod: "RuntimeDefault",
  },
  {
    title: `Pod annotation \`${V2}/app\`, privileged`,
    annotations: { [`${V2}/app`]: ARTIFACT },
    privileged: true,
  },
  {
    title: `Pod annotation \`${V2}/app\`, the node allows \`${V1}\` alone`,
    annotations: { [`${V2}/app`]: ARTIFACT },
    allowed: [V1],
  },
];

const NODES: readonly [
  title: string,
  runtime: (allowed: readonly string[]) => ResolveSeccompInput["runtime"],
][] = [
  ["CRI-O 1.37", (allowed) => ({ kind: "cri-o", version: "1.37", allowedAnnotations: [...allowed] })],
  [
    "CRI-O 1.34",
    (allowed) => ({
      kind: "cri-o",
      version: "1.34",
      allowedAnnotations: allowed.filter((name) => name === V1),
    }),
  ],
  ["containerd", () => ({ kind: "containerd" })],
];

/** A row for each way to a profile, and what the container gets. */
export function wayTable(): string {
  const rows = [["said", ...NODES.map(([title]) => title)]];
  for (const way of WAYS) {
    const type = (name: string | undefined): object =>
      name === undefined
        ? {}
        : { seccompProfile: { type: name, ...(way.path ? { localhostProfile: way.path } : {}) } };
    const cells = NODES.map(([, runtime]) => {
      const choice = resolveSeccomp({
        pod: { metadata: { annotations: way.annotations ?? {} }, spec: { securityContext: type(way.pod) } },
        container: {
          name: "app",
          securityContext: { ...type(way.container), privileged: way.privileged ?? false },
        },
        imageAnnotations: way.image ?? {},
        kubelet: { seccompDefault: way.seccompDefault ?? false },
        runtime: runtime(way.allowed ?? [V1, V2]),
      });
      if (choice.kind === "ambiguous") throw new Error(`${way.title}: ambiguous`);
      return choiceText(choice);
    });
    rows.push([way.title, ...cells]);
  }
  const sandboxes = NODES.map(([, runtime]) =>
    choiceText(resolveSandboxSeccomp({ privileged: false, runtime: runtime([V1, V2]) })),
  );
  rows.push(["anything: the sandbox of the Pod", ...sandboxes]);
  return table(rows);
}

function choiceText(choice: DefiniteSeccompChoice): string {
  switch (choice.kind) {
    case "none":
      return "**no filter**";
    case "runtime-default":
      return "its own profile";
    case "localhost":
      return `the file \`${choice.path}\``;
    case "artifact":
      return choice.reference === ARTIFACT ? "the artifact" : "the other artifact";
  }
}

const VERSIONS = ["1.30", "1.33", "1.35.1", "1.36", "1.37"];
const TYPE = "application/vnd.cncf.seccomp-profile.config.v1+json";
const LAYER = { mediaType: "application/vnd.oci.image.layer.v1.tar", size: 1000, title: "seccomp.json" };
const MANIFEST: ProfileManifest = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  configMediaType: TYPE,
  layers: [LAYER],
};
const DIGEST = `sha256:${"a".repeat(64)}`;

type Check = (version: string) => boolean;

const manifest =
  (change: Partial<ProfileManifest>): Check =>
  (version) =>
    checkProfileManifest({ ...MANIFEST, ...change }, { version }).kind === "accepted";

const reference =
  (text: string): Check =>
  (version) => {
    try {
      profileArtifactReference(text, { version });
      return true;
    } catch (error) {
      if (error instanceof SeccompError) return false;
      throw error;
    }
  };

const ARTIFACTS: readonly [title: string, check: Check][] = [
  ["a short name, `profile:v1`", reference("profile:v1")],
  ["a full name without a tag", reference("quay.io/team/profile")],
  ["a tag and a digest", reference(`quay.io/team/profile:v1@${DIGEST}`)],
  ["the config of another type", manifest({ configMediaType: "application/vnd.example+json" })],
  ["a container image", manifest({ configMediaType: "application/vnd.oci.image.config.v1+json" })],
  ["an OCI index", (version) => acceptsIndex("index", { version })],
  ["a Docker manifest list", (version) => acceptsIndex("list", { version })],
  ["no layer", manifest({ layers: [] })],
  ["a second layer, all of it below 1 MiB", manifest({ layers: [LAYER, { ...LAYER, title: "b" }] })],
  ["a first layer of 1 MiB and a byte", manifest({ layers: [{ ...LAYER, size: 1_048_577 }] })],
  ["layers above 1 MiB in sum", manifest({ layers: [LAYER, { ...LAYER, title: "b", size: 1_048_576 }] })],
  ["two layers of one title", manifest({ layers: [LAYER, LAYER] })],
  ["a title with `/`", manifest({ layers: [{ ...LAYER, title: "a/b" }] })],
];

/** A row for each oddity of an artifact, and which versions of CRI-O take it. */
export function artifactTable(): string {
  const rows = [["the artifact has", ...VERSIONS.map((version) => `CRI-O ${version}`)]];
  for (const [title, check] of ARTIFACTS) {
    rows.push([title, ...VERSIONS.map((version) => (check(version) ? "taken" : "refused"))]);
  }
  return table(rows);
}
