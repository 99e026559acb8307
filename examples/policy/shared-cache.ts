/**
 * Verdicts that a fleet shares: what one process decided, the others need not decide again.
 *
 *   node examples/policy/shared-cache.ts
 *   node examples/policy/shared-cache.ts --redis rediss://lading:PASSWORD@redis.example:6380 --ca ca.pem
 *
 * Without `--redis` the store is in memory. Whoever can write to the store could write "allowed" into it: each entry
 * is sealed by a secret of the fleet, and one that is not is refused and told. Redis is asked over TLS and with a
 * password only. The secret of a real fleet comes from where its other secrets come from, the same for each process
 * and known to nobody else.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import KeyvRedis from "@keyv/redis";
import Keyv from "keyv";
import { createLayer, createRegistry, packImage, pushImage } from "lading/oci";
import {
  createVerifier,
  memoryVerdictCache,
  parsePolicy,
  sealedVerdictCache,
  sigstoreAttachments,
  type TextStore,
  tieredVerdictCache,
} from "lading/policy";
import { attachSignatures, mintKey, publicKeyPem, signImage, startRegistry } from "lading/testing";

const { values } = parseArgs({ options: { redis: { type: "string" }, ca: { type: "string" } } });

/** The store that all processes have in common. */
function openStore(): Keyv<string> {
  if (values.redis === undefined) return new Keyv<string>({ throwOnErrors: true });
  const url = new URL(values.redis);
  if (url.protocol !== "rediss:" || url.password === "") {
    throw new TypeError("--redis must be rediss://USER:PASSWORD@HOST:PORT");
  }
  const socket = {
    tls: true as const,
    ...(values.ca === undefined ? {} : { ca: readFileSync(values.ca) }),
    connectTimeout: 2000,
    // A store that is away must not hold decisions up.
    reconnectStrategy: (tries: number) => Math.min(100 * 2 ** tries, 5000),
  };
  const redis = new KeyvRedis<string>(
    { url: values.redis, socket, disableOfflineQueue: true },
    { namespace: "verdicts", throwOnErrors: true, throwOnConnectError: true },
  );
  const keyv = new Keyv<string>({
    store: redis,
    namespace: "verdicts",
    useKeyPrefix: false,
    throwOnErrors: true,
  });
  keyv.on("error", (error: unknown) => console.error("store:", String(error)));
  return keyv;
}

const store = openStore();
/** Keys that were asked for. */
const keys = new Set<string>();
const watched: TextStore = {
  get(key) {
    keys.add(key);
    return store.get(key);
  },
  set: (key, text, ttlMs) => store.set(key, text, ttlMs),
  delete: (key) => store.delete(key),
};
const secret = randomBytes(32);
const server = await startRegistry();
const registry = createRegistry();
try {
  const name = `${server.host}/library/motd`;
  const repository = registry.repository(name);
  const layers = [await createLayer([{ path: "etc/motd", content: "hello\n" }])];
  const image = packImage({ platform: { os: "linux", architecture: "amd64" }, layers });
  const { digest } = await pushImage(repository, image, "1.0");
  const key = mintKey();
  await attachSignatures(repository, digest, [signImage({ reference: `${name}:1.0`, digest, signer: key })]);
  const keyData = Buffer.from(publicKeyPem(key)).toString("base64");
  const policy = parsePolicy(JSON.stringify({ default: [{ type: "sigstoreSigned", keyData }] }));

  /** A verifier as each process of the fleet makes it. */
  const startProcess = (process: string) =>
    createVerifier(policy, {
      source: registry,
      signatureSources: [sigstoreAttachments()],
      cache: {
        // What is near takes no request at all; the rest is shared.
        store: tieredVerdictCache(
          memoryVerdictCache(),
          sealedVerdictCache(watched, {
            secrets: [secret],
            onRefused: ({ key, reason }) => console.log(`${process}: refused ${key.slice(0, 8)} (${reason})`),
          }),
        ),
        // All processes ask the same registries in the same way.
        scope: "the registries of this fleet",
        onEvent: (event) => console.log(`${process}: ${event.kind}`),
      },
    });

  const reference = `${name}@${digest}`;
  const decide = async (process: string): Promise<number> => {
    const before = server.requests.length;
    const verdict = await startProcess(process).evaluate(reference);
    if (verdict.kind !== "allowed") throw new Error(verdict.criError);
    console.log(`${process}: ${verdict.kind}, requests: ${server.requests.length - before}`);
    return server.requests.length - before;
  };
  if ((await decide("first")) === 0) throw new Error("the first process had nothing to decide by");
  if ((await decide("second")) !== 0) throw new Error("the second process decided anew");

  // Someone who can write to the store, and does not know the secret: every entry becomes "allowed" for a long time.
  const evil = { kind: "verdict", verdict: { kind: "allowed" }, storedAt: 0, expiresAt: 1e15 };
  for (const at of keys) await store.set(at, `${"A".repeat(43)}.${JSON.stringify(evil)}`, 60_000);
  if ((await decide("third")) === 0) throw new Error("a forged entry was believed");
} finally {
  await store.disconnect();
  await registry.close();
  await server.close();
}
