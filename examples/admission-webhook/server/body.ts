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
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  held: HeldBytes,
): Promise<Buffer | FailedCall | undefined> {
  const tooLarge = { status: 413, text: `more than ${maxBytes} bytes` };
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.resolve(tooLarge);
  const chunks: Buffer[] = [];
  let total = 0;
  // Events, since an iterator takes as long as reading the JSON does.
  return new Promise((resolve) => {
    const fail = (failed: FailedCall | undefined): void => {
      request.off("data", take).off("end", end).off("close", gone).pause();
      held.bytes -= total;
      resolve(failed);
    };
    const take = (chunk: Buffer): void => {
      total += chunk.byteLength;
      held.bytes += chunk.byteLength;
      chunks.push(chunk);
      if (total > maxBytes) fail(tooLarge);
      else if (held.bytes > held.max) fail({ status: 503, text: "too many bodies at a time" });
    };
    const end = (): void => {
      request.off("close", gone);
      resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, total));
    };
    const gone = (): void => fail(undefined);
    request
      .on("data", take)
      .once("end", end)
      .once("close", gone)
      .on("error", () => {});
  });
}
