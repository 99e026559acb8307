/**
 * Certificates in a folder, by the endings of their names: `*.crt` are authorities, `X.cert` and `X.key` belong
 * together.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-certs.d.5.md}
 * @module
 */
import { configError } from "./toml.ts";

/** A client's certificate: names of its file and of its key's, which is empty where one file holds both. */
export type ClientCertificate = readonly [cert: string, key: string];

/** What {@link certificateFiles} finds. */
export interface CertificateFiles {
  /** Certificate authorities, besides those of the system. */
  ca: string[];
  client: ClientCertificate[];
}

/** Options of {@link certificateFiles}. */
export interface CertificateFilesOptions {
  /** Whose rules: to `"containers"` a certificate without key and a key without certificate are errors. */
  rules: "containers" | "containerd";
}

/**
 * The certificates among the names of a folder's files. Other names count for nothing.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for half a pair, by the rules of containers.
 */
export function certificateFiles(
  names: readonly string[],
  { rules }: CertificateFilesOptions,
): CertificateFiles {
  const sorted = [...names].sort();
  const present = new Set(names);
  const client = sorted
    .filter((name) => name.endsWith(".cert"))
    .map((cert): ClientCertificate => {
      const key = `${cert.slice(0, -".cert".length)}.key`;
      if (present.has(key)) return [cert, key];
      if (rules === "containers") {
        throw configError("", `missing key ${key} for client certificate ${cert}`);
      }
      return [cert, ""];
    });
  for (const key of rules === "containers" ? sorted.filter((name) => name.endsWith(".key")) : []) {
    const cert = `${key.slice(0, -".key".length)}.cert`;
    if (!present.has(cert)) throw configError("", `missing client certificate ${cert} for key ${key}`);
  }
  return { ca: sorted.filter((name) => name.endsWith(".crt")), client };
}
