/**
 * The runtime of this machine, found as crictl finds it: by the environment, crictl's configuration file and the
 * default sockets. This file reads both of them, unlike the rest of the module.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { collectBytes } from "../core/bytes.ts";
import type { SignalOptions } from "../core/signal.ts";
import { type ConnectCriOptions, type CriConnection, connectCri } from "./connect.ts";
import { type CrictlConfig, parseCrictlConfig } from "./crictl-config.ts";
import {
  type CriEndpointFlags,
  type CriSettingOrigin,
  type ResolvedCriEndpoints,
  resolveCriEndpoints,
} from "./crictl-endpoints.ts";
import { CriError } from "./errors.ts";

/** Options of {@link discoverCri}; those of a connection hold for each that is tried. */
export interface DiscoverCriOptions
  extends SignalOptions,
    Pick<ConnectCriOptions, "maxReceiveBytes" | "allowTcp" | "tls" | "keepalive"> {
  /** What counts before the environment and the configuration file. */
  flags?: CriEndpointFlags | undefined;
  /** Path of the configuration file, which must be there. Default: `CRI_CONFIG_FILE`, else the platform's own. */
  configFile?: string | undefined;
  /** Default: the environment of the process. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Default: that of the process. */
  platform?: NodeJS.Platform | undefined;
  /** The text of a file; a file that is not there is an error with `code` `ENOENT`. Default: reads the disk. */
  readFile?: ((path: string, options: SignalOptions) => Promise<string>) | undefined;
  /** Endpoints to try in order when none is set. Default: those of `defaultCriEndpoints`. */
  sockets?: readonly string[] | undefined;
}

/** An endpoint that was tried. */
export interface CriDiscoveryAttempt {
  service: "runtime" | "image";
  endpoint: string;
  /** Why it was not taken; absent for the one that was. */
  error?: CriError;
}

/** How a connection was found. */
export interface CriDiscovery {
  /** The configuration file that was read; absent if there is none. */
  configFile?: string;
  /** Where the endpoint of the runtime comes from. */
  runtimeOrigin: CriSettingOrigin;
  /** Where that of the image service comes from. */
  imageOrigin: CriSettingOrigin;
  /** Milliseconds for each call, by the flags or the file. The connection does not apply it: give it to calls. */
  timeoutMs: number;
  /** What was tried, in order. */
  attempts: readonly CriDiscoveryAttempt[];
}

/** A connection and how it was found. */
export interface DiscoveredCri extends CriConnection {
  readonly discovery: CriDiscovery;
}

/** Largest configuration file that is read, in bytes. */
const MAX_CONFIG_BYTES = 256 * 1024;

/**
 * A connection to the runtime of this machine, as crictl would choose it.
 *
 * Of an endpoint that is set nothing else is tried. Without one, the first of the default sockets whose runtime
 * answers `Version`, and for images the first that answers `ImageFsInfo`, within the configured time each. Which
 * one that is says nothing of whether the kubelet uses it.
 *
 * @throws {CriError} `ERR_CRI_NO_ENDPOINT` if no default socket answers; the message lists each, and `cause` is an
 * `AggregateError` of their errors.
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` if the configuration file cannot be read or used, or is named and not
 * there; `systemCode` says why it cannot be read.
 * @throws {CriError} the error of `connectCri` for an endpoint that is set.
 * @see {@link https://github.com/kubernetes-sigs/cri-tools/blob/v1.36.0/docs/crictl.md}
 */
export async function discoverCri(options: DiscoverCriOptions = {}): Promise<DiscoveredCri> {
  const { env = process.env, platform = process.platform, flags, signal } = options;
  signal?.throwIfAborted();
  const file = await loadConfig(options, env, platform);
  const settings = resolveCriEndpoints({ flags, env, config: file?.config, platform });
  const attempts: CriDiscoveryAttempt[] = [];
  const search: Search = { options, settings, attempts };
  const runtime = await firstOf(search, "runtime", (endpoint) => connect(search, { endpoint }));
  let cri: CriConnection;
  try {
    cri = await firstOf(search, "image", (endpoint) => withImages(search, runtime, endpoint));
  } catch (error) {
    await runtime.close();
    throw error;
  }
  if (cri !== runtime) await runtime.close();
  return {
    ...cri,
    discovery: {
      ...(file ? { configFile: file.path } : {}),
      runtimeOrigin: settings.runtime.origin,
      imageOrigin: settings.image.origin,
      timeoutMs: settings.timeoutMs.value,
      attempts,
    },
  };
}

