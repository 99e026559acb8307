/**
 * Where an image is pulled from: one ordered list of attempts, whichever configuration it came from, and why.
 *
 * @module
 */
import {
  formatReference,
  type Reference,
  referenceName,
  trimReference,
  withDefaultTag,
} from "../../core/reference.ts";
import type { EndpointCapability } from "../endpoint.ts";
import type { ClientCertificate } from "./certificate-files.ts";
import { ALL_CAPABILITIES, credentialDomain, namespaceFor } from "./default-host.ts";
import type { ResolvedHost } from "./hosts-toml.ts";
import { type RegistriesConf, type RegistrySource, registryFor, registrySources } from "./registries.ts";
import type { RegistryEntry } from "./registries-conf.ts";
import { configError } from "./toml.ts";

/** TLS settings of an attempt, with files by name. */
export interface AttemptTls {
  /** Authorities, besides those of the system. */
  ca: readonly string[];
  client: readonly ClientCertificate[];
  /** Whether certificates are not checked. */
  skipVerify: boolean;
}

/** One place to pull from. */
export interface PullAttempt {
  /** What the place is to the image. */
  kind: "mirror" | "upstream";
  /** Root of the API: `https://mirror.example.com/prefix/v2`. */
  url: string;
  /** What is asked for there; its path goes below `url`. */
  reference: Reference;
  /** Host whose credentials are used: never those of another one. */
  domain: string;
  /** Value of the `ns` query; absent where the place is the image's own. */
  namespace?: string;
  capabilities: readonly EndpointCapability[];
  /** For this place alone. */
  headers: Readonly<Record<string, readonly string[]>>;
  tls: AttemptTls;
  /**
   * Whether plain HTTP is tried after TLS: `"not-tls"` where it turns out that the place speaks no TLS, `"any-failure"`
   * where it cannot be connected to for whatever reason.
   */
  httpFallback: "never" | "not-tls" | "any-failure";
  /** Longest time to connect, in milliseconds; absent where nothing is set. */
  connectTimeoutMs?: number;
  /** Why it is asked, for people. */
  reason: string;
}

/** One thing that was looked at. */
export interface PullTraceStep {
  /** Entry, mirror or host. */
  what: string;
  outcome: "matched" | "not-matched" | "asked" | "skipped" | "blocked";
  why: string;
}

/** Where an image is pulled from, or that it must not be pulled. */
export type PullSources =
  | { kind: "allowed"; attempts: readonly [PullAttempt, ...PullAttempt[]]; trace: readonly PullTraceStep[] }
  | { kind: "blocked"; prefix: string; origin: string; trace: readonly PullTraceStep[] };

/** What {@link resolvePullSources} goes by. */
export type MirrorConfig =
  /** As Podman and CRI-O do. */
  | { kind: "registries-conf"; config: RegistriesConf }
  /** As containerd does, with the hosts of the reference's namespace; see {@link resolveHosts}. */
  | { kind: "hosts"; hosts: readonly ResolvedHost[] };

const NO_TLS: AttemptTls = { ca: [], client: [], skipVerify: false };

/**
 * Where a reference is pulled from, in the order in which the places are asked.
 *
 * Nothing is asked here, and no file is read. A reference without tag and digest stands for `latest`.
 *
 * By `registries.conf` a blocked entry blocks its location; its mirrors are asked all the same, unless entries for their
 * own names block them: so is a source that must not be contacted written. Only where no place is left the whole is
 * blocked. An entry whose location is not below its prefix blocks here too, which containers/image does not do.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` if a location of the configuration makes no reference of this one, or
 * no host may be asked for it.
 */
export function resolvePullSources(reference: Reference, config: MirrorConfig): PullSources {
  const wanted = withDefaultTag(reference);
  return config.kind === "hosts" ? fromHosts(wanted, config.hosts) : fromRegistries(wanted, config.config);
}

