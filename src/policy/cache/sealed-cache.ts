/**
 * Verdicts in a store that others can write to, such as a Redis of a whole fleet.
 *
 * Each entry carries a MAC over its key and its content. Whoever writes to the store can lose entries, and put old
 * ones back for as long as they would have counted anyway; making one up takes the secret.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc2104}
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { formatEntry, parseEntry } from "./entry-text.ts";
import type { VerdictCache } from "./verdict-cache.ts";

/** A store of texts: what keyv has, and nearly what `Map` has. */
export interface TextStore {
  /** The text under a key; anything else counts as none. */
  get(key: string): unknown;
  /** Keeps a text for about `ttlMs` milliseconds. */
  set(key: string, text: string, ttlMs: number): unknown;
  /** Removes a text, if there is one. */
  delete(key: string): unknown;
}

/** An entry that was not believed. */
export interface RefusedEntry {
  readonly key: string;
  /**
   * `mac`: not written under this key by a holder of the secret, or changed since. `form`: no entry at all, or one
   * that is too long.
   */
  readonly reason: "mac" | "form";
}

/** Options of {@link sealedVerdictCache}. */
export interface SealedVerdictCacheOptions {
  /**
   * Keys of the MAC, each of 32 bytes or more, the same for the whole fleet and for nothing else. The first one
   * seals; every one of them opens, so that a new one can be put in front of the old.
   */
  secrets: readonly [Uint8Array, ...Uint8Array[]];
  /**
   * Called for each entry that is not believed: someone writes to the store, or a secret is not the same everywhere.
   * The entry counts as a miss, and is removed.
   */
  onRefused(entry: RefusedEntry): void;
  /** Longest entry, in bytes: a longer one is neither kept nor believed. Default 1 MiB (1048576). */
  maxEntryBytes?: number | undefined;
}

const MIN_SECRET_BYTES = 32;
const MAC_BYTES = 32;
/** Between MAC and content. */
const SEPARATOR = ".";
/** Digits of a MAC in base64url. */
const MAC_LENGTH = 43;

/**
 * A cache over a store that is not trusted.
 *
 * Entries are not encrypted: references, digests and reasons can be read in the store, and e-mail addresses in
 * reasons too. They count no longer than they say themselves, whatever time to live the store has.
 *
 * Its `get` and `set` reject as the store's do.
 *
 * @throws {RangeError} For no secret, one of less than 32 bytes, or a limit that is no positive number.
 */
export function sealedVerdictCache(
  store: TextStore,
  { secrets, onRefused, maxEntryBytes = 1024 * 1024 }: SealedVerdictCacheOptions,
): VerdictCache {
  const keys = secrets.map((secret) => Buffer.from(secret));
  const [sealing] = keys;
  if (!sealing || keys.some(({ byteLength }) => byteLength < MIN_SECRET_BYTES)) {
    throw new RangeError(`secrets must have ${MIN_SECRET_BYTES} bytes or more`);
  }
  if (!(maxEntryBytes >= 1)) throw new RangeError("maxEntryBytes must be positive");
  if (typeof onRefused !== "function") throw new TypeError("onRefused must be a function");

  return {
    async get(key) {
      const text: unknown = await store.get(key);
      if (text === undefined || text === null) return undefined;
      const opened =
        typeof text === "string" && Buffer.byteLength(text) <= maxEntryBytes + MAC_LENGTH + 1
          ? open(keys, key, text)
          : "form";
      if (typeof opened !== "string") return opened;
      onRefused({ key, reason: opened });
      await store.delete(key);
      return undefined;
    },
    async set(key, entry, { ttlMs }) {
      const content = formatEntry(entry);
      if (Buffer.byteLength(content) > maxEntryBytes) return;
      const mac = macOf(sealing, key, content).toString("base64url");
      await store.set(key, `${mac}${SEPARATOR}${content}`, ttlMs);
    },
    async delete(key) {
      await store.delete(key);
    },
  };
}

function open(
  secrets: readonly Buffer[],
  key: string,
  text: string,
): NonNullable<ReturnType<typeof parseEntry>> | RefusedEntry["reason"] {
  if (text[MAC_LENGTH] !== SEPARATOR) return "form";
  const mac = Buffer.from(text.slice(0, MAC_LENGTH), "base64url");
  const content = text.slice(MAC_LENGTH + 1);
  if (mac.byteLength !== MAC_BYTES) return "mac";
  // Every secret is tried, so that the time does not tell which one fits.
  const fits = secrets.map((secret) => timingSafeEqual(mac, macOf(secret, key, content)));
  if (!fits.includes(true)) return "mac";
  return parseEntry(content) ?? "form";
}

/** Over the key as well, so that an entry counts under its own key only; its length keeps the two apart. */
function macOf(secret: Buffer, key: string, content: string): Buffer {
  return createHmac("sha256", secret)
    .update(`lading verdict entry 1\n${Buffer.byteLength(key)}\n${key}\n`)
    .update(content)
    .digest();
}
