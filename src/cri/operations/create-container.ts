/**
 * Creating containers, with their images.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type ImageSpec,
  PodSandboxConfigSchema,
} from "../gen/runtime/v1/api_pb.ts";
import { ownMessage } from "./own-message.ts";
import { type ImageCredentialSource, pullImage } from "./pull-image.ts";

/** When images are pulled: each time, if they are not there, or not at all. */
export type PullPolicy = "always" | "missing" | "never";

/** How the images of a container come to be there. */
export interface ContainerImageOptions {
  pull?: PullPolicy | undefined;
  /** Credentials for pulls. */
  credentials?: ImageCredentialSource | undefined;
  /** Deadline of each pull in milliseconds. Default: none. */
  pullTimeoutMs?: number | undefined;
}

/** Options of {@link createContainer}. `timeoutMs` is for each call but pulls. `pull` is `"never"` by default. */
export interface CreateContainerOptions extends CriCallOptions, ContainerImageOptions {}

/**
 * The id of a container that has been created in a pod, and not started.
 *
 * With `pull`, the container's image and those of its mounts are pulled first, and the container gets exactly what
 * was pulled or found, by its reference, also if a tag moves meanwhile; the name that was asked for goes along as
 * `userSpecifiedImage`, by which runtimes look up policies. The configuration itself is not changed. A container
 * that the runtime makes after an abort or a deadline stays.
 *
 * @throws {TypeError} if the configuration names no image.
 * @throws {CriError} what a call fails with; see its `method`.
 */
export async function createContainer(
  cri: Pick<CriConnection, "runtime" | "image">,
  podSandboxId: string,
  config: MessageInitShape<typeof ContainerConfigSchema>,
  sandboxConfig: MessageInitShape<typeof PodSandboxConfigSchema>,
  options: CreateContainerOptions = {},
): Promise<string> {
  const { pull = "never", credentials, pullTimeoutMs, ...call } = options;
  const prepared = ownConfig(config);
  const pod = ownMessage(PodSandboxConfigSchema, sandboxConfig);
  await provideImages(cri, prepared, { ...call, pull, credentials, pullTimeoutMs, sandboxConfig: pod });
  const request = { podSandboxId, config: prepared, sandboxConfig: pod };
  return (await cri.runtime.createContainer(request, call)).containerId;
}

/** A configuration that can be changed, from the caller's, which must name an image. */
export function ownConfig(config: MessageInitShape<typeof ContainerConfigSchema>): ContainerConfig {
  const own = ownMessage(ContainerConfigSchema, config);
  if (!own.image?.image) throw new TypeError("the configuration of the container names no image");
  return own;
}

/** What {@link provideImages} needs to know. */
export interface ProvideImagesOptions extends CriCallOptions, ContainerImageOptions {
  pull: PullPolicy;
  sandboxConfig: MessageInitShape<typeof PodSandboxConfigSchema>;
}

/** Pulls the images of a configuration as the policy says, and puts what they are into it. */
export async function provideImages(
  cri: Pick<CriConnection, "image">,
  config: ContainerConfig,
  options: ProvideImagesOptions,
): Promise<void> {
  const images = [config.image, ...config.mounts.map((mount) => mount.image)];
  // An image that is there twice is the same in both places.
  const references = new Map<string, string>();
  for (const image of images) {
    if (!image || image.image === "") continue;
    const name = image.image;
    if (image.userSpecifiedImage === "") image.userSpecifiedImage = name;
    if (options.pull === "never") continue;
    const key = JSON.stringify([name, image.runtimeHandler]);
    const reference = references.get(key) ?? (await provideImage(cri, image, options));
    references.set(key, reference);
    image.image = reference;
  }
}

async function provideImage(
  cri: Pick<CriConnection, "image">,
  image: ImageSpec,
  { pull, credentials, pullTimeoutMs, sandboxConfig, ...call }: ProvideImagesOptions,
): Promise<string> {
  if (pull === "missing") {
    const found = await cri.image.imageStatus({ image }, call);
    if (found.image) return found.image.id;
  }
  return pullImage(cri, image, { ...call, credentials, sandboxConfig, timeoutMs: pullTimeoutMs });
}
