/** A private docker-registry on a loopback port. */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestAlgorithm, digestHex, parseDigest } from "../../src/core/digest.ts";
import { freePort, startDaemon, waitFor, whyNoPrograms } from "./process.ts";
import { startTokenServer } from "./token-server.ts";

/** Options of {@link startDockerRegistry}. */
export interface StartDockerRegistryOptions {
  /** Passwords by user name. Without any, the registry takes everything from everybody. */
  users?: Readonly<Record<string, string>> | undefined;
  /** How users are known: by Basic, the default, or by tokens of a server of its own. */
  auth?: "basic" | "token" | undefined;
}

/** A registry that runs. */
export interface DockerRegistry {
  /** `127.0.0.1:PORT`; it speaks plain HTTP. */
  readonly host: string;
  /** Path of the file in which it keeps a blob or manifest, whatever the repository. */
  blobFile(digest: string): string;
  /** Ends it and removes its storage. */
  stop(): Promise<void>;
}

/** Why no registry can be started here; undefined if one can. */
export function whyNoDockerRegistry({ users, auth }: StartDockerRegistryOptions = {}): string | undefined {
  return whyNoPrograms("docker-registry", ...(users && auth !== "token" ? ["htpasswd"] : []));
}

/** Starts a registry with empty storage in a folder of its own. */
export async function startDockerRegistry(options: StartDockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "lading-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const storage = join(folder, "storage");
  await mkdir(storage);
  const { users = {}, auth = "basic" } = options;
  const tokens = auth === "token" ? await startTokenServer(folder, users) : undefined;
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: storage },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: host, secret: "test" },
    ...(options.users ? { auth: tokens?.auth ?? (await passwordFile(folder, users)) } : {}),
  };
  // YAML is a superset of JSON.
  await writeFile(join(folder, "config.yml"), JSON.stringify(config));
  const daemon = startDaemon("docker-registry", ["serve", join(folder, "config.yml")], join(folder, "log"));
  const stop = async () => {
    await daemon.stop();
    await tokens?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await waitFor(daemon, () => expectAnswer(`http://${host}/v2/`, options.users ? 401 : 200));
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, blobFile: (digest) => blobFile(storage, digest), stop };
}

async function passwordFile(folder: string, users: Readonly<Record<string, string>>): Promise<object> {
  const path = join(folder, "htpasswd");
  const lines = Object.entries(users).map(([user, password]) => {
    const { status, stdout, stderr } = spawnSync("htpasswd", ["-Bbn", user, password], { encoding: "utf8" });
    if (status !== 0) throw new Error(`htpasswd: ${stderr}`);
    return stdout.trim();
  });
  await writeFile(path, `${lines.join("\n")}\n`);
  return { htpasswd: { realm: "test", path } };
}

function blobFile(storage: string, text: string): string {
  const digest = parseDigest(text);
  const hex = digestHex(digest);
  return join(storage, "docker/registry/v2/blobs", digestAlgorithm(digest), hex.slice(0, 2), hex, "data");
}

async function expectAnswer(url: string, status: number): Promise<void> {
  const response = await fetch(url);
  await response.body?.cancel();
  if (response.status !== status) throw new Error(`${url}: HTTP ${response.status}`);
}
