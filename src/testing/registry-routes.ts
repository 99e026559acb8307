/**
 * From a request's path to the part of the in-process registry that answers it.
 *
 * @module
 */
import { isRepositoryPath } from "../oci/tag.ts";
import type { NeededAccess, RegistryGuard } from "./registry-auth.ts";
import { answerBlob } from "./registry-blobs.ts";
import type { RegistryContent } from "./registry-content.ts";
import { listReferrers, listRepositories, listTags } from "./registry-lists.ts";
import { answerManifest } from "./registry-manifests.ts";
import { errorReply, jsonReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";
import { answerUpload, startUpload } from "./registry-uploads.ts";

/** How the registry answers. */
export interface RouteSettings {
  referrers: "api" | "off" | "announced-only";
  locationPrefix: string;
  allowMissing: boolean;
  maxManifestBytes: number;
  maxBlobBytes: number;
  maxStoredBytes: number;
}

const ROUTE =
  /^\/v2\/(.+?)\/(?:(blobs|manifests|referrers)\/([^/]+)|blobs\/(uploads)\/([^/]*)|tags\/(list))$/;
const WRITES = ["POST", "PUT", "PATCH"];

/** Answers one request. */
export function answerRequest(
  content: RegistryContent,
  guard: RegistryGuard,
  request: RegistryRequest,
  settings: RouteSettings,
): RegistryReply {
  const { method, path } = request;
  if (path === "/token") return guard.issue(request);
  if (path === "/v2/" || path === "/v2") {
    return guard.refuse(request, { name: "", actions: [] }) ?? jsonReply(200, {});
  }
  if (path === "/v2/_catalog") {
    const needed: NeededAccess = { type: "registry", name: "catalog", actions: ["*"] };
    return guard.refuse(request, needed) ?? listRepositories(content, request);
  }
  const match = ROUTE.exec(path);
  const name = match?.[1];
  if (!match || name === undefined)
    return { status: 404, headers: { "Content-Type": "text/plain" }, body: "404\n" };
  if (!isRepositoryPath(name)) return errorReply(400, "NAME_INVALID", "the name is malformed");
  const refusal = guard.refuse(request, { type: "repository", name, actions: actionsFor(method) });
  if (refusal) return refusal;
  if (WRITES.includes(method) && content.storedBytes + request.body.byteLength > settings.maxStoredBytes) {
    return errorReply(507, "DENIED", "the registry is full");
  }
  return answerRepository(content, guard, request, settings, name, match);
}

function actionsFor(method: string): string[] {
  if (method === "DELETE") return ["delete"];
  return WRITES.includes(method) ? ["pull", "push"] : ["pull"];
}

function answerRepository(
  content: RegistryContent,
  guard: RegistryGuard,
  request: RegistryRequest,
  settings: RouteSettings,
  name: string,
  [, , kind, reference = "", uploads, session = "", tags]: RegExpExecArray,
): RegistryReply {
  if (tags) return listTags(content, request, name);
  if (uploads || (kind === "blobs" && reference === "uploads")) {
    const mayRead = (repository: string): boolean =>
      guard.may(request, { type: "repository", name: repository, actions: ["pull"] });
    const { locationPrefix, maxBlobBytes } = settings;
    const uploadSettings = { locationPrefix, maxBlobBytes, mayRead };
    if (session !== "") return answerUpload(content, request, name, session, uploadSettings);
    return request.method === "POST"
      ? startUpload(content, request, name, uploadSettings)
      : errorReply(405, "UNSUPPORTED", `${request.method} of uploads`);
  }
  switch (kind) {
    case "blobs":
      return answerBlob(content, request, name, reference);
    case "manifests": {
      const { maxManifestBytes, allowMissing, referrers } = settings;
      const announceSubject = referrers !== "off";
      return answerManifest(content, request, name, reference, {
        maxManifestBytes,
        allowMissing,
        announceSubject,
      });
    }
    default:
      return settings.referrers === "api"
        ? listReferrers(content, request, name, reference)
        : { status: 404, headers: { "Content-Type": "text/plain" }, body: "404 page not found\n" };
  }
}
