/** Bodies of requests, read within limits. */
import type { IncomingMessage } from "node:http";

/** How a call fails that cannot be answered with an AdmissionReview. */
export interface FailedCall {
  readonly status: number;
  readonly text: string;
}

/** Bytes that all requests hold together. */
export interface HeldBytes {
  bytes: number;
  readonly max: number;
}

/** The body, or why there is none; nothing where the caller went away. Whoever gets one gives its bytes back. */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  held: HeldBytes,
): Promise<Buffer | FailedCall | undefined> {
  const tooLarge = { status: 413, text: `more than ${maxBytes} bytes` };
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let total = 0;
  let failed: FailedCall | undefined;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      total += chunk.byteLength;
      held.bytes += chunk.byteLength;
      if (total > maxBytes) failed = tooLarge;
      else if (held.bytes > held.max) failed = { status: 503, text: "too many bodies at a time" };
      if (failed) break;
      chunks.push(chunk);
    }
  } catch {
    held.bytes -= total;
    return undefined;
  }
  if (!failed) return Buffer.concat(chunks, total);
  held.bytes -= total;
  return failed;
}
