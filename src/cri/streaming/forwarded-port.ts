/**
 * Which local port leads to which port of a pod.
 *
 * ```text
 * ports = remote                          ; the same port on both sides
 *       / [local] ":" remote              ; without local, or with 0: any free one
 * ```
 *
 * @module
 */
import { CriError } from "../errors.ts";

/** A port of a pod, and the local one that leads to it. */
export interface ForwardedPort {
  /** Port of the pod, 1 to 65535. */
  remote: number;
  /** Local port, 0 to 65535; 0 or absent for any free one. */
  local?: number | undefined;
}

/**
 * The ports in a text, such as `8080:80`, `:80` or `80`.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a text outside the grammar.
 */
export function parseForwardedPort(text: string): { remote: number; local: number } {
  const [, local, remote] = /^(?:([0-9]{0,5}):)?([0-9]{1,5})$/.exec(text) ?? [];
  const ports = { remote: Number(remote), local: Number(local ?? remote) };
  if (remote !== undefined && ports.remote >= 1 && ports.remote <= 65_535 && ports.local <= 65_535)
    return ports;
  throw new CriError("ERR_CRI_QUERY_INVALID", `${JSON.stringify(text.slice(0, 40))} is not [LOCAL:]REMOTE`);
}

/** Fails for a number that is no port. */
export function assertPort(name: string, port: number, min: 0 | 1): void {
  if (!Number.isInteger(port) || port < min || port > 65_535) {
    throw new RangeError(`${name} must be a whole number from ${min} to 65535, got ${port}`);
  }
}
