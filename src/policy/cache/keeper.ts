/**
 * Finding verdicts in a cache, and keeping them there: for how long, and under which key.
 *
 * @module
 */
import { type PolicyCacheEvent, publish } from "../../core/diagnostics.ts";
import type { Digest } from "../../core/digest.ts";
import { joinSignals, raceSignal } from "../../core/signal.ts";
import { PolicyError } from "../errors.ts";
import type { Verdict } from "../verdict.ts";
import { keyWithFiles } from "./cache-key.ts";
import { isEntry } from "./entry-text.ts";
import { frozenCopy } from "./frozen-copy.ts";
import { memoryVerdictCache } from "./memory-cache.ts";
import type { CachedVerdict, CacheEvent, VerdictCacheOptions } from "./verdict-cache.ts";

/** What a verdict is looked for by. */
export interface KeeperSubject {
  readonly key: string;
  readonly reference: string;
  readonly digest: Digest;
}

/** Gives the digest of a file's content; rejects with a {@link PolicyError} for a file that cannot be read. */
export type FileDigest = (path: string) => Promise<Digest>;

/** A cache as a verifier uses it. Its functions never fail because of the cache. */
export interface VerdictKeeper {
  /** The verdict that was kept, if it still counts. */
  find(
    subject: KeeperSubject,
    fileDigest: FileDigest,
    signal: AbortSignal | undefined,
  ): Promise<Verdict | undefined>;
  /**
   * Keeps a verdict.
   *
   * @param decidedAt Milliseconds since 1970.
   * @param files The files that it rests on, with the digests of their content.
   */
  keep(
    subject: KeeperSubject,
    verdict: Verdict,
    decidedAt: number,
    files: readonly (readonly [path: string, digest: Digest])[],
  ): void;
}

/**
 * A keeper over a cache.
 *
 * @throws {RangeError} For a time that is negative or no number.
 */
export function createKeeper(options: VerdictCacheOptions, now: () => number): VerdictKeeper {
  const { store = memoryVerdictCache() } = options;
  const onEvent = (event: CacheEvent): void => {
    options.onEvent?.(event);
    publish("lading:policy:cache", () => (event.kind === "failed" ? failedEvent(event) : { ...event }));
  };
  const { allowedTtlMs = 600_000, rejectedTtlMs = 5000, maxWaitMs = 250 } = options;
  for (const time of [allowedTtlMs, rejectedTtlMs, maxWaitMs]) {
    if (!(time >= 0)) throw new RangeError("times of a cache must not be negative");
  }
  const failed = (operation: "get" | "set", cause: unknown): void =>
    onEvent({ kind: "failed", operation, cause });

  async function look(key: string, signal: AbortSignal | undefined): Promise<CachedVerdict | undefined> {
    let entry: unknown;
    try {
      const found = store.get(key, { signal });
      entry = found instanceof Promise ? await within(maxWaitMs, found, signal) : found;
    } catch (cause) {
      signal?.throwIfAborted();
      failed("get", cause);
      return undefined;
    }
    return isEntry(entry) && counts(entry, now()) ? entry : undefined;
  }

  function put(key: string, entry: CachedVerdict): void {
    const ttlMs = entry.expiresAt - entry.storedAt;
    try {
      const done = store.set(key, entry, { ttlMs });
      if (done instanceof Promise) done.catch((cause) => failed("set", cause));
    } catch (cause) {
      failed("set", cause);
    }
  }

  async function findVerdict(
    { key }: KeeperSubject,
    fileDigest: FileDigest,
    signal: AbortSignal | undefined,
  ): Promise<Verdict | undefined> {
    const entry = await look(key, signal);
    if (entry?.kind !== "files") return entry?.verdict;
    const files: [path: string, digest: Digest][] = [];
    try {
      for (const path of entry.paths) files.push([path, await fileDigest(path)]);
    } catch (error) {
      // The evaluation will say what is wrong with the file.
      if (!(error instanceof PolicyError)) throw error;
      return undefined;
    }
    const second = await look(keyWithFiles(key, files), signal);
    return second?.kind === "verdict" ? second.verdict : undefined;
  }

  return {
    async find(subject, fileDigest, signal) {
      const verdict = await findVerdict(subject, fileDigest, signal);
      const { reference, digest } = subject;
      const event: CacheEvent = { kind: verdict ? "hit" : "miss", reference, digest };
      onEvent(event);
      // Frozen already, unless it comes from outside the process.
      return verdict && (Object.isFrozen(verdict) ? verdict : frozenCopy(verdict));
    },
    keep({ key }, verdict, decidedAt, files) {
      const ttlMs = verdict.kind === "allowed" ? allowedTtlMs : rejectedTtlMs;
      const expiresAt = Math.min(decidedAt + ttlMs, endOf(verdict));
      if (!(expiresAt > now())) return;
      const times = { storedAt: decidedAt, expiresAt };
      const entry: CachedVerdict = Object.freeze({ kind: "verdict", verdict, ...times });
      if (files.length === 0) {
        put(key, entry);
        return;
      }
      put(keyWithFiles(key, files), entry);
      put(key, Object.freeze({ kind: "files", paths: files.map(([path]) => path), ...times }));
    },
  };
}

function failedEvent({ kind, operation }: Extract<CacheEvent, { kind: "failed" }>): PolicyCacheEvent {
  return { kind, operation };
}

/** What a store answers within a time. The time keeps the process alive: something comes after it. */
async function within<T>(ms: number, answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${ms} ms`)), ms);
  try {
    return await raceSignal(answer, joinSignals(signal, late.signal));
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an entry counts at a time. One from the future does not: its age is not known. */
function counts(entry: CachedVerdict, at: number): boolean {
  if (!(entry.storedAt <= at && at < entry.expiresAt)) return false;
  return entry.kind === "files" || at <= endOf(entry.verdict);
}

/** When what a verdict rests on ends, in milliseconds since 1970. */
function endOf(verdict: Verdict): number {
  if (verdict.kind !== "allowed" || verdict.validUntil === undefined) return Number.POSITIVE_INFINITY;
  return verdict.validUntil * 1000;
}
