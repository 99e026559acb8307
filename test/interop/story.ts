/** What the end-to-end test starts from: images, profiles and signatures in a registry. */
import { digestOf } from "../../src/core/digest.ts";
import {
  type Descriptor,
  type ImageGraph,
  type LayerFile,
  packSeccompProfile,
  pushImage,
  type Registry,
} from "../../src/oci/index.ts";
import { type Authorities, attachSignatures, pauseProgram, signImage } from "../../src/testing/index.ts";
import { buildImage, hostArchitecture, program } from "./images.ts";
import { ALLOW_LIST, CALLS, DENY_LIST, programOf } from "./profiles.ts";

/** What was published. */
export interface PublishedStory {
  /** Name of the repository with the signed image under the tag `v1`. */
  app: string;
  /** Manifest of the signed image, which names the deny list in an annotation. */
  image: Descriptor;
  configDigest: string;
  /** Manifest that carries the image's signature. */
  signatures: Descriptor;
  payloadDigest: string;
  /** Manifest of another image in the same repository, under the tag `unsigned`. */
  unsignedImage: Descriptor;
  /** Name of a repository without signatures that has the signed image under the tag `v1`. */
  unsigned: string;
  /** Reference with digest of the artifact with the allow list, signed. */
  allowList: string;
  /** Reference with digest of an artifact that nobody signed. */
  unsignedProfile: string;
}

/** Who signs. */
export interface PublishOptions {
  authorities: Authorities;
  email: string;
}

/** Makes images and profiles, pushes them to a registry, and signs them there. */
export async function publishStory(
  registry: Registry,
  host: string,
  { authorities, email }: PublishOptions,
): Promise<PublishedStory> {
  const push = (name: string, graph: ImageGraph, tag: string) =>
    pushImage(registry.repository(name), graph, tag);
  const sign = async (reference: string, { digest }: Descriptor) => {
    const signer = authorities.issue(email);
    const signature = signImage({ reference, digest, signer, authorities });
    const store = registry.repository(reference);
    return { signature, manifest: await attachSignatures(store, digest, [signature]) };
  };

  const profiles = `${host}/team/profiles`;
  const pushProfile = async (text: string, tag: string) => {
    const descriptor = await push(profiles, packSeccompProfile(Buffer.from(text)), tag);
    return { descriptor, reference: `${profiles}@${descriptor.digest}` };
  };
  const denyList = await pushProfile(DENY_LIST.text, "deny");
  const allowList = await pushProfile(ALLOW_LIST.text, "allow");
  for (const { descriptor } of [denyList, allowList]) await sign(profiles, descriptor);
  const unsignedProfile = await pushProfile('{"defaultAction":"SCMP_ACT_ALLOW"}', "unsigned");

  const app = `${host}/team/app`;
  const signed = await buildStoryImage({ "seccomp-profile.crio.io": denyList.reference });
  const image = await push(app, signed, "v1");
  const { signature, manifest: signatures } = await sign(app, image);
  const unsignedImage = await push(app, await buildStoryImage({ by: "somebody else" }), "unsigned");
  const unsigned = `${host}/team/unsigned`;
  await push(unsigned, signed, "v1");

  return {
    app,
    image,
    configDigest: signed.blobs[0]?.descriptor.digest ?? "",
    signatures,
    payloadDigest: digestOf(signature.payload),
    unsignedImage,
    unsigned,
    allowList: allowList.reference,
    unsignedProfile: unsignedProfile.reference,
  };
}

/** An image that waits, and has a program for each of the system calls. */
function buildStoryImage(annotations: Readonly<Record<string, string>>): Promise<ImageGraph> {
  const architecture = hostArchitecture();
  const files: LayerFile[] = [
    program("pause", pauseProgram(architecture)),
    ...Object.entries(CALLS).map(([name, call]) => program(`bin/${name}`, programOf(call, architecture))),
  ];
  return buildImage({ files, entrypoint: ["/pause"], annotations });
}