/** What both searches share. */
interface Search {
  options: DiscoverCriOptions;
  settings: ResolvedCriEndpoints;
  attempts: CriDiscoveryAttempt[];
}

/** The first endpoint of a service that serves. */
async function firstOf(
  { options, settings, attempts }: Search,
  service: "runtime" | "image",
  open: (endpoint: string) => Promise<CriConnection>,
): Promise<CriConnection> {
  const { value, origin } = settings[service];
  const isSet = origin !== "default";
  const errors: CriError[] = [];
  for (const endpoint of isSet ? value : (options.sockets ?? value)) {
    try {
      const cri = await open(endpoint);
      attempts.push({ service, endpoint });
      return cri;
    } catch (error) {
      if (error instanceof CriError) {
        attempts.push({ service, endpoint, error });
        errors.push(error);
      }
      if (isSet || !(error instanceof CriError)) throw error;
    }
  }
  const what = service === "runtime" ? "runtime" : "image service";
  const tried = attempts
    .filter((attempt) => attempt.service === service)
    .map(({ endpoint, error }) => `${endpoint}: ${error?.message}`);
  const message = `no endpoint is set, and no ${what} answers: ${tried.join("; ") || "no socket to try"}`;
  throw new CriError("ERR_CRI_NO_ENDPOINT", message, { cause: new AggregateError(errors, message) });
}

function connect(
  { options, settings }: Search,
  endpoints: Pick<ConnectCriOptions, "endpoint" | "imageEndpoint">,
): Promise<CriConnection> {
  const { signal, maxReceiveBytes, allowTcp, tls, keepalive } = options;
  const isSet = settings.runtime.origin !== "default";
  return connectCri({
    ...endpoints,
    signal,
    maxReceiveBytes,
    allowTcp,
    tls,
    keepalive,
    connectTimeoutMs: settings.timeoutMs.value,
    connectRetries: isSet ? settings.connectRetries.value : 0,
  });
}

/** The connection to the runtime if it serves the images of this endpoint too, else one to both. */
async function withImages(search: Search, runtime: CriConnection, endpoint: string): Promise<CriConnection> {
  if (endpoint !== runtime.endpoint && search.settings.image.origin !== "runtime-endpoint") {
    const both = await connect(search, { endpoint: runtime.endpoint, imageEndpoint: endpoint });
    if (both.imageEndpoint !== runtime.endpoint) return both;
    // Another form of the same endpoint, of which connecting asks nothing.
    await both.close();
  }
  const { signal } = search.options;
  await runtime.image.imageFsInfo({}, { signal, timeoutMs: search.settings.timeoutMs.value });
  return runtime;
}

async function loadConfig(
  options: DiscoverCriOptions,
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): Promise<{ path: string; config: CrictlConfig } | undefined> {
  const { configFile, readFile = readBounded, signal } = options;
  const named = configFile ?? (env["CRI_CONFIG_FILE"] || undefined);
  const path = named ?? defaultConfigFile(env, platform);
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(path, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
    // A path below something that is no folder is as absent as one in a folder that is not there.
    if (named === undefined && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    const message = `crictl's configuration ${path} cannot be read: ${code ?? String(cause)}`;
    const systemCode = code === undefined ? {} : { systemCode: code };
    throw new CriError("ERR_CRI_CONFIG_INVALID", message, { ...systemCode, cause });
  }
  try {
    return { path, config: parseCrictlConfig(text) };
  } catch (cause) {
    if (!(cause instanceof CriError)) throw cause;
    throw new CriError("ERR_CRI_CONFIG_INVALID", `${path}: ${cause.message}`, { cause });
  }
}

function defaultConfigFile(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string | undefined {
  if (platform === "win32") {
    const home = env["USERPROFILE"];
    return home ? `${home}\\.crictl\\crictl.yaml` : undefined;
  }
  return platform === "freebsd" ? "/usr/local/etc/crictl.yaml" : "/etc/crictl.yaml";
}

async function readBounded(path: string, { signal }: SignalOptions): Promise<string> {
  const bytes = await collectBytes(createReadStream(path), { maxBytes: MAX_CONFIG_BYTES, signal });
  return Buffer.from(bytes).toString("utf8");
}
