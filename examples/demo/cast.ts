/** What the demo's story is about: a registry, an image, a profile, keys, and the policies of a node. */
import type { Digest } from "lading";
import {
  createLayer,
  createRegistry,
  type ImageGraph,
  packImage,
  packSeccompProfile,
  pushImage,
  type Registry,
} from "lading/oci";
import {
  type Authorities,
  attachSignatures,
  createAuthorities,
  DEFAULT_OIDC_ISSUER,
  type ProgramArchitecture,
  pauseProgram,
  signImage,
  startRegistry,
  syscallProgram,
  type TestRegistry,
} from "lading/testing";

/** Who signs images in the story. */
export const SIGNER = "build@example.com";

/** The architecture that the demo's image is for: the machine's own, or amd64 where there is no program for it. */
export const ARCHITECTURE: ProgramArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

/** System call numbers that the image's programs use, from the kernel's tables. */
const NUMBERS = {
  amd64: { getpid: 39, mkdirat: 258, personality: 135 },
  arm64: { getpid: 172, mkdirat: 34, personality: 92 },
}[ARCHITECTURE];

/** A call that is made in a container, and evaluated before that. */
export interface Call {
  name: string;
  nr: number;
  args: readonly bigint[];
}

/** The calls of the story. The image has a program for each, `/probe/NAME`. */
export const CALLS: readonly Call[] = [
  { name: "mkdirat", nr: NUMBERS.mkdirat, args: [-100n, 0n, 0o755n] },
  { name: "personality", nr: NUMBERS.personality, args: [8n] },
  { name: "getpid", nr: NUMBERS.getpid, args: [] },
];

/** The seccomp profile: everything is allowed but three calls, one of them only with a certain argument. */
const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ALLOW",
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ],
  syscalls: [
    { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errno: "EACCES" },
    { name: "personality", action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] },
    { name: "ptrace", action: "SCMP_ACT_ERRNO", excludes: { caps: ["CAP_SYS_PTRACE"] } },
  ],
});

/** Everything of the story. */
export interface Cast {
  server: TestRegistry;
  registry: Registry;
  authorities: Authorities;
  /** Repository of the images, in full. */
  app: string;
  /** Reference of the profile artifact, without a tag. */
  profile: string;
  /** Digest of the signed image. */
  signed: Digest;
  /** The policy file for a signer, as JSON. */
  policyFor(subjectEmail: string): string;
  close(): Promise<void>;
}

/** Starts the registry, pushes the image and the profile, and signs both. */
export async function prepare(): Promise<Cast> {
  const server = await startRegistry();
  const registry = createRegistry();
  const close = async () => {
    await registry.close();
    await server.close();
  };
  try {
    const authorities = createAuthorities();
    const app = `${server.host}/team/app`;
    const profile = `${server.host}/team/seccomp`;

    const artifact = packSeccompProfile(Buffer.from(PROFILE));
    for (const tag of ["pod", "container", "image"]) {
      await pushImage(registry.repository(profile), artifact, tag);
    }
    await sign(registry, authorities, profile, artifact.manifest.descriptor.digest);

    const image = await makeImage({ "seccomp-profile.crio.io": `${profile}:image` });
    const { digest: signed } = await pushImage(registry.repository(app), image, "1.0");
    await sign(registry, authorities, app, signed);

    const other = await makeImage({ "org.opencontainers.image.version": "1.1" });
    await pushImage(registry.repository(app), other, "unsigned");

    const policyFor = (subjectEmail: string) => policyFile(server.host, authorities, subjectEmail);
    return { server, registry, authorities, app, profile, signed, policyFor, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Signs what a digest names the way `cosign sign` does without a key: certificate, log, attachment by tag. */
async function sign(
  registry: Registry,
  authorities: Authorities,
  name: string,
  digest: Digest,
): Promise<void> {
  const signer = authorities.issue(SIGNER);
  const signature = signImage({ reference: name, digest, signer, authorities });
  await attachSignatures(registry.repository(name), digest, [signature]);
}

/** An image that waits, with programs that each make one system call and exit with its errno. */
async function makeImage(annotations: Record<string, string>): Promise<ImageGraph> {
  const probes = CALLS.map(({ name, nr, args }) => ({
    path: `probe/${name}`,
    mode: 0o755,
    content: syscallProgram({ architecture: ARCHITECTURE, number: nr, args }),
  }));
  const pause = { path: "pause", mode: 0o755, content: pauseProgram(ARCHITECTURE) };
  return packImage({
    platform: { os: "linux", architecture: ARCHITECTURE },
    layers: [await createLayer([pause, ...probes])],
    config: { Entrypoint: ["/pause"] },
    annotations,
  });
}

/** A containers-policy.json: images of the team need a signature of one person; everything else is rejected. */
function policyFile(host: string, authorities: Authorities, subjectEmail: string): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const signed = {
    type: "sigstoreSigned",
    fulcio: { caData: base64(authorities.rootPem), oidcIssuer: DEFAULT_OIDC_ISSUER, subjectEmail },
    rekorPublicKeyData: base64(authorities.logPublicKeyPem),
    signedIdentity: { type: "matchRepository" },
  };
  return JSON.stringify({
    default: [{ type: "reject" }],
    transports: { docker: { [`${host}/team`]: [signed] } },
  });
}
