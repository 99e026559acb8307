/**
 * Fulcio and Rekor over HTTP on the loopback interface, for whatever signs without a key to keep.
 *
 * They do what their clients see: Fulcio checks token and proof of possession before it certifies, Rekor checks the
 * form of an entry, answers 409 to one that it has, and hands out entries by their name.
 *
 * @see {@link https://github.com/sigstore/fulcio/blob/v1.7.1/fulcio.proto}
 * @see {@link https://github.com/sigstore/rekor/blob/v1.4.2/openapi.yaml}
 * @module
 */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Authorities, IssueOptions, SignedLogEntry } from "../authorities.ts";
import type { CertificateLog } from "../certificate-log.ts";
import { createIdentityProvider, type IdentityProvider } from "./identity-provider.ts";

/** A request as a service got it. */
export interface ServiceRequestLogEntry {
  method: string;
  /** Path and query. */
  url: string;
  headers: Readonly<IncomingMessage["headers"]>;
  /** The body as text. */
  body: string;
}

/** An answer of a service. */
export interface ServiceReply {
  status: number;
  headers?: Readonly<Record<string, string>> | undefined;
  /** A text as it is, or anything else as JSON. */
  body?: unknown;
}

/** Answers in place of a service; nothing leaves the request to it, a promise that never settles leaves it waiting. */
export type ServiceInterception = (
  request: ServiceRequestLogEntry,
) => ServiceReply | undefined | Promise<ServiceReply | undefined>;

/** Options of {@link startSigningServices}. */
export interface SigningServicesOptions {
  /** Who vouches for those who sign. Default: a new one. */
  identityProvider?: IdentityProvider | undefined;
  /** What is to be different about certificates that Fulcio issues. */
  issue?: IssueOptions | undefined;
  /** Puts its timestamp (SCT) into certificates. Default: they have none. */
  certificateLog?: CertificateLog | undefined;
  /** Changes the chain that Fulcio answers, leaf first, as PEM. */
  changeChain?: ((certificates: readonly string[]) => readonly string[]) | undefined;
  /** Changes an entry that Rekor answers. */
  changeEntry?: ((entry: SignedLogEntry) => SignedLogEntry) | undefined;
  /** Answers in place of Fulcio. */
  interceptFulcio?: ServiceInterception | undefined;
  /** Answers in place of Rekor. */
  interceptRekor?: ServiceInterception | undefined;
}

