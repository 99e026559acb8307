/**
 * Lists of the in-process registry: tags, repositories, referrers.
 *
 * @module
 */
import { isDigest } from "../core/digest.ts";
import { OCI_INDEX } from "../core/media-types.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { artifactTypeOf } from "../oci/manifest.ts";
import type { RegistryTraits } from "./registry-behaviour.ts";
import type { RegistryContent } from "./registry-content.ts";
import { errorReply, jsonReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

const MAX_PAGE = 1000;

/** Answers `GET /v2/NAME/tags/list`. */
export function listTags(
  content: RegistryContent,
  request: RegistryRequest,
  name: string,
  { tagPages }: RegistryTraits,
): RegistryReply {
  const repository = content.repositories.get(name);
  if (!repository) return errorReply(404, "NAME_UNKNOWN", "the repository is not known to the registry");
  const tags = [...repository.tags.keys()];
  if (!tagPages) return jsonReply(200, { name, tags });
  const { entries, link } = page(tags, request);
  return jsonReply(200, { name, tags: entries }, link);
}

/** Answers `GET /v2/_catalog`. */
export function listRepositories(
  content: RegistryContent,
  request: RegistryRequest,
  { sortedQuery }: RegistryTraits,
): RegistryReply {
  const { entries, link } = page([...content.repositories.keys()], request, sortedQuery);
  return jsonReply(200, { repositories: entries }, link);
}

/** Answers `GET /v2/NAME/referrers/DIGEST`. */
export function listReferrers(
  content: RegistryContent,
  request: RegistryRequest,
  name: string,
  subject: string,
): RegistryReply {
  if (!isDigest(subject)) return errorReply(400, "DIGEST_INVALID", "the digest is malformed");
  const wanted = request.query.get("artifactType");
  const referrers: Descriptor[] = [];
  for (const manifest of content.repositories.get(name)?.manifests.values() ?? []) {
    if (manifest.value.subject?.digest !== subject) continue;
    const { mediaType, digest, size } = manifest.descriptor;
    const artifactType = artifactTypeOf(manifest);
    if (wanted !== null && artifactType !== wanted) continue;
    const { annotations } = manifest.value;
    referrers.push({
      mediaType,
      digest,
      size,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations ? { annotations } : {}),
    });
  }
  const byDigest = new Map(referrers.map((referrer) => [referrer.digest as string, referrer]));
  const { entries, link } = page([...byDigest.keys()], request);
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: entries.map((digest) => byDigest.get(digest)),
  };
  const headers = {
    "Content-Type": OCI_INDEX,
    ...link,
    ...(wanted === null ? {} : { "OCI-Filters-Applied": "artifactType" }),
  };
  return jsonReply(200, index, headers);
}

/** One page by `n` and `last`, in byte order, with the link to the next one. */
function page(
  all: string[],
  { query, path }: RegistryRequest,
  sortedQuery = false,
): { entries: string[]; link: Record<string, string> } {
  const last = query.get("last");
  const asked = query.get("n");
  const limit = asked !== null && /^[0-9]+$/.test(asked) ? Math.min(Number(asked), MAX_PAGE) : MAX_PAGE;
  const rest = all.filter((entry) => last === null || entry > last).sort();
  const entries = rest.slice(0, limit);
  const end = entries.at(-1);
  if (end === undefined || entries.length === rest.length) return { entries, link: {} };
  const next = new URLSearchParams(query);
  next.set("n", String(limit));
  next.set("last", end);
  if (sortedQuery) next.sort();
  return { entries, link: { Link: `<${path}?${next}>; rel="next"` } };
}
