/**
 * Writing to SPDY streams.
 *
 * @module
 */
import { delay } from "../../core/signal.ts";
import type { SpdyStream } from "../../cri/streaming/spdy-connection.ts";
import type { StreamingFaults } from "./types.ts";

/** Sends bytes on a stream; resolves when the connection takes more. Dropped where the stream is over. */
export async function writeToStream(
  stream: SpdyStream | undefined,
  bytes: Uint8Array,
  { fragmentBytes, delayMs }: StreamingFaults,
): Promise<void> {
  if (!stream) return;
  if (delayMs) await Promise.race([delay(delayMs), stream.gone]);
  const size = fragmentBytes ?? Math.max(bytes.byteLength, 1);
  for (let at = 0; at < bytes.byteLength; at += size) {
    await new Promise<void>((resolve) => {
      if (!stream.writable.writable) return resolve();
      stream.writable.write(bytes.subarray(at, at + size), () => resolve());
    });
  }
}

/** Ends the server's side of a stream; resolves when that is on its way, or the stream is over. */
export function endStream(stream: SpdyStream | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!stream?.writable.writable) return resolve();
    stream.writable.once("close", resolve);
    stream.writable.end(() => resolve());
  });
}
