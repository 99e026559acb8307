/**
 * The answers of a misbehaving registry, before they go over the wire.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { SERVICE } from "./registry-auth.ts";
import type { RegistryMisbehaviour, StruckMisbehaviour } from "./registry-misbehaviour.ts";
import {
  errorReply,
  type RegistryErrorCode,
  type RegistryReply,
  type RegistryRequest,
} from "./registry-reply.ts";

/** An answer with its body at hand. */
export interface WholeReply {
  status: number;
  /** Lines, so that a name can come twice. */
  headers: [name: string, value: string][];
  body: Uint8Array;
  /** So many spaces follow; may be infinite. */
  extraBytes: number;
}

/** The answer to a request that a misbehaviour has met; `honest` is what the registry itself would say. */
export async function dishonestReply(
  { misbehaviour, before }: StruckMisbehaviour,
  request: RegistryRequest,
  honest: (request: RegistryRequest) => Promise<RegistryReply>,
): Promise<WholeReply> {
  const reply = inPlace(misbehaviour, request, before) ?? (await honest(asIf(misbehaviour, request, before)));
  const { corruptAt, gzip, extraBytes = 0, nextPage } = misbehaviour;
  let body = await wholeBody(misbehaviour.body ?? reply.body);
  const byte = corruptAt === undefined ? undefined : body[corruptAt];
  if (corruptAt !== undefined && byte !== undefined) {
    body = Uint8Array.from(body);
    body[corruptAt] = byte ^ 1;
  }
  const changed: Record<string, string | readonly string[] | null> = {};
  if (gzip) {
    body = gzipSync(body);
    changed["Content-Encoding"] = "gzip";
  }
  if (nextPage !== undefined) changed["Link"] = `<${textOf(nextPage, request, before)}>; rel="next"`;
  const headers = replaced(reply.headers ?? {}, { ...changed, ...misbehaviour.headers });
  return { status: reply.status, headers, body, extraBytes };
}

/** The request that is answered honestly. */
function asIf(
  { flipTo, ignoreRange }: RegistryMisbehaviour,
  request: RegistryRequest,
  before: number,
): RegistryRequest {
  let { path, headers } = request;
  const reference = flipTo?.[before % flipTo.length];
  if (reference !== undefined) {
    path = path.replace(/(\/(?:manifests|blobs|referrers)\/)[^/]+$/, (_, kind) => `${kind}${reference}`);
  }
  if (ignoreRange) {
    const { range: _, ...others } = headers;
    headers = others;
  }
  return { ...request, path, headers };
}

/** The answer that the registry gives in place of doing what it was asked to. */
function inPlace(
  misbehaviour: RegistryMisbehaviour,
  request: RegistryRequest,
  before: number,
): RegistryReply | undefined {
  const { status, retryAfter, redirectTo, realm, reply } = misbehaviour;
  if (reply) return reply(request, before);
  if (redirectTo !== undefined) {
    return { status: status ?? 307, headers: { Location: textOf(redirectTo, request, before) } };
  }
  const headers: Record<string, string> = {};
  if (realm !== undefined) headers["WWW-Authenticate"] = `Bearer realm="${realm}",service="${SERVICE}"`;
  if (retryAfter !== undefined) {
    headers["Retry-After"] = retryAfter instanceof Date ? retryAfter.toUTCString() : String(retryAfter);
  }
  const refusal = status ?? (realm !== undefined ? 401 : retryAfter !== undefined ? 429 : undefined);
  if (refusal === undefined) return undefined;
  return errorReply(refusal, CODES[refusal] ?? "UNSUPPORTED", `as asked: ${refusal}`, headers);
}

const CODES: Readonly<Record<number, RegistryErrorCode>> = {
  401: "UNAUTHORIZED",
  403: "DENIED",
  404: "NAME_UNKNOWN",
  429: "TOOMANYREQUESTS",
};

function textOf(
  text: string | ((request: RegistryRequest, met: number) => string),
  request: RegistryRequest,
  before: number,
): string {
  return typeof text === "string" ? text : text(request, before);
}

async function wholeBody(body: RegistryReply["body"] = ""): Promise<Uint8Array> {
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Header lines, with some replaced or taken away. */
function replaced(
  headers: Readonly<Record<string, string | readonly string[]>>,
  changed: Readonly<Record<string, string | readonly string[] | null>>,
): [string, string][] {
  const names = new Set(Object.keys(changed).map((name) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase()));
  return [...kept, ...Object.entries(changed)].flatMap(([name, value]) =>
    (value === null ? [] : typeof value === "string" ? [value] : value).map((line): [string, string] => [
      name,
      line,
    ]),
  );
}
