/**
 * From a request's path to the part of the in-process registry that answers it.
 *
 * @module
 */
import { isRepositoryPath } from "../oci/tag.ts";
import type { NeededAccess, RegistryGuard } from "./registry-auth.ts";
import type { RegistryTraits } from "./registry-behaviour.ts";
import { answerBlob } from "./registry-blobs.ts";
import { keptBytes, type RegistryContent } from "./registry-content.ts";
import { listReferrers, listRepositories, listTags } from "./registry-lists.ts";
import { answerManifest } from "./registry-manifests.ts";
import { errorReply, jsonReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";
import { answerUpload, startUpload, type UploadSettings } from "./registry-uploads.ts";

/** How the registry answers. */
export interface RouteSettings {
  traits: RegistryTraits;
  locationPrefix: string;
  allowMissing: boolean;
  maxManifestBytes: number;
  maxBlobBytes: number;
  maxStoredBytes: number;
  minChunkBytes: number;
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
    return (
      guard.refuse(request, needed) ??
      onlyReads(method) ??
      listRepositories(content, request, settings.traits)
    );
  }
  const match = ROUTE.exec(path);
  const name = match?.[1];
  if (!match || name === undefined) return noSuchPage();
  if (!isRepositoryPath(name)) return errorReply(400, "NAME_INVALID", "the name is malformed");
  const refusal = guard.refuse(request, { type: "repository", name, actions: actionsFor(method) });
  if (refusal) return refusal;
  if (WRITES.includes(method) && keptBytes(content) + request.body.byteLength > settings.maxStoredBytes) {
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
  const { method } = request;
  const { traits } = settings;
  if (tags) return onlyReads(method) ?? listTags(content, request, name, traits);
  if (uploads || (kind === "blobs" && reference === "uploads")) {
    const mayRead = (repository: string): boolean =>
      guard.may(request, { type: "repository", name: repository, actions: ["pull"] });
    const uploadSettings: UploadSettings = { ...settings, mayRead };
    if (session !== "") return answerUpload(content, request, name, session, uploadSettings);
    return method === "POST"
      ? startUpload(content, request, name, uploadSettings)
      : errorReply(405, "UNSUPPORTED", `${method} of uploads`);
  }
  switch (kind) {
    case "blobs":
      return answerBlob(content, request, name, reference, traits);
    case "manifests":
      return answerManifest(content, request, name, reference, settings);
    default:
      return traits.referrers === "api"
        ? (onlyReads(method) ?? listReferrers(content, request, name, reference))
        : noSuchPage();
  }
}

function onlyReads(method: string): RegistryReply | undefined {
  return method === "GET" || method === "HEAD"
    ? undefined
    : errorReply(405, "UNSUPPORTED", `${method} of a list`, { Allow: "GET, HEAD" });
}

function noSuchPage(): RegistryReply {
  return { status: 404, headers: { "Content-Type": "text/plain" }, body: "404 page not found\n" };
}
