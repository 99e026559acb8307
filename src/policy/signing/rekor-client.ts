/**
 * A client of Rekor, version 1: records signatures in a transparency log, and gives its promise in the form of the
 * bundle annotation.
 *
 * @see {@link https://github.com/sigstore/rekor/blob/v1.4.2/openapi.yaml}
 * @module
 */
import { digestHex, digestOf } from "../../core/digest.ts";
import { integerOf, type JsonNode, members, stringOf } from "../../core/strict-json.ts";
import { decodeBase64 } from "../base64.ts";
import { PolicyError } from "../errors.ts";
import { nextPemBlock, pemText } from "../pem.ts";
import type { LoggedSignature } from "../rekor.ts";
import { parseEntryBody } from "../rekor-entry.ts";
import {
  failed,
  readAnswer,
  requestService,
  type ServiceAnswer,
  type SigningService,
  type SigningServiceOptions,
  signingService,
} from "./service-request.ts";
import type { TransparencyLog } from "./sign-payload.ts";

/** Options of {@link createRekorClient}. */
export interface RekorClientOptions extends SigningServiceOptions {
  /**
   * PEM of the log's key: what policies name as `rekorPublicKeyData`. Where it is given each promise is verified; without
   * it, only that the entry is the one that was asked for.
   */
  publicKey?: string | undefined;
}

const PATH = "/api/v1/log/entries";
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * A Rekor as a log.
 *
 * A signature that is in the log already gets the promise of then. Its `record` rejects with
 * `ERR_POLICY_SIGNING_SERVICE`, and with `ERR_POLICY_SIGNER` where the log recorded something else.
 *
 * @throws {TypeError} for an address that is none.
 */
export function createRekorClient({ publicKey, ...options }: RekorClientOptions): TransparencyLog {
  const service = signingService(options);
  return {
    publicKey,
    async record(entry, { signal }) {
      const answer = await requestService(service, {
        method: "POST",
        path: PATH,
        body: proposedEntry(entry),
        accept: [201, 409],
        signal,
      });
      const stored = answer.status === 409 ? await fetchExisting(service, answer, signal) : answer;
      return readAnswer("the log's answer", () => bundleOf(stored.body, entry));
    },
  };
}

function proposedEntry({ payload, signatureBase64, keyOrCertificatePem }: LoggedSignature): unknown {
  return {
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: digestHex(digestOf(payload)) } },
      signature: {
        content: signatureBase64,
        publicKey: { content: Buffer.from(keyOrCertificatePem).toString("base64") },
      },
    },
  };
}

/** The entry that is there already: the answer says where. */
async function fetchExisting(
  service: SigningService,
  { location }: ServiceAnswer,
  signal: AbortSignal | undefined,
): Promise<ServiceAnswer> {
  const id = /\/([0-9a-f]{64,80})$/.exec(location ?? "")?.[1];
  // Only the name is taken: the address stays the one that the caller gave.
  if (id === undefined) throw failed("the log has the entry already, and does not say under which name");
  return requestService(service, { method: "GET", path: `${PATH}/${id}`, accept: [200], signal });
}

function bundleOf(body: JsonNode | undefined, wanted: LoggedSignature): string {
  const [only, ...others] = body ? members(body) : [];
  if (!only || others.length > 0) throw failed("not one entry");
  const entry = new Map(members(only.value).map(({ key, value }) => [key, value]));
  const verification = entry.get("verification");
  const promise =
    verification && members(verification).find(({ key }) => key === "signedEntryTimestamp")?.value;
  const [bodyNode, time, id, index] = ["body", "integratedTime", "logID", "logIndex"].map((name) =>
    entry.get(name),
  );
  if (!promise || !bodyNode || !time || !id || !index) throw failed("an entry without its promise");
  const recorded = stringOf(bodyNode);
  assertEntry(recorded, wanted);
  if (!decodeBase64(stringOf(promise))) throw failed("a promise that is no base64");
  // The members in the order in which cosign writes them; the log signed their canonical form.
  const whole = [
    `"body":${JSON.stringify(recorded)}`,
    `"integratedTime":${integerOf(time, 0n, MAX_INT64)}`,
    `"logIndex":${integerOf(index, 0n, MAX_INT64)}`,
    `"logID":${JSON.stringify(stringOf(id))}`,
  ];
  return `{"SignedEntryTimestamp":${JSON.stringify(stringOf(promise))},"Payload":{${whole.join(",")}}}`;
}

/** Fails unless an entry is about a signature. */
function assertEntry(bodyBase64: string, wanted: LoggedSignature): void {
  const body = decodeBase64(bodyBase64);
  if (!body) throw failed("an entry that is no base64");
  const { signature, publicKey, hash } = parseEntryBody(body);
  const given = decodeBase64(wanted.signatureBase64);
  const keys = [publicKey, wanted.keyOrCertificatePem].map((pem) => nextPemBlock(pemText(pem))?.bytes);
  const isSame =
    hash.algorithm === "sha256" &&
    hash.value === digestHex(digestOf(wanted.payload)) &&
    given !== undefined &&
    Buffer.compare(signature, given) === 0 &&
    keys[0] !== undefined &&
    keys[1] !== undefined &&
    Buffer.compare(keys[0], keys[1]) === 0;
  if (isSame) return;
  throw new PolicyError("ERR_POLICY_SIGNER", "the log recorded another entry than it was asked to");
}
