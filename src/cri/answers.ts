/**
 * What an answer must have beyond its types.
 *
 * These are the checks of the kubelet's own client: an answer without an id, a reference or a URL would send the
 * caller on with an empty text.
 *
 * @see {@link https://github.com/kubernetes/cri-client/tree/v0.36.0}
 * @module
 */
import { isMessage, type Message } from "@bufbuild/protobuf";
import {
  AttachResponseSchema,
  ContainerStatusResponseSchema,
  CreateContainerResponseSchema,
  ExecResponseSchema,
  ImageStatusResponseSchema,
  PodSandboxStatusResponseSchema,
  PortForwardResponseSchema,
  PullImageResponseSchema,
  RunPodSandboxResponseSchema,
  StatusResponseSchema,
  VersionResponseSchema,
} from "./gen/runtime/v1/api_pb.ts";

/** What an answer lacks, such as `"containerId"`; undefined for one that is complete. */
export function missingIn(answer: Message): string | undefined {
  if (isMessage(answer, VersionResponseSchema)) {
    const { version, runtimeName, runtimeVersion, runtimeApiVersion } = answer;
    return firstEmpty({ version, runtimeName, runtimeVersion, runtimeApiVersion });
  }
  if (isMessage(answer, StatusResponseSchema)) {
    const conditions = answer.status?.conditions.length ?? 0;
    return conditions < 2 ? "status.conditions RuntimeReady and NetworkReady" : undefined;
  }
  if (isMessage(answer, RunPodSandboxResponseSchema)) {
    return firstEmpty({ podSandboxId: answer.podSandboxId });
  }
  if (isMessage(answer, CreateContainerResponseSchema))
    return firstEmpty({ containerId: answer.containerId });
  if (isMessage(answer, PullImageResponseSchema)) return firstEmpty({ imageRef: answer.imageRef });
  if (
    isMessage(answer, ExecResponseSchema) ||
    isMessage(answer, AttachResponseSchema) ||
    isMessage(answer, PortForwardResponseSchema)
  ) {
    return firstEmpty({ url: answer.url });
  }
  return missingInStatus(answer);
}

function missingInStatus(answer: Message): string | undefined {
  if (isMessage(answer, PodSandboxStatusResponseSchema)) {
    if (!answer.status) return undefined;
    const { id, metadata, createdAt } = answer.status;
    return firstEmpty({
      "status.id": id,
      "status.metadata.name": metadata?.name,
      "status.metadata.namespace": metadata?.namespace,
      "status.metadata.uid": metadata?.uid,
      "status.createdAt": createdAt,
    });
  }
  if (isMessage(answer, ContainerStatusResponseSchema)) {
    if (!answer.status) return undefined;
    const { id, metadata, createdAt, image, imageRef } = answer.status;
    return firstEmpty({
      "status.id": id,
      "status.metadata.name": metadata?.name,
      "status.createdAt": createdAt,
      "status.image.image": image?.image,
      "status.imageRef": imageRef,
    });
  }
  if (isMessage(answer, ImageStatusResponseSchema)) {
    if (!answer.image) return undefined;
    return firstEmpty({ "image.id": answer.image.id, "image.size": answer.image.size });
  }
  return undefined;
}

function firstEmpty(values: Readonly<Record<string, string | bigint | undefined>>): string | undefined {
  return Object.entries(values).find(([, value]) => !value)?.[0];
}
