/**
 * Keyrings: the public keys that a `signedBy` requirement accepts signatures by.
 *
 * A key counts if it has a user ID that the key itself certifies, as in GnuPG. Whether it is expired or revoked
 * is looked at when a signature is checked.
 *
 * @module
 */
import type { Config, PublicKey } from "openpgp";
import { PolicyError } from "../errors.ts";
import type { TrustMemory } from "../trust-memory.ts";
import { keyringPackets } from "./armor.ts";
import { ANY_TIME, loadOpenPgp, type OpenPgp, strictConfig } from "./library.ts";
import { PACKET, readPacket, writePacket } from "./packets.ts";

/** Keys, each under its fingerprint in upper-case hexadecimal digits. */
export type Keyring = ReadonlyMap<string, RingKey>;

/** A key of a ring. */
export interface RingKey {
  /** The key, with what every file says about it. */
  readonly key: PublicKey;
  /** The key as each file has it: what revokes it in one of them must not be lost. */
  readonly instances: readonly PublicKey[];
  /** It has a revocation that the library cannot read, so nobody knows whether it holds. */
  readonly hasUnreadRevocation: boolean;
}

/** Largest keyring file, in bytes. */
export const MAX_KEYRING_BYTES: number = 16 * 1024 * 1024;
const MAX_KEYS = 2000;

const KEPT = new Set<number>([
  PACKET.publicKey,
  PACKET.publicSubkey,
  PACKET.userId,
  PACKET.userAttribute,
  PACKET.signature,
]);
/** Of a key, a user ID and a subkey. */
const REVOCATIONS = new Set([0x20, 0x28, 0x30]);

/**
 * The keys of several keyring files together. The same key in two of them is one: with a revocation in either
 * it is revoked.
 *
 * @param contents Binary or armored; what is no keyring holds no keys.
 * @throws {PolicyError} `ERR_POLICY_REQUIREMENT` if there is not one key: `No public keys imported`.
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for more than 16 MiB or 2,000 keys in one file.
 */
export async function openKeyring(contents: readonly Uint8Array[], memory: TrustMemory): Promise<Keyring> {
  const ring = new Map<string, RingKey>();
  for (const content of contents) {
    for (const key of await memory.parsed(readKeyring, content)) await addKey(ring, key);
  }
  if (ring.size > 0) return ring;
  throw new PolicyError("ERR_POLICY_REQUIREMENT", "No public keys imported");
}

async function addKey(ring: Map<string, RingKey>, added: RingKey): Promise<void> {
  const fingerprint = added.key.getFingerprint().toUpperCase();
  const known = ring.get(fingerprint);
  if (!known) {
    ring.set(fingerprint, added);
    return;
  }
  ring.set(fingerprint, {
    key: await known.key.update(added.key, ANY_TIME, strictConfig(await loadOpenPgp())),
    instances: [...known.instances, ...added.instances],
    hasUnreadRevocation: known.hasUnreadRevocation || added.hasUnreadRevocation,
  });
}

/** The keys of one file, in order; none if it is no keyring. */
async function readKeyring(content: Uint8Array): Promise<RingKey[]> {
  if (content.length > MAX_KEYRING_BYTES) throw tooLarge(`${MAX_KEYRING_BYTES} bytes`);
  const library = await loadOpenPgp();
  const config = strictConfig(library);
  const keys: RingKey[] = [];
  for (const packets of keyringPackets(content)) {
    const { blocks, isComplete } = readBlocks(packets);
    if (keys.length + blocks.length > MAX_KEYS) throw tooLarge(`${MAX_KEYS} keys`);
    for (const block of blocks) {
      const key = await readKey(block, library, config);
      if (key) keys.push(key);
    }
    if (!isComplete) break;
  }
  return keys;
}

/** The packets of one key, each with its tag. */
type KeyBlock = { tag: number; body: Uint8Array }[];

/** Splits packets into keys. Reading ends where the framing breaks, and the key that was being read is lost. */
function readBlocks(bytes: Uint8Array): { blocks: KeyBlock[]; isComplete: boolean } {
  const blocks: KeyBlock[] = [];
  let block: KeyBlock | undefined;
  for (let at = 0; at < bytes.length; ) {
    const packet = readPacket(bytes, at);
    if (!packet) {
      if (block) blocks.pop();
      return { blocks, isComplete: false };
    }
    at = packet.next;
    const { tag, body } = packet;
    if (tag === PACKET.secretKey) block = undefined;
    if (tag === PACKET.publicKey) {
      block = [];
      blocks.push(block);
    }
    if (KEPT.has(tag)) block?.push({ tag, body });
  }
  return { blocks, isComplete: true };
}

async function readKey(block: KeyBlock, library: OpenPgp, config: Config): Promise<RingKey | undefined> {
  const binaryKey = Buffer.concat(block.map(({ tag, body }) => writePacket(tag, body)));
  let key: PublicKey;
  try {
    key = await library.readKey({ binaryKey, config });
  } catch {
    // Whatever the library finds wrong with it, it is no key.
    return undefined;
  }
  if (key.keyPacket.version !== 4 || !(await isCertified(key, library, config))) return undefined;
  return { key, instances: [key], hasUnreadRevocation: block.some(isUnreadRevocation) };
}

async function isCertified(key: PublicKey, { enums }: OpenPgp, config: Config): Promise<boolean> {
  for (const { userID, selfCertifications } of key.users) {
    for (const certification of selfCertifications) {
      try {
        const data = { userID, key: key.keyPacket };
        await certification.verify(key.keyPacket, enums.signature.certGeneric, data, ANY_TIME, false, config);
        return true;
      } catch {
        // The next one may hold.
      }
    }
  }
  return false;
}

/** The library skips signatures of other versions than 4 and 6 without a word. */
function isUnreadRevocation({ tag, body }: KeyBlock[number]): boolean {
  const [version, second, third] = body;
  if (tag !== PACKET.signature || version === 4) return false;
  return REVOCATIONS.has((version === 3 ? third : second) ?? 0);
}

function tooLarge(limit: string): PolicyError {
  return new PolicyError("ERR_POLICY_TRUST_ROOT", `a keyring has more than ${limit}`);
}
