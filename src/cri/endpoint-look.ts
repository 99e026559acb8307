/**
 * What can be seen of an endpoint without speaking the interface: its file, and the first bytes of who listens.
 *
 * @module
 */
import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import type { SignalOptions } from "../core/signal.ts";

/** Who may open a file. */
export interface CriFileAccess {
  path: string;
  /** Permission bits in octal, such as `0660`. */
  mode: string;
  /** User id of the owner. */
  uid: number;
  /** Group id. */
  gid: number;
}

/** What is at the path of a socket. */
export type SocketFile =
  | { kind: "socket"; file: CriFileAccess }
  /** Something else, such as a `"directory"`. */
  | { kind: "other"; file: CriFileAccess; type: string }
  /** Nothing; `missing` is the highest path that is not there. */
  | { kind: "absent"; missing: string }
  /** The folder does not let this process see what is in it. */
  | { kind: "hidden"; folder: CriFileAccess }
  | { kind: "unknown"; cause: unknown };

/** Looks at a path; symbolic links are followed. Never rejects. */
export async function lookAtSocketFile(path: string): Promise<SocketFile> {
  try {
    const found = await stat(path);
    const file = accessOf(path, found);
    if (!found.isSocket()) return { kind: "other", file, type: typeOf(found) };
    return { kind: "socket", file };
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "EACCES") return await hidingFolder(path, cause);
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "absent", missing: await firstMissing(path) };
    return { kind: "unknown", cause };
  }
}

/** The folder that may not be searched: the deepest one of the path that can be seen. */
async function hidingFolder(path: string, cause: unknown): Promise<SocketFile> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      return { kind: "hidden", folder: accessOf(folder, await stat(folder)) };
    } catch (error) {
      if (codeOf(error) !== "EACCES" || folder === dirname(folder)) return { kind: "unknown", cause };
    }
  }
}

async function firstMissing(path: string): Promise<string> {
  let missing = path;
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      await stat(folder);
      return missing;
    } catch {
      missing = folder;
    }
  }
  return missing;
}

function accessOf(path: string, { mode, uid, gid }: Stats): CriFileAccess {
  return { path, mode: (mode & 0o7777).toString(8).padStart(4, "0"), uid, gid };
}

function typeOf(found: Stats): string {
  if (found.isDirectory()) return "directory";
  if (found.isFile()) return "regular file";
  if (found.isFIFO()) return "pipe";
  return "device";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** What somebody who listens says to the greeting of HTTP/2. */
export type Greeting =
  /** The settings with which every server of HTTP/2 begins. */
  | { kind: "http2" }
  /** Something else: its first bytes, what is not printable shown as `\xNN`. */
  | { kind: "other"; seen: string }
  /** Nothing, until the time was over. */
  | { kind: "silent" }
  /** Nothing, and the connection is closed or broken. */
  | { kind: "closed" };

/** Connection preface of HTTP/2 with an empty SETTINGS frame (RFC 9113, section 3.4). */
const PREFACE = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
  Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0),
]);

const SETTINGS_FRAME = 4;
const FRAME_HEADER_BYTES = 9;
const MAX_SEEN_BYTES = 120;

/** Greets over a socket that is connected or about to be, which is destroyed then. Rejects only at an abort. */
export function greet(socket: Socket, waitMs: number, { signal }: SignalOptions = {}): Promise<Greeting> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const release = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.destroy();
    };
    const settle = (greeting: Greeting) => {
      resolve(greeting);
      release();
    };
    const onAbort = () => {
      reject(signal?.reason);
      release();
    };
    const last = (otherwise: Greeting) => settle(seen.length > 0 ? otherOf(seen) : otherwise);
    const timer = setTimeout(() => last({ kind: "silent" }), waitMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.on("error", () => last({ kind: "closed" }));
    socket.on("end", () => last({ kind: "closed" }));
    socket.on("close", () => last({ kind: "closed" }));
    if (signal?.aborted) onAbort();
    socket.on("data", (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk.subarray(0, MAX_SEEN_BYTES)]);
      if (isSettings(seen)) settle({ kind: "http2" });
      else if (seen.length >= MAX_SEEN_BYTES) settle(otherOf(seen));
    });
    if (!socket.destroyed) socket.write(PREFACE);
  });
}

/** Whether these bytes begin with a SETTINGS frame of stream 0 that is as long as such a frame can be. */
function isSettings(seen: Buffer): boolean {
  if (seen.length < FRAME_HEADER_BYTES) return false;
  const length = seen.readUIntBE(0, 3);
  return seen[3] === SETTINGS_FRAME && seen.readUInt32BE(5) === 0 && length % 6 === 0 && length <= 16_384;
}

function otherOf(seen: Buffer): Greeting {
  const text = seen
    .subarray(0, MAX_SEEN_BYTES)
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]/g, (character) =>
      character === "\r" || character === "\n"
        ? " "
        : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    );
  return { kind: "other", seen: text.trim() };
}
