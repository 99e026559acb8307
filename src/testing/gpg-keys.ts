/**
 * OpenPGP keys for tests, in every state that a keyring can have one in, and signatures that they make, of either
 * version and of any shape. Keys are made at run time.
 *
 * @module
 */
import { createHash, createPrivateKey, type KeyObject, sign } from "node:crypto";
import { deflateRawSync, deflateSync } from "node:zlib";
import type { PrivateKey, PublicKey, SecretKeyPacket, SecretSubkeyPacket } from "openpgp";
import { loadOpenPgp, type OpenPgp } from "../policy/openpgp/library.ts";
import { PACKET, writePacket } from "../policy/openpgp/packets.ts";

/** What state a key is in, at the time that it was made for. */
export type GpgKeyState =
  /** Signs by its primary key. */
  | "valid"
  /** It was valid until a day ago. */
  | "expired"
  /** Its owner revoked it. */
  | "revoked"
  /** Its primary key only certifies; a subkey signs. */
  | "subkey"
  /** As `subkey`, and the subkey was valid until a day ago. */
  | "expired-subkey"
  /** As `subkey`, and the subkey is revoked. */
  | "revoked-subkey"
  /** As `subkey`, and the subkey never agreed to be one of this key. */
  | "unbound-subkey"
  /** It only certifies other keys. */
  | "certify-only"
  /** It has no user ID that it certifies. */
  | "uncertified";

/** Options of {@link createGpgKey}. */
export interface GpgKeyOptions {
  /** Default `"valid"`. */
  state?: GpgKeyState | undefined;
  /** Default `"ed25519"`. Only `"rsa"` makes signatures of version 3. */
  algorithm?: "ed25519" | "p256" | "rsa" | undefined;
  /** Bits of an RSA key. Default 2048. */
  rsaBits?: number | undefined;
  /** Default `lading test <STATE@lading.example>`. */
  userId?: { name?: string; email?: string } | undefined;
  /** Encrypts the private key. */
  passphrase?: string | undefined;
  /** The time that the state is about, in milliseconds since 1970. Default: now. */
  now?: number | undefined;
}

/** A key. */
export interface GpgKey {
  readonly state: GpgKeyState;
  /** Fingerprint of the primary key, in upper-case hexadecimal digits. */
  readonly fingerprint: string;
  /** Fingerprint of the key that signs: the primary key or a subkey. */
  readonly signerFingerprint: string;
  /** As a keyring file has it, binary. */
  readonly publicKey: Uint8Array;
  /** The same in ASCII armor. */
  readonly armoredPublicKey: string;
  /** In ASCII armor, encrypted if there is a passphrase; as it was before it was revoked. */
  readonly armoredPrivateKey: string;
  /** A signed message with any content. */
  sign(content: Uint8Array | string, options?: GpgSignOptions): Promise<Uint8Array>;
}

/** How a message is to be signed. */
export interface GpgSignOptions {
  /** Version of the signature packet. Default 4; 3 is for RSA keys. */
  version?: 3 | 4 | undefined;
  /** When the signature is made, in milliseconds since 1970. Default: two days before the key's present. */
  at?: number | undefined;
  /** How long it is valid, in seconds. Default: it does not expire. */
  lifetime?: number | undefined;
  /** Number of the hash: 8 SHA-256, 9 SHA-384, 10 SHA-512, 11 SHA-224, 2 SHA-1, 1 MD5. Default 10. */
  hashAlgorithm?: number | undefined;
  /** How the message is compressed. Default: as GnuPG does, which is `"zip"`. */
  compression?: "none" | "zip" | "zlib" | undefined;
  /** The order of the packets. Default `"one-pass"`. */
  order?: "one-pass" | "signature-first" | "detached" | undefined;
}

const DAY = 24 * 3600_000;

