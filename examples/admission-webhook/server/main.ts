/**
 * An admission webhook: node:https and lading, nothing else.
 *
 *   node server/main.ts --tls /etc/lading/tls --policy /etc/lading/policy/policy.json
 *
 * It answers /validate and /mutate, /healthz, /readyz and /metrics. Certificates, policies and trust roots are read
 * again when they change. SIGTERM lets what is under way end.
 */
import { createServer } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import type { SecureContextOptions } from "node:tls";
import { createAnswerer } from "./answer.ts";
import { createDecider } from "./decider.ts";
import { log, textOf } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { readSettings } from "./settings.ts";
import { readTlsFiles, sameTlsFiles, type TlsFiles } from "./tls-files.ts";

/** Longer than the API server waits for any answer. */
const LAST_ANSWER_MS = 30_000;

const settings = readSettings(process.argv.slice(2));
const stopping = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stopping.abort());

const metrics = createMetrics();
const decider = createDecider(settings, metrics);
const { answer } = createAnswerer({ settings, metrics, decider, leaving: () => stopping.signal.aborted });

await decider.reload();
let tls = await firstTlsFiles();
if (tls) await serve(tls);
await decider.close();

/** The certificate may come later than the program; nothing at all if it is told to stop before. */
async function firstTlsFiles(): Promise<TlsFiles | undefined> {
  while (!stopping.signal.aborted) {
    try {
      return await readTlsFiles(settings.tls, settings.clientCa);
    } catch (error) {
      log("error", "there is no certificate yet", { error: textOf(error) });
      await pause();
    }
  }
  return undefined;
}

async function serve(first: TlsFiles): Promise<void> {
  const server = createServer(
    {
      ...optionsOf(first),
      // Probes and metrics have no certificate: who must have one is looked at for each path.
      requestCert: settings.clientCa !== undefined,
      rejectUnauthorized: false,
      requestTimeout: LAST_ANSWER_MS,
      headersTimeout: 10_000,
      keepAliveTimeout: 120_000,
    },
    (request, response) => void answer(request, response),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.port, settings.host, resolve);
  });
  const address = server.address();
  log("info", "listening", { port: typeof address === "object" ? address?.port : undefined });
  while (!stopping.signal.aborted) {
    await pause();
    await Promise.all([decider.reload(), reloadTls(server)]);
  }
  log("info", "leaving");
  // Readiness fails from now on; requests go on arriving until the Endpoints have changed.
  await wait(settings.drainMs);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await Promise.race([closed, wait(LAST_ANSWER_MS, undefined, { ref: false })]);
  server.closeAllConnections();
  log("info", "left");
}

async function reloadTls(server: ReturnType<typeof createServer>): Promise<void> {
  try {
    const read = await readTlsFiles(settings.tls, settings.clientCa);
    if (tls && sameTlsFiles(read, tls)) return;
    server.setSecureContext(optionsOf(read));
    tls = read;
    metrics.count("lading_webhook_reloads_total", { what: "tls", result: "taken" });
    log("info", "the certificate was replaced", { notAfter: new Date(read.notAfter).toISOString() });
  } catch (error) {
    // The last pair that belonged together stays.
    metrics.count("lading_webhook_reloads_total", { what: "tls", result: "refused" });
    log("error", "the certificate cannot be used; the old one stays", { error: textOf(error) });
  }
}

function optionsOf({ cert, key, ca, notAfter }: TlsFiles): SecureContextOptions {
  metrics.gauge("lading_webhook_certificate_end_seconds", notAfter / 1000);
  return { cert, key, minVersion: "TLSv1.2", ...(ca ? { ca } : {}) };
}

async function pause(): Promise<void> {
  await wait(settings.reloadMs, undefined, { signal: stopping.signal }).catch(() => {});
}
