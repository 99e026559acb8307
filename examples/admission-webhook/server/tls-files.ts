/**
 * Certificate and key out of mounted files, which change while the server runs.
 *
 * The kubelet changes a mounted Secret by swapping a symbolic link, some other tools write one file after the other. So
 * the files are read again and again, and only a pair that belongs together is taken.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
  /** When the certificate ends, in milliseconds since 1970. */
  readonly notAfter: number;
}

/** Rejects for files that are missing, half-written, or do not belong together. */
export async function readTlsFiles(folder: string, clientCa: string | undefined): Promise<TlsFiles> {
  const [cert, key, ca] = await Promise.all([
    readFile(join(folder, "tls.crt")),
    readFile(join(folder, "tls.key")),
    clientCa === undefined ? undefined : readFile(clientCa),
  ]);
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key)))
    throw new Error("tls.key is not the key of tls.crt");
  // A list of authorities that was cut would let nobody in.
  if (ca) new X509Certificate(ca);
  return { cert, key, ca, notAfter: Date.parse(certificate.validTo) };
}

export function sameTlsFiles(a: TlsFiles, b: TlsFiles): boolean {
  return a.cert.equals(b.cert) && a.key.equals(b.key) && (a.ca?.equals(b.ca ?? Buffer.alloc(0)) ?? !b.ca);
}