function fromRegistries(reference: Reference, config: RegistriesConf): PullSources {
  const entry = registryFor(config, reference);
  if (!entry) {
    const why = `no prefix covers ${formatReference(reference)}`;
    const endpoint = { location: reference.domain, insecure: false };
    const attempt = registryAttempt({ kind: "location", endpoint, reference }, why);
    const step: PullTraceStep = { what: "registries.conf", outcome: "not-matched", why };
    return { kind: "allowed", attempts: [attempt], trace: [step, asked(attempt)] };
  }
  const trace: PullTraceStep[] = [
    {
      what: entry.prefix,
      outcome: "matched",
      why: `the longest prefix of ${entry.origin} that covers the reference`,
    },
  ];
  const { sources, skipped } = registrySources(entry, reference);
  for (const { mirror, why } of skipped) {
    const has = reference.digest === undefined ? "has no digest" : "has a digest";
    trace.push({ what: mirror.location, outcome: "skipped", why: `${why}, and the reference ${has}` });
  }
  const attempts: PullAttempt[] = [];
  for (const source of sources) {
    // A place may be blocked by the entry for its own name, too; whether it is insecure is said where it is named.
    const own = registryFor(config, trimReference(source.reference));
    const blocking = source.kind === "location" && entry.blocked ? entry : own?.blocked ? own : undefined;
    if (blocking) {
      const why = `${blocking.prefix} is blocked in ${blocking.origin}`;
      trace.push({ what: formatReference(source.reference), outcome: "blocked", why });
      continue;
    }
    const attempt = registryAttempt(source, reasonOf(source, entry));
    attempts.push(attempt);
    trace.push(asked(attempt));
  }
  const [first, ...rest] = attempts;
  if (!first) return { kind: "blocked", prefix: entry.prefix, origin: entry.origin, trace };
  return { kind: "allowed", attempts: [first, ...rest], trace };
}

function reasonOf({ kind }: RegistrySource, { prefix, origin }: RegistryEntry): string {
  return `${kind === "mirror" ? "mirror" : "location"} of ${prefix} in ${origin}`;
}

function registryAttempt({ kind, endpoint, reference }: RegistrySource, reason: string): PullAttempt {
  const { insecure } = endpoint;
  const host = reference.domain === "docker.io" ? "registry-1.docker.io" : reference.domain;
  return {
    kind: kind === "mirror" ? "mirror" : "upstream",
    url: `https://${host}/v2`,
    reference,
    domain: reference.domain,
    capabilities: ALL_CAPABILITIES,
    headers: {},
    tls: { ...NO_TLS, skipVerify: insecure },
    httpFallback: insecure ? "any-failure" : "never",
    reason,
  };
}

function fromHosts(reference: Reference, hosts: readonly ResolvedHost[]): PullSources {
  const needed: EndpointCapability[] = reference.digest === undefined ? ["pull", "resolve"] : ["pull"];
  const trace: PullTraceStep[] = [];
  const attempts: PullAttempt[] = [];
  for (const host of hosts) {
    const attempt = hostAttempt(reference, host);
    const missing = needed.find((each) => !host.capabilities.includes(each));
    if (missing === undefined) {
      attempts.push(attempt);
      trace.push(asked(attempt));
    } else {
      trace.push({ what: attempt.url, outcome: "skipped", why: `it is not for ${missing}` });
    }
  }
  return { kind: "allowed", attempts: nonEmpty(attempts), trace };
}

function hostAttempt(reference: Reference, host: ResolvedHost): PullAttempt {
  const namespace = namespaceFor(host.host, reference.domain);
  const reasons = {
    host: `host table for ${reference.domain}`,
    server: `server of ${reference.domain}`,
    default: `${reference.domain} itself`,
  };
  return {
    kind: host.origin === "host" ? "mirror" : "upstream",
    url: `${host.scheme}://${host.host}${host.path}`,
    reference,
    domain: credentialDomain(host.host),
    ...(namespace === undefined ? {} : { namespace }),
    capabilities: host.capabilities,
    headers: host.header ?? {},
    tls: { ca: host.ca ?? [], client: host.client ?? [], skipVerify: host.skipVerify ?? false },
    httpFallback: host.httpFallback ? "not-tls" : "never",
    ...(host.dialTimeoutMs === undefined ? {} : { connectTimeoutMs: host.dialTimeoutMs }),
    reason: reasons[host.origin],
  };
}

function asked({ url, reference, reason }: PullAttempt): PullTraceStep {
  return { what: `${url} for ${referenceName(reference)}`, outcome: "asked", why: reason };
}

function nonEmpty(attempts: PullAttempt[]): [PullAttempt, ...PullAttempt[]] {
  const [first, ...rest] = attempts;
  if (!first) throw configError("", "no host may be asked for the reference");
  return [first, ...rest];
}
