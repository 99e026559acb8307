/** The example of an admission webhook, as a process of its own with TLS, and a client of it. */
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { AdmissionResponse } from "../../src/admission/index.ts";
import { type MintedCertificate, mintCertificate } from "../../src/testing/index.ts";
import { type Daemon, freePort, startDaemon, waitFor } from "./process.ts";

const MAIN = resolve(import.meta.dirname, "../../examples/admission-webhook/server/main.ts");

/** An authority, or what one certifies for `localhost`. */
export function minted(subject: string, issuer?: MintedCertificate): MintedCertificate {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const hosts = issuer ? { hosts: ["localhost"], issuer } : {};
  return mintCertificate({ subject, isCa: issuer === undefined, ...hosts, ...validity });
}

export function keyPem({ key }: MintedCertificate): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

/** An answer of the webhook. */
export interface Reply {
  status: number;
  text: string;
  headers: Record<string, string | string[] | undefined>;
  /** Serial number of the certificate of the connection. */
  serial: string;
}

/** How a request is sent. */
export interface PostOptions {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  agent?: Agent;
  /** A certificate of the client. */
  client?: MintedCertificate;
  signal?: AbortSignal;
}

/** A folder with a certificate and policies, as they are mounted into a Pod. */
export interface WebhookFolder {
  readonly path: string;
  readonly authority: MintedCertificate;
  /** Puts a certificate, a policy of a namespace, or the general one, in place, as the kubelet does. */
  putTls(certificate?: MintedCertificate): Promise<string>;
  /** Writes what may be half of a pair. */
  writeTls(files: { cert?: string; key?: string }): Promise<void>;
  putPolicy(policy: object | string, namespace?: string): Promise<void>;
  remove(): Promise<void>;
}

export async function webhookFolder(): Promise<WebhookFolder> {
  const path = await mkdtemp(join(tmpdir(), "lading-webhook-"));
  const authority = minted("authority");
  await mkdir(join(path, "tls"));
  await mkdir(join(path, "namespaces"));
  await writeFile(join(path, "ca.pem"), authority.pem);
  let version = 0;
  /** A new folder, to which a link is moved in one step, behind the links that are read. */
  async function swap(files: Readonly<Record<string, string>>): Promise<void> {
    const name = `..version-${++version}`;
    await mkdir(join(path, "tls", name));
    for (const [file, content] of Object.entries(files))
      await writeFile(join(path, "tls", name, file), content);
    await symlink(name, join(path, "tls", "..data-new"));
    await rename(join(path, "tls", "..data-new"), join(path, "tls", "..data"));
    for (const file of ["tls.crt", "tls.key"]) {
      const link = join(path, "tls", file);
      await unlink(link).catch(() => {});
      await symlink(join("..data", file), link);
    }
  }
  return {
    path,
    authority,
    async putTls(certificate = minted("webhook", authority)) {
      await swap({ "tls.crt": certificate.pem, "tls.key": keyPem(certificate) });
      return certificate.pem;
    },
    writeTls: ({ cert = "", key = "" }) => swap({ "tls.crt": cert, "tls.key": key }),
    async putPolicy(policy, namespace) {
      const file = namespace === undefined ? "policy.json" : join("namespaces", `${namespace}.json`);
      const text = typeof policy === "string" ? policy : JSON.stringify(policy);
      await writeFile(join(path, `${file}.new`), text);
      await rename(join(path, `${file}.new`), join(path, file));
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** A webhook that runs. */
export interface RunningWebhook {
  readonly port: number;
  readonly pid: number;
  send(body: string | Uint8Array, options?: PostOptions): Promise<Reply>;
  /** The response in the AdmissionReview that answers one. */
  review(review: unknown, options?: PostOptions): Promise<AdmissionResponse>;
  get(path: string): Promise<Reply>;
  /** Its log, as objects. */
  log(): { level: string; message: string; [name: string]: unknown }[];
  /** Waits for a line of the log. */
  logged(message: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  ended(): boolean;
  stop(): Promise<void>;
}

/** Starts the webhook, and waits until it listens unless it is not to. */
export async function startWebhook(
  folder: WebhookFolder,
  args: readonly string[] = [],
  { listens = true }: { listens?: boolean } = {},
): Promise<RunningWebhook> {
  const port = await freePort();
  const logFile = join(folder.path, `log-${port}`);
  const flags = [
    ...["--conditions=lading-source", MAIN, "--listen", `127.0.0.1:${port}`],
    ...["--tls", join(folder.path, "tls"), "--policy", join(folder.path, "policy.json")],
    ...["--policy-dir", join(folder.path, "namespaces"), "--reload-seconds", "0.1", "--drain-seconds", "0.3"],
    ...args,
  ];
  const daemon: Daemon = startDaemon(process.execPath, flags, logFile);
  const agent = new Agent({ keepAlive: true, maxCachedSessions: 0 });
  const log: RunningWebhook["log"] = () =>
    daemon
      .log()
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as ReturnType<RunningWebhook["log"]>[number]);

  const send: RunningWebhook["send"] = (body, options = {}) =>
    new Promise((done, fail) => {
      const { path = "/validate?timeout=10s", method = "POST", client, signal } = options;
      const sent = request(
        {
          ...{ host: "127.0.0.1", servername: "localhost", port, method, path, ca: folder.authority.pem },
          agent: client ? new Agent() : (options.agent ?? agent),
          ...(client ? { cert: client.pem, key: keyPem(client) } : {}),
          headers: { "Content-Type": "application/json", ...options.headers },
          ...(signal ? { signal } : {}),
        },
        (response) => {
          const socket = response.socket as typeof response.socket & {
            getPeerCertificate(): { serialNumber: string };
          };
          const { serialNumber: serial } = socket.getPeerCertificate();
          let text = "";
          response
            .setEncoding("utf8")
            .on("data", (part: string) => {
              text += part;
            })
            .on("end", () =>
              done({ status: response.statusCode ?? 0, text, headers: response.headers, serial }),
            )
            .on("error", fail);
        },
      );
      sent.on("error", fail).end(body);
    });
  const webhook: RunningWebhook = {
    port,
    pid: daemon.pid,
    send,
    async review(review, options) {
      const { status, text } = await send(JSON.stringify(review), options);
      if (status !== 200) throw new Error(`HTTP ${status}: ${text}`);
      return (JSON.parse(text) as { response: AdmissionResponse }).response;
    },
    get: (path) => send("", { method: "GET", path }),
    log,
    logged: (message) =>
      waitFor(daemon, async () => {
        if (!log().some((line) => message.test(line.message))) throw new Error(`not logged: ${message}`);
      }),
    signal: (name) => void process.kill(daemon.pid, name),
    ended: daemon.ended,
    async stop() {
      agent.destroy();
      await daemon.stop();
    },
  };
  if (!listens) return webhook;
  try {
    await webhook.logged(/^listening$/);
    return webhook;
  } catch (error) {
    await webhook.stop();
    throw error;
  }
}
