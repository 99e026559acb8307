/**
 * Which endpoints crictl would use, and why.
 *
 * For each setting a flag counts before the environment, that before the configuration file, and that before the
 * default. Without a set endpoint there are the default sockets of the platform, to be tried in their order.
 *
 * @see {@link https://github.com/kubernetes-sigs/cri-tools/blob/v1.36.0/docs/crictl.md}
 * @module
 */
import type { CrictlConfig } from "./crictl-config.ts";

/** Where a setting comes from. */
export type CriSettingOrigin =
  | "flag"
  | "environment"
  | "file"
  /** The image service is looked for where the runtime is. */
  | "runtime-endpoint"
  | "default";

/** A setting and where it comes from. */
export interface CriSetting<T> {
  value: T;
  origin: CriSettingOrigin;
}

/** Settings that a caller was given by its own user. */
export interface CriEndpointFlags {
  runtimeEndpoint?: string | undefined;
  imageEndpoint?: string | undefined;
  /** Seconds for each call; 0 or less: not set. */
  timeout?: number | undefined;
  /** How many times connecting is tried again; without end below 0. */
  maxRetries?: number | undefined;
}

/** What {@link resolveCriEndpoints} decides by. */
export interface ResolveCriEndpointsInput {
  flags?: CriEndpointFlags | undefined;
  /** `CONTAINER_RUNTIME_ENDPOINT` and `IMAGE_SERVICE_ENDPOINT` are read from it. An empty text is none. */
  env: Readonly<Record<string, string | undefined>>;
  /** Absent: there is no configuration file, which is not the same as an empty one. */
  config?: CrictlConfig | undefined;
  platform: NodeJS.Platform;
}

/** What {@link resolveCriEndpoints} decides. */
export interface ResolvedCriEndpoints {
  /** Endpoints to try in order: one that is set, or those of `defaultCriEndpoints`. */
  runtime: CriSetting<readonly string[]>;
  image: CriSetting<readonly string[]>;
  /** Milliseconds for each call. */
  timeoutMs: CriSetting<number>;
  /** How many times connecting is tried again; `Infinity` for no end. Only for an endpoint that is set. */
  connectRetries: CriSetting<number>;
}

const TIMEOUT_SECONDS = 2;
const WINDOWS_TIMEOUT_SECONDS = 200;
const MAX_RETRIES = 3;

/** The sockets that crictl tries when no endpoint is set, the first one first. */
export function defaultCriEndpoints(platform: NodeJS.Platform): readonly string[] {
  if (platform === "win32") {
    return ["npipe:////./pipe/containerd-containerd", "npipe:////./pipe/cri-dockerd"];
  }
  const run = platform === "freebsd" ? "/var/run" : "/run";
  return [
    `unix://${run}/containerd/containerd.sock`,
    `unix://${run}/crio/crio.sock`,
    "unix:///var/run/cri-dockerd.sock",
  ];
}

/** The endpoints, time and retries that the settings come to. No endpoint is parsed, and none is tried. */
export function resolveCriEndpoints(input: ResolveCriEndpointsInput): ResolvedCriEndpoints {
  const { flags = {}, env, config, platform } = input;
  const sockets = defaultCriEndpoints(platform);
  const runtime = firstSet(
    ["flag", flags.runtimeEndpoint],
    ["environment", env["CONTAINER_RUNTIME_ENDPOINT"]],
    ["file", config?.runtimeEndpoint],
  );
  const image = firstSet(
    ["flag", flags.imageEndpoint],
    ["environment", env["IMAGE_SERVICE_ENDPOINT"]],
    ["file", config?.imageEndpoint],
    ["runtime-endpoint", runtime?.value[0]],
  );
  const unset: CriSetting<readonly string[]> = { value: sockets, origin: "default" };
  return {
    runtime: runtime ?? unset,
    image: image ?? unset,
    timeoutMs: timeoutOf(flags, config, platform),
    connectRetries: retriesOf(flags, config),
  };
}

function firstSet(
  ...candidates: [origin: CriSettingOrigin, endpoint: string | undefined][]
): CriSetting<readonly string[]> | undefined {
  for (const [origin, endpoint] of candidates) {
    if (endpoint !== undefined && endpoint !== "") return { value: [endpoint], origin };
  }
  return undefined;
}

function timeoutOf(
  flags: CriEndpointFlags,
  config: CrictlConfig | undefined,
  platform: NodeJS.Platform,
): CriSetting<number> {
  const { timeout = 0 } = flags;
  if (timeout > 0) return { value: milliseconds(timeout), origin: "flag" };
  if (config && config.timeout > 0) return { value: milliseconds(config.timeout), origin: "file" };
  const seconds = platform === "win32" ? WINDOWS_TIMEOUT_SECONDS : TIMEOUT_SECONDS;
  return { value: milliseconds(seconds), origin: "default" };
}

/** At most what a call takes. */
function milliseconds(seconds: number): number {
  return Math.min(Math.ceil(seconds * 1000), 2 ** 31 - 1);
}

function retriesOf({ maxRetries }: CriEndpointFlags, config: CrictlConfig | undefined): CriSetting<number> {
  const value = maxRetries ?? config?.maxRetries ?? MAX_RETRIES;
  const origin = maxRetries !== undefined ? "flag" : config ? "file" : "default";
  return { value: value < 0 ? Infinity : value, origin };
}
