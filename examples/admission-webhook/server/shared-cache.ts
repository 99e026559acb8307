/** Verdicts that all replicas share, on Valkey or Redis, over TLS and with a password; each entry carries a MAC. */
import { readFileSync } from "node:fs";
import KeyvRedis from "@keyv/redis";
import Keyv from "keyv";
import { memoryVerdictCache, sealedVerdictCache, tieredVerdictCache, type VerdictCache } from "lading/policy";
import { log, textOf } from "./log.ts";
import type { Settings } from "./settings.ts";

export interface SharedCache {
  readonly store: VerdictCache;
  close(): Promise<void>;
}

/** @param onRefused Called for each entry that nobody with the secret wrote. */
export function openCache(redis: Settings["redis"], onRefused: () => void): SharedCache {
  const near = memoryVerdictCache();
  if (!redis) return { store: near, close: async () => {} };
  const url = new URL(redis.url);
  if (redis.passwordFile !== undefined) {
    url.password = encodeURIComponent(readFileSync(redis.passwordFile, "utf8").trim());
  }
  if (url.protocol !== "rediss:" || url.password === "") {
    throw new TypeError("the shared cache must be rediss:// and have a password");
  }
  const [first, ...others] = redis.secrets.map((path) => readFileSync(path));
  if (!first) throw new TypeError("the shared cache needs a secret");
  const socket = {
    tls: true as const,
    ...(redis.ca === undefined ? {} : { ca: readFileSync(redis.ca) }),
    connectTimeout: 2000,
    reconnectStrategy: (tries: number) => Math.min(100 * 2 ** tries, 5000),
  };
  const store = new Keyv<string>({
    store: new KeyvRedis<string>(
      { url: url.href, socket, disableOfflineQueue: true },
      { namespace: "verdicts", throwOnErrors: true, throwOnConnectError: true },
    ),
    namespace: "verdicts",
    useKeyPrefix: false,
    throwOnErrors: true,
  });
  store.on("error", (error: unknown) => log("warn", "the shared cache failed", { error: textOf(error) }));
  const sealed = sealedVerdictCache(store, {
    secrets: [first, ...others],
    onRefused: ({ key, reason }) => {
      onRefused();
      log("error", "an entry of the shared cache was forged, or has another secret", { key, reason });
    },
  });
  return { store: tieredVerdictCache(near, sealed), close: () => store.disconnect() };
}
