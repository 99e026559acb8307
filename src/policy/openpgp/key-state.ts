/**
 * Whether a key of a ring may vouch for a signature at some time.
 *
 * @module
 */
import type { Config, PublicKey, SignaturePacket, Subkey } from "openpgp";
import type { SignatureProblem } from "./gpgme-text.ts";
import type { RingKey } from "./keyring.ts";
import { ANY_TIME, type OpenPgp, strictConfig } from "./library.ts";

/** A primary key or one of its subkeys, in a ring. */
export interface SigningKey {
  readonly owner: RingKey;
  /** The key that made the signature: the owner's primary key, or a subkey of it. */
  readonly made: PublicKey | Subkey;
}

/** What there is to say about a key. */
export interface KeyState {
  /** Why it vouches for nothing, or nothing. */
  readonly problem: SignatureProblem | undefined;
  /** When it stops to vouch for anything, in milliseconds since 1970; may be infinite. */
  readonly validUntil: number;
}

type KeyPacket = PublicKey["keyPacket"] | Subkey["keyPacket"];

/** RSA, ECDSA and EdDSA as they were before RFC 9580. */
const ALGORITHMS = new Set<number>([1, 3, 19, 22]);
const MIN_RSA_BITS = 2047;
const MAY_SIGN = 2;

/**
 * The state of a key.
 *
 * Expiry counts at `now`, as in GnuPG: a signature does not outlive the key that made it. A revocation counts
 * whenever it was made and whatever its reason.
 *
 * @param created When the signature was made, in milliseconds since 1970.
 * @param now In milliseconds since 1970.
 */
export async function keyState(
  { owner, made }: SigningKey,
  created: number,
  now: number,
  library: OpenPgp,
): Promise<KeyState> {
  const { key } = owner;
  const config = strictConfig(library);
  const failed = (problem: SignatureProblem): KeyState => ({ problem, validUntil: 0 });
  if (![key.keyPacket, made.keyPacket].every(isUsable)) return failed("unsupported-algorithm");
  const madeAt = made.keyPacket.created.getTime();
  if (madeAt > created || madeAt > now) return failed("time-conflict");
  const certificates = await selfSignatures(key, now, library, config);
  const binding =
    made === key ? certificates?.flags : await subkeyBinding(key, made as Subkey, now, library, config);
  if (!certificates || !binding) return failed("unusable-key");
  const ends = [
    ...certificates.all.map((each) => keyEnd(key.keyPacket, each)),
    keyEnd(made.keyPacket, binding),
  ];
  const validUntil = Math.min(...ends.map(({ at }) => at));
  if (validUntil <= now) return { problem: "key-expired", validUntil };
  if (await isRevoked({ owner, made }, library)) return failed("key-revoked");
  const { keyFlags } = binding;
  if (keyFlags && ((keyFlags[0] ?? 0) & MAY_SIGN) === 0) return failed("wrong-key-usage");
  const signatureEnds = [...certificates.all, binding].map(signatureEnd);
  return { problem: undefined, validUntil: Math.min(validUntil, ...signatureEnds) };
}

function isUsable(packet: KeyPacket): boolean {
  if (packet.version !== 4 || !ALGORITHMS.has(packet.algorithm)) return false;
  const { bits } = packet.getAlgorithmInfo();
  if (bits === undefined) return true;
  return bits >= MIN_RSA_BITS && !isOne((packet.publicParams as { e?: Uint8Array }).e);
}

/** With 1 as the exponent of a key anyone can sign. */
function isOne(exponent: Uint8Array | undefined): boolean {
  return (
    exponent === undefined || exponent.every((octet, at) => octet === (at + 1 < exponent.length ? 0 : 1))
  );
}

function keyEnd({ created }: KeyPacket, signature: SignaturePacket): { at: number } {
  const seconds = signature.keyExpirationTime ?? 0;
  return { at: seconds === 0 ? Number.POSITIVE_INFINITY : created.getTime() + seconds * 1000 };
}

function signatureEnd(signature: SignaturePacket): number {
  return Number(signature.getExpirationTime());
}

interface SelfSignatures {
  /** The one that says what the key is for. */
  readonly flags: SignaturePacket;
  /** All whose word on the end of the key counts. */
  readonly all: readonly SignaturePacket[];
}

/**
 * The signatures by which a key describes itself: of the user ID that it calls primary, the newest one of any
 * user ID, and the newest over the key alone. The earliest end that any of them names counts.
 */
