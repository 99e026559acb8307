/**
 * Pulling images.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { type AuthConfigSchema, ImageSpecSchema, PodSandboxConfigSchema } from "../gen/runtime/v1/api_pb.ts";
import { ownMessage } from "./own-message.ts";

/** Credentials for a registry. Leave `serverAddress` empty unless it is a URL with the host of the registry. */
export type ImageCredentials = MessageInitShape<typeof AuthConfigSchema>;

/** Credentials, or a function that finds those for an image, such as in a credential file; undefined: none. */
export type ImageCredentialSource =
  | ImageCredentials
  | ((
      image: string,
      options: SignalOptions,
    ) => ImageCredentials | undefined | Promise<ImageCredentials | undefined>);

/** Options of {@link pullImage}. There is no time limit unless `timeoutMs` sets one. */
export interface PullImageOptions extends CriCallOptions {
  credentials?: ImageCredentialSource | undefined;
  /** The pod that the image is for; some runtimes find registries or policies by it. */
  sandboxConfig?: MessageInitShape<typeof PodSandboxConfigSchema> | undefined;
  /** Annotations of the request, before those that the image has itself. */
  annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * The reference of the image that the runtime has pulled: its id with runtimes since CRI 0.36, with older ones that or
 * a digest with the repository.
 *
 * The name is handed over as it is: the runtime has its own rules for short names. Whether a policy for signatures
 * was applied is the runtime's affair; `reason` `SignatureValidationFailed` of an error says that it was.
 *
 * @throws {CriError} what the call fails with; in `reason`, why, where the runtime says so. Credentials are in none of
 * its fields.
 */
export async function pullImage(
  cri: Pick<CriConnection, "image">,
  image: string | MessageInitShape<typeof ImageSpecSchema>,
  options: PullImageOptions = {},
): Promise<string> {
  const { credentials, sandboxConfig, annotations = {}, ...call } = options;
  call.signal?.throwIfAborted();
  const spec = ownMessage(ImageSpecSchema, typeof image === "string" ? { image } : image);
  spec.annotations = { ...annotations, ...spec.annotations };
  const pod = sandboxConfig && ownMessage(PodSandboxConfigSchema, sandboxConfig);
  const auth = await credentialsFor(spec.image, credentials, call.signal);
  const { imageRef } = await cri.image.pullImage(
    { image: spec, ...(auth ? { auth } : {}), ...(pod ? { sandboxConfig: pod } : {}) },
    call,
  );
  return imageRef;
}

async function credentialsFor(
  image: string,
  source: ImageCredentialSource | undefined,
  signal: AbortSignal | undefined,
): Promise<ImageCredentials | undefined> {
  if (typeof source !== "function") return source;
  return raceSignal(Promise.resolve(source(image, { signal })), signal);
}