/** Makes a key. */
export async function createGpgKey(options: GpgKeyOptions = {}): Promise<GpgKey> {
  const { state = "valid", algorithm = "ed25519", rsaBits = 2048, passphrase, now = Date.now() } = options;
  const library = await loadOpenPgp();
  const userId = options.userId ?? { name: "lading test", email: `${state}@lading.example` };
  const kind = kindOf(algorithm, rsaBits);
  const made = new Date(Math.floor((now - 30 * DAY) / 1000) * 1000);
  const lifetime = (30 * DAY - DAY) / 1000;
  const hasSubkey = state.endsWith("subkey");
  const subkey = {
    sign: true,
    ...kind,
    ...(state === "expired-subkey" ? { keyExpirationTime: lifetime } : {}),
  };
  const { privateKey: key } = await library.generateKey({
    ...kind,
    userIDs: userId,
    date: made,
    subkeys: hasSubkey ? [subkey] : [],
    format: "object",
    ...(state === "expired" ? { keyExpirationTime: lifetime } : {}),
    config: { minRSABits: 512, v6Keys: false },
  });
  const signer = signerOf(key, hasSubkey);
  const usage = hasSubkey || state === "certify-only" ? 1 : undefined;
  if (usage !== undefined) await certifyAgain(key, usage, made, library);
  if (state === "unbound-subkey") await bindWithoutConsent(key, made, library);
  const publicKey = await publicKeyIn(state, key, new Date(now - DAY), library);
  const locked = passphrase === undefined ? key : await library.encryptKey({ privateKey: key, passphrase });
  return {
    state,
    fingerprint: key.getFingerprint().toUpperCase(),
    signerFingerprint: signer.getFingerprint().toUpperCase(),
    publicKey: publicKey.write(),
    armoredPublicKey: publicKey.armor(),
    armoredPrivateKey: locked.armor(),
    async sign(content, { at = now - 2 * DAY, ...rest } = {}) {
      return signMessage(signer, Buffer.from(content), { at, ...rest }, library);
    },
  };
}

/** A keyring file with several keys. */
export function createGpgRing(keys: readonly GpgKey[]): Uint8Array {
  return Buffer.concat(keys.map(({ publicKey }) => publicKey));
}

function kindOf(algorithm: NonNullable<GpgKeyOptions["algorithm"]>, rsaBits: number) {
  if (algorithm === "rsa") return { type: "rsa" as const, rsaBits };
  return {
    type: "ecc" as const,
    curve: algorithm === "p256" ? ("nistP256" as const) : ("ed25519Legacy" as const),
  };
}

type SecretPacket = SecretKeyPacket | SecretSubkeyPacket;

function signerOf(key: PrivateKey, hasSubkey: boolean): SecretPacket {
  const [subkey] = key.subkeys;
  return (hasSubkey && subkey ? subkey.keyPacket : key.keyPacket) as SecretPacket;
}

/** Says anew what a key is for: 1 to certify keys, 2 to sign data. */
async function certifyAgain(key: PrivateKey, usage: number, date: Date, library: OpenPgp): Promise<void> {
  for (const { userID, selfCertifications } of key.users) {
    const [certification] = selfCertifications;
    if (!certification) continue;
    certification.keyFlags = new Uint8Array([usage]);
    await resign(certification, key.keyPacket, { userID, key: key.keyPacket }, date, library);
  }
}

async function bindWithoutConsent(key: PrivateKey, date: Date, library: OpenPgp): Promise<void> {
  for (const { keyPacket, bindingSignatures } of key.subkeys) {
    const [binding] = bindingSignatures;
    if (!binding) continue;
    binding.embeddedSignature = null;
    await resign(binding, key.keyPacket, { key: key.keyPacket, bind: keyPacket }, date, library);
  }
}

type Signature = InstanceType<OpenPgp["SignaturePacket"]>;

async function resign(
  signature: Signature,
  key: PrivateKey["keyPacket"],
  data: object,
  date: Date,
  { config }: OpenPgp,
): Promise<void> {
  const typed = signature as Signature & {
    sign(key: object, data: object, date: Date, detached: boolean, config: object): Promise<void>;
  };
  await typed.sign(key, data, date, false, { ...config, nonDeterministicSignaturesViaNotation: false });
}

async function publicKeyIn(
  state: GpgKeyState,
  key: PrivateKey,
  revokedAt: Date,
  library: OpenPgp,
): Promise<PublicKey> {
  const publicKey = key.toPublic();
  if (state === "revoked") {
    const { publicKey: revoked } = await library.revokeKey({ key, date: revokedAt, format: "object" });
    return revoked;
  }
  if (state === "revoked-subkey") {
    const [subkey] = publicKey.subkeys;
    if (subkey) {
      const revoked = await subkey.revoke(key.keyPacket as SecretKeyPacket, undefined, revokedAt);
      publicKey.subkeys = [revoked];
    }
  }
  if (state === "uncertified") for (const user of publicKey.users) user.selfCertifications = [];
  return publicKey;
}

