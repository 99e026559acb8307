/** What the webhook is started with. */
import { parseArgs } from "node:util";
import type { AdmissionMode } from "lading/admission";

export interface Settings {
  host: string;
  port: number;
  /** A folder with `tls.crt` and `tls.key`, as a Secret of type `kubernetes.io/tls` is mounted. */
  tls: string;
  /** Certificates of which callers must have one; without it anybody may ask. */
  clientCa: string | undefined;
  /** The policy of all namespaces that have none of their own. */
  policy: string;
  /** `NAMESPACE.json`: as CRI-O's `signature_policy_dir`. */
  policyFolder: string | undefined;
  platforms: { os: string; architecture: string }[];
  mode: AdmissionMode;
  /** Namespaces in mode `warn`, whatever `mode` is. */
  warnNamespaces: ReadonlySet<string>;
  /** Credentials of registries: `auth.json`, or a mounted pull secret. */
  authFile: string | undefined;
  redis:
    | { url: string; passwordFile: string | undefined; ca: string | undefined; secrets: string[] }
    | undefined;
  reloadMs: number;
  /** How long it goes on answering after SIGTERM before it stops listening: Endpoints take a while to change. */
  drainMs: number;
  maxBodyBytes: number;
  /** Most bytes of bodies that are held at a time. */
  maxHeldBytes: number;
}

export function readSettings(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      listen: { type: "string", default: "0.0.0.0:8443" },
      tls: { type: "string", default: "/etc/lading/tls" },
      "client-ca": { type: "string" },
      policy: { type: "string", default: "/etc/lading/policy/policy.json" },
      "policy-dir": { type: "string" },
      platform: { type: "string", multiple: true, default: ["linux/amd64"] },
      mode: { type: "string", default: "enforce" },
      "warn-namespace": { type: "string", multiple: true, default: [] },
      "auth-file": { type: "string" },
      redis: { type: "string" },
      "redis-password-file": { type: "string" },
      "redis-ca": { type: "string" },
      "cache-secret": { type: "string", multiple: true, default: [] },
      "reload-seconds": { type: "string", default: "5" },
      "drain-seconds": { type: "string", default: "5" },
      "max-body-bytes": { type: "string", default: String(7 * 1024 * 1024) },
      "max-held-bytes": { type: "string", default: String(128 * 1024 * 1024) },
    },
  });
  const listen = /^(.*):(\d+)$/.exec(values.listen);
  const { mode } = values;
  if (!listen) throw new TypeError("--listen must be HOST:PORT");
  if (mode !== "enforce" && mode !== "warn" && mode !== "audit") throw new TypeError(`no such mode: ${mode}`);
  if (values.redis !== undefined && values["cache-secret"].length === 0) {
    throw new TypeError(
      "--redis needs a --cache-secret: whoever writes to a store must not decide what is allowed",
    );
  }
  return {
    host: (listen[1] ?? "").replace(/^\[(.*)\]$/, "$1"),
    port: Number(listen[2]),
    tls: values.tls,
    clientCa: values["client-ca"],
    policy: values.policy,
    policyFolder: values["policy-dir"],
    platforms: values.platform.map(platformOf),
    mode,
    warnNamespaces: new Set(values["warn-namespace"]),
    authFile: values["auth-file"],
    redis:
      values.redis === undefined
        ? undefined
        : {
            url: values.redis,
            passwordFile: values["redis-password-file"],
            ca: values["redis-ca"],
            secrets: values["cache-secret"],
          },
    reloadMs: 1000 * numberOf(values["reload-seconds"]),
    drainMs: 1000 * numberOf(values["drain-seconds"]),
    maxBodyBytes: numberOf(values["max-body-bytes"]),
    maxHeldBytes: numberOf(values["max-held-bytes"]),
  };
}

function platformOf(text: string): Settings["platforms"][number] {
  const [os, architecture, ...more] = text.split("/");
  if (!os || !architecture || more.length > 0)
    throw new TypeError(`--platform must be OS/ARCHITECTURE: ${text}`);
  return { os, architecture };
}

function numberOf(text: string): number {
  const number = Number(text);
  if (!(number >= 0)) throw new TypeError(`not a number: ${text}`);
  return number;
}
