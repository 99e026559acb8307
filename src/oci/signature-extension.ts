/**
 * Signatures that a registry keeps itself: the extension of OpenShift's registry.
 *
 * A registry that has it says so with `X-Registry-Supports-Signatures: 1` on its answer to `/v2/`.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/signature-protocols.md}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { parseDigest } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import type { SignalOptions } from "../core/signal.ts";
import { type JsonNode, jsonError, members, parseJson, stringOf } from "../core/strict-json.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, headerOf, readBody } from "./http.ts";
import { type RepositoryPlace, repositoryAccess } from "./pull.ts";
import { displayUrl } from "./url.ts";

/** Gives the signatures that a registry keeps itself. */
export interface ExtensionSignatures {
  /**
   * The OpenPGP messages that the registry keeps for a manifest, at most 128 of them; undefined where it does not keep
   * signatures at all, which is a thing other than none. Whether it does is asked for once in the life of a client.
   *
   * Signatures of other kinds than `atomic` of version 2 are left out. Rejects with an `OciError` `ERR_OCI_PROTOCOL` for
   * what is no list of signatures or a longer one, and a `CoreError` `ERR_TOO_LARGE` for one of more than 4 MiB.
   */
  extensionSignatures(
    manifestDigest: string,
    options?: SignalOptions,
  ): Promise<readonly Uint8Array[] | undefined>;
}

const MAX_LIST_BYTES = 4 * 1024 * 1024;
const MAX_SIGNATURES = 128;

/** See {@link ExtensionSignatures.extensionSignatures}. */
export async function signaturesOfExtension(
  place: RepositoryPlace,
  manifestDigest: string,
  { signal }: SignalOptions,
): Promise<readonly Uint8Array[] | undefined> {
  const digest = parseDigest(manifestDigest);
  if (!(await hasExtension(place, signal))) return undefined;
  const url = new URL(originOf(place));
  url.pathname = `/extensions/v2/${place.path}/signatures/${digest}`;
  const answer = await place.client.request({
    ...repositoryAccess(place, ["pull"], signal),
    method: "GET",
    url,
    accept: [200],
  });
  const bytes = await collectBytes(readBody(answer, signal), { maxBytes: MAX_LIST_BYTES, signal });
  return readList(bytes, answer);
}

/** Whether the registry keeps signatures; the answer is remembered, a failure is not. */
async function hasExtension(place: RepositoryPlace, signal: AbortSignal | undefined): Promise<boolean> {
  const { signatureExtension } = place.state;
  const { root, key } = place.endpoint ?? { root: place.registry, key: "" };
  const name = `${root.origin} ${key}`;
  const known = signatureExtension.get(name);
  if (known !== undefined) return known;
  const url = new URL(originOf(place));
  url.pathname = place.endpoint ? `${root.pathname.replace(/\/+$/, "")}/` : "/v2/";
  const answer = await place.client.request({
    ...repositoryAccess(place, [], signal),
    scopes: [],
    method: "GET",
    url,
    // The answer that asks for a log-in has the header too: no token is needed to read it.
    accept: [200, 401],
  });
  await discardBody(answer);
  const supported = headerOf(answer, "x-registry-supports-signatures") === "1";
  signatureExtension.set(name, supported);
  return supported;
}

function originOf({ registry, endpoint }: RepositoryPlace): string {
  return (endpoint?.root ?? registry).origin;
}

function readList(bytes: Uint8Array, answer: HttpAnswer): Uint8Array[] {
  try {
    const list = member(parseJson(bytes, { maxBytes: MAX_LIST_BYTES, duplicateKeys: "keep" }), "signatures");
    if (!list) return [];
    if (list.kind !== "array") throw jsonError(list, "ERR_JSON_TYPE", "signatures are no list");
    if (list.items.length > MAX_SIGNATURES) {
      throw jsonError(list, "ERR_JSON_TYPE", `${list.items.length} signatures, more than ${MAX_SIGNATURES}`);
    }
    return list.items.flatMap((entry) => {
      const version = member(entry, "schemaVersion");
      if (version && version.kind !== "number") throw jsonError(version, "ERR_JSON_TYPE", "no number");
      const type = member(entry, "type");
      const content = member(entry, "content");
      const octets = content ? base64Of(content) : new Uint8Array(0);
      const isAtomic = version?.text === "2" && type !== undefined && stringOf(type) === "atomic";
      return isAtomic ? [octets] : [];
    });
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    const url = displayUrl(answer.url);
    throw new OciError("ERR_OCI_PROTOCOL", `GET ${url}: no list of signatures: ${cause.message}`, {
      cause,
      url,
      method: "GET",
      statusCode: answer.status,
    });
  }
}

/** A member, whatever the case of its name; null is none. */
function member(node: JsonNode, name: string): JsonNode | undefined {
  const found = members(node).filter(({ key }) => key.toLowerCase() === name.toLowerCase());
  const [first, second] = found;
  if (second) throw jsonError(second.value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${second.key}`);
  return first && first.value.kind !== "null" ? first.value : undefined;
}

function base64Of(node: JsonNode): Uint8Array {
  const text = stringOf(node).replace(/[\r\n]/g, "");
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw jsonError(node, "ERR_JSON_TYPE", "illegal base64 data");
  }
  return Buffer.from(text, "base64");
}
