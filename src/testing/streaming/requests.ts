/**
 * What runtimes refuse in a request for a streaming URL, with their texts.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/server.go}
 * @module
 */
import { CriError } from "../../cri/index.ts";
import type { StreamingKind, StreamingRequests } from "./types.ts";

/** @throws {CriError} `ERR_CRI_INVALID_ARGUMENT` for a request that no runtime would give a URL for. */
export function checkStreamingRequest<K extends StreamingKind>(kind: K, request: StreamingRequests[K]): void {
  if ("podSandboxId" in request) {
    if (request.podSandboxId === "") refuse("missing required pod_sandbox_id");
    return;
  }
  const { containerId, tty, stdin, stdout, stderr } = request;
  if (containerId === "") refuse("missing required container_id");
  if (tty && stderr) refuse("tty and stderr cannot both be true");
  if (!stdin && !stdout && !stderr) {
    refuse(`one of stdin, stdout, ${kind === "exec" ? "or" : "and"} stderr must be set`);
  }
}

function refuse(text: string): never {
  throw new CriError("ERR_CRI_INVALID_ARGUMENT", text, { details: text });
}