/** Services that are running. */
export interface SigningServices {
  readonly identityProvider: IdentityProvider;
  /** Where Fulcio is. */
  readonly fulcioUrl: string;
  /** Where Rekor is. */
  readonly rekorUrl: string;
  /** What each was asked, in order. */
  readonly requests: {
    readonly fulcio: readonly ServiceRequestLogEntry[];
    readonly rekor: readonly ServiceRequestLogEntry[];
  };
  /** Stops listening, and breaks open connections. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Starts both services, each on a free loopback port. They must be closed; until then they keep the process alive.
 */
export async function startSigningServices(
  authorities: Authorities,
  options: SigningServicesOptions = {},
): Promise<SigningServices> {
  const { identityProvider = createIdentityProvider() } = options;
  const requests = { fulcio: [] as ServiceRequestLogEntry[], rekor: [] as ServiceRequestLogEntry[] };
  const entries = new Map<string, SignedLogEntry>();
  const fulcio = await listen(requests.fulcio, options.interceptFulcio, (request) =>
    answerFulcio(request, authorities, identityProvider, options),
  );
  const rekor = await listen(requests.rekor, options.interceptRekor, (request) =>
    answerRekor(request, authorities, entries, options),
  );
  const close = async (): Promise<void> => {
    await Promise.all([fulcio, rekor].map(stop));
  };
  return {
    identityProvider,
    fulcioUrl: urlOf(fulcio),
    rekorUrl: urlOf(rekor),
    requests,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function answerFulcio(
  { method, url, body }: ServiceRequestLogEntry,
  authorities: Authorities,
  identityProvider: IdentityProvider,
  { issue = {}, certificateLog, changeChain = (chain) => chain }: SigningServicesOptions,
): ServiceReply {
  if (method !== "POST" || url !== "/api/v2/signingCert") return refusal(404, "no such path");
  const asked = readRequest(body);
  if (!asked) return refusal(400, "the request is malformed");
  const claims = identityProvider.verify(asked.token);
  if (!claims) return refusal(401, "There was an error processing the identity token");
  const name = claims["email"] ?? claims["sub"];
  if (typeof name !== "string") return refusal(400, "the token names nobody");
  if (!verify("sha256", Buffer.from(name), asked.publicKey, asked.proof)) {
    return refusal(400, "The signature supplied in the request could not be verified");
  }
  const { issuer: oidcIssuer } = identityProvider;
  const { certificatePem, chainPem } = authorities.issue(name, {
    oidcIssuer,
    key: asked.publicKey,
    ...issue,
  });
  const leafPem = certificateLog
    ? certificateLog.embed({ der: derOf(certificatePem) }, authorities.issuer, Date.now()).pem
    : certificatePem;
  const certificates = changeChain([leafPem, ...splitPem(chainPem)]);
  return { status: 200, body: { signedCertificateEmbeddedSct: { chain: { certificates } } } };
}

function readRequest(body: string): { token: string; publicKey: KeyObject; proof: Buffer } | undefined {
  try {
    const { credentials, publicKeyRequest } = JSON.parse(body);
    return {
      token: String(credentials.oidcIdentityToken),
      publicKey: createPublicKey(String(publicKeyRequest.publicKey.content)),
      proof: Buffer.from(String(publicKeyRequest.proofOfPossession), "base64"),
    };
  } catch {
    return undefined;
  }
}

function answerRekor(
  { method, url, body }: ServiceRequestLogEntry,
  authorities: Authorities,
  entries: Map<string, SignedLogEntry>,
  { changeEntry = (entry) => entry }: SigningServicesOptions,
): ServiceReply {
  const path = "/api/v1/log/entries";
  if (method === "GET" && url.startsWith(`${path}/`)) {
    const id = url.slice(path.length + 1);
    const entry = entries.get(id);
    return entry ? { status: 200, body: entryBody(id, changeEntry(entry)) } : refusal(404, "no such entry");
  }
  if (method !== "POST" || url !== path) return refusal(404, "no such path");
  const canonical = canonicalBody(body);
  if (!canonical) return refusal(400, "the entry is malformed");
  const id = createHash("sha256").update(JSON.stringify(canonical)).digest("hex");
  if (entries.has(id)) {
    const message = "an equivalent entry already exists in the transparency log";
    return { status: 409, headers: { Location: `${path}/${id}` }, body: { code: 409, message } };
  }
  const entry = authorities.logEntry(canonical);
  entries.set(id, entry);
  return { status: 201, headers: { Location: `${path}/${id}` }, body: entryBody(id, changeEntry(entry)) };
}

/** The entry with its members in the order in which the log signs them; nothing for another kind of entry. */
function canonicalBody(text: string): unknown {
  try {
    const { apiVersion, kind, spec } = JSON.parse(text);
    const { algorithm, value } = spec.data.hash;
    const { content, publicKey } = spec.signature;
    const texts = [algorithm, value, content, publicKey.content];
    if (
      kind !== "hashedrekord" ||
      apiVersion !== "0.0.1" ||
      !texts.every((each) => typeof each === "string")
    ) {
      return undefined;
    }
    const signature = { content, publicKey: { content: publicKey.content } };
    return { apiVersion, kind, spec: { data: { hash: { algorithm, value } }, signature } };
  } catch {
    return undefined;
  }
}

function entryBody(id: string, { signedEntryTimestamp, ...entry }: SignedLogEntry): unknown {
  return { [id]: { ...entry, verification: { signedEntryTimestamp } } };
}

function refusal(code: number, message: string): ServiceReply {
  return { status: code, body: { code, message } };
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

function splitPem(text: string): string[] {
  return text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n/g) ?? [];
}

async function listen(
  requests: ServiceRequestLogEntry[],
  intercept: ServiceInterception | undefined,
  answer: (request: ServiceRequestLogEntry) => ServiceReply,
): Promise<Server> {
  const server = createServer((incoming, response) => {
    handle(incoming, response, requests, intercept, answer).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return server;
}

async function handle(
  incoming: IncomingMessage,
  response: ServerResponse,
  requests: ServiceRequestLogEntry[],
  intercept: ServiceInterception | undefined,
  answer: (request: ServiceRequestLogEntry) => ServiceReply,
): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new RangeError("a request that is too long");
    chunks.push(chunk);
  }
  const { method = "", url = "", headers } = incoming;
  const request = { method, url, headers, body: Buffer.concat(chunks).toString("utf8") };
  requests.push(request);
  const reply = (await intercept?.(request)) ?? answer(request);
  const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body ?? {});
  response.writeHead(reply.status, {
    "Content-Type": "application/json",
    ...reply.headers,
  });
  response.end(text);
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