async function selfSignatures(
  key: PublicKey,
  now: number,
  { enums, SignaturePacket }: OpenPgp,
  config: Config,
): Promise<SelfSignatures | undefined> {
  const { signature } = enums;
  const certificates: SignaturePacket[] = [];
  for (const user of key.users) {
    const { userID, selfCertifications } = user;
    if (!userID) continue;
    const data = { userID, key: key.keyPacket };
    const newest = await newestValid(selfCertifications, key, signature.certGeneric, data, now, config);
    if (newest && !(await user.isRevoked(newest, key.keyPacket, ANY_TIME, config))) certificates.push(newest);
  }
  const newest = newestOf(certificates);
  if (!newest) return undefined;
  const primary = newestOf(certificates.filter(({ isPrimaryUserID }) => isPrimaryUserID === true)) ?? newest;
  const direct = key
    .toPacketList()
    .filter(
      (packet): packet is SignaturePacket =>
        packet instanceof SignaturePacket && packet.signatureType === signature.key,
    );
  const newestDirect = await newestValid(direct, key, signature.key, { key: key.keyPacket }, now, config);
  return { flags: primary, all: [primary, newest, ...(newestDirect ? [newestDirect] : [])] };
}

/** The signature that makes a subkey one of the key's, by both of them. */
async function subkeyBinding(
  key: PublicKey,
  subkey: Subkey,
  now: number,
  { enums }: OpenPgp,
  config: Config,
): Promise<SignaturePacket | undefined> {
  const data = { key: key.keyPacket, bind: subkey.keyPacket };
  const { subkeyBinding: type, keyBinding } = enums.signature;
  const binding = await newestValid(subkey.bindingSignatures, key, type, data, now, config);
  // A key that is not for signing needs no signature of its own; what it is for is looked at later.
  if (!binding || (binding.keyFlags && ((binding.keyFlags[0] ?? 0) & MAY_SIGN) === 0)) return binding;
  const { embeddedSignature } = binding;
  if (!embeddedSignature) return undefined;
  return (await holds(embeddedSignature, subkey.keyPacket, keyBinding, data, now, config))
    ? binding
    : undefined;
}

async function newestValid(
  signatures: readonly SignaturePacket[],
  { keyPacket }: PublicKey,
  type: number,
  data: object,
  now: number,
  config: Config,
): Promise<SignaturePacket | undefined> {
  const valid: SignaturePacket[] = [];
  for (const signature of signatures) {
    if (await holds(signature, keyPacket, type, data, now, config)) valid.push(signature);
  }
  return newestOf(valid);
}

function newestOf(signatures: readonly SignaturePacket[]): SignaturePacket | undefined {
  let newest: SignaturePacket | undefined;
  for (const signature of signatures) {
    if (!newest || (signature.created ?? 0) >= (newest.created ?? 0)) newest = signature;
  }
  return newest;
}

/** Whether a signature was made and has not expired. As in GnuPG it does not matter if it is from the future. */
async function holds(
  signature: SignaturePacket,
  keyPacket: KeyPacket,
  type: number,
  data: object,
  now: number,
  config: Config,
): Promise<boolean> {
  try {
    await signature.verify(keyPacket, type, data, ANY_TIME, false, config);
    return signatureEnd(signature) > now;
  } catch {
    return false;
  }
}

/** What the library says of a signature that this key did not make over this. Anything else is a doubt. */
const NOT_MADE = /^(?:Signature was not issued by|Signature verification failed|Signed digest did not match)/;

/** Whether the key or its owner's primary key is revoked, in any file. In doubt it is. */
async function isRevoked({ owner, made }: SigningKey, library: OpenPgp): Promise<boolean> {
  if (owner.hasUnreadRevocation) return true;
  const { keyRevocation, subkeyRevocation } = library.enums.signature;
  for (const key of owner.instances) {
    const { keyPacket: primary, revocationSignatures } = key;
    // By someone else: it may be one that the key names for that.
    if (revocationSignatures.some((each) => !each.issuerKeyID.equals(key.getKeyID()))) return true;
    if (await isAnyMade(revocationSignatures, key, keyRevocation, { key: primary }, library)) return true;
    if (made === owner.key) continue;
    for (const subkey of key.subkeys) {
      if (subkey.getFingerprint() !== made.getFingerprint()) continue;
      const data = { key: primary, bind: subkey.keyPacket };
      if (await isAnyMade(subkey.revocationSignatures, key, subkeyRevocation, data, library)) return true;
    }
  }
  return false;
}

async function isAnyMade(
  signatures: readonly SignaturePacket[],
  { keyPacket }: PublicKey,
  type: number,
  data: object,
  library: OpenPgp,
): Promise<boolean> {
  // A revocation with a hash that proves nothing is better heeded.
  const config: Config = { ...strictConfig(library), rejectHashAlgorithms: new Set() };
  for (const signature of signatures) {
    try {
      await signature.verify(keyPacket, type, data, ANY_TIME, false, config);
      return true;
    } catch (error) {
      if (!(error instanceof Error) || !NOT_MADE.test(error.message)) return true;
    }
  }
  return false;
}