async function signMessage(
  signer: SecretPacket,
  content: Uint8Array,
  options: GpgSignOptions & { at: number },
  library: OpenPgp,
): Promise<Uint8Array> {
  const { version = 4, hashAlgorithm = 10, compression = "zip", order = "one-pass" } = options;
  const body =
    version === 3
      ? signThird(signer, content, hashAlgorithm, options.at)
      : await signFourth(signer, content, hashAlgorithm, options, library);
  const keyId = Buffer.from(signer.getKeyID().toHex(), "hex");
  const onePass = writePacket(
    PACKET.onePassSignature,
    Buffer.concat([Buffer.from([3, 0, hashAlgorithm, signer.algorithm]), keyId, Buffer.from([1])]),
  );
  const literal = writePacket(
    PACKET.literal,
    Buffer.concat([Buffer.from("b\0"), seconds(options.at), content]),
  );
  const signature = writePacket(PACKET.signature, body);
  const packets = {
    "one-pass": [onePass, literal, signature],
    "signature-first": [signature, literal],
    detached: [signature],
  };
  const message = Buffer.concat(packets[order]);
  if (compression === "none") return message;
  const [algorithm, compressed] =
    compression === "zip" ? [1, deflateRawSync(message)] : [2, deflateSync(message)];
  return writePacket(PACKET.compressed, Buffer.concat([Buffer.from([algorithm]), compressed]));
}

async function signFourth(
  signer: SecretPacket,
  content: Uint8Array,
  hashAlgorithm: number,
  { at, lifetime }: GpgSignOptions & { at: number },
  library: OpenPgp,
): Promise<Uint8Array> {
  const signature: Signature = new library.SignaturePacket();
  signature.signatureType = library.enums.signature.binary;
  signature.hashAlgorithm = hashAlgorithm;
  signature.publicKeyAlgorithm = signer.algorithm;
  if (lifetime !== undefined) {
    signature.signatureExpirationTime = lifetime;
    signature.signatureNeverExpires = lifetime === 0;
  }
  const literal = { text: null, getBytes: () => content };
  await resign(signature, signer as PrivateKey["keyPacket"], literal, new Date(at), library);
  return signature.write();
}

const NODE_HASHES: Readonly<Record<number, string>> = {
  1: "md5",
  2: "sha1",
  8: "sha256",
  9: "sha384",
  10: "sha512",
  11: "sha224",
};

/** A signature of version 3, which the library does not make. */
function signThird(signer: SecretPacket, content: Uint8Array, hashAlgorithm: number, at: number): Uint8Array {
  const hash = NODE_HASHES[hashAlgorithm];
  if (signer.algorithm !== 1 || hash === undefined) {
    throw new TypeError("signatures of version 3 are made with RSA keys and known hashes");
  }
  const hashed = Buffer.concat([Buffer.from([0]), seconds(at)]);
  const data = Buffer.concat([content, hashed]);
  const number = sign(hash, data, rsaKey(signer));
  const keyId = Buffer.from(signer.getKeyID().toHex(), "hex");
  return Buffer.concat([
    Buffer.from([3, 5]),
    hashed,
    keyId,
    Buffer.from([signer.algorithm, hashAlgorithm]),
    hashStart(hash, data),
    multiprecision(number),
  ]);
}

function hashStart(hash: string, data: Uint8Array): Uint8Array {
  return createHash(hash).update(data).digest().subarray(0, 2);
}

function rsaKey({ publicParams, privateParams }: SecretPacket): KeyObject {
  const { n, e } = publicParams as { n: Uint8Array; e: Uint8Array };
  const { d, p, q, u } = privateParams as Record<"d" | "p" | "q" | "u", Uint8Array>;
  // OpenPGP keeps the inverse of p by q, where JSON Web Keys have that of q by p: the primes change places.
  const exponent = numberOf(d);
  const jwk = {
    n,
    e,
    d,
    p: q,
    q: p,
    dp: bytesOf(exponent % (numberOf(q) - 1n)),
    dq: bytesOf(exponent % (numberOf(p) - 1n)),
    qi: u,
  };
  const key: Record<string, string> = { kty: "RSA" };
  for (const [name, bytes] of Object.entries(jwk)) key[name] = Buffer.from(bytes).toString("base64url");
  return createPrivateKey({ key, format: "jwk" });
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function bytesOf(number: bigint): Uint8Array {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function multiprecision(bytes: Uint8Array): Uint8Array {
  const bits = numberOf(bytes).toString(2).length;
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bits);
  return Buffer.concat([length, bytes.subarray(bytes.length - Math.ceil(bits / 8))]);
}

function seconds(at: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Math.floor(at / 1000));
  return bytes;
}
