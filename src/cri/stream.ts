/**
 * Server streams as async iterables.
 *
 * A stream of grpc-js goes on when a `for await` over it is left: the runtime keeps sending, and an error event
 * arrives later that nobody reads. Here the call ends with the iteration, whatever ends it.
 *
 * @module
 */
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { type CriCallOptions, type CriTransport, decodeAnswer, methodName, openCall } from "./call.ts";
import type { CriError } from "./errors.ts";
import type { EncodedRequest } from "./request.ts";
import { toCriError } from "./status.ts";

/**
 * The answers of a server-streaming call: lazy, single-use, with back-pressure.
 *
 * The call begins with the first `next()`; the runtime is not read faster than the caller reads, but for a few
 * messages of buffer. `return()`, which leaving a `for await` calls, cancels the call also while a `next()` is
 * waiting; that one then ends the iteration.
 */
export function readStream<O extends DescMessage>(
  transport: CriTransport,
  method: DescMethod & { output: O },
  request: EncodedRequest,
  options: CriCallOptions,
): AsyncIterableIterator<MessageShape<O>, void> {
  const left = new AbortController();
  const answers = readAnswers(transport, method, request, options, left.signal);
  return {
    next: () => answers.next(),
    return: () => {
      left.abort();
      return answers.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* readAnswers<O extends DescMessage>(
  transport: CriTransport,
  method: DescMethod & { output: O },
  { bytes, secrets }: EncodedRequest,
  options: CriCallOptions,
  left: AbortSignal,
): AsyncGenerator<MessageShape<O>, void> {
  const { signal } = options;
  if (left.aborted) return;
  signal?.throwIfAborted();
  if (transport.session.closed) throw transport.session.closed;
  const call = openCall(transport, method, bytes, options);
  let closed: CriError | undefined;
  const cancel = () => call.cancel();
  const end = (reason: CriError) => {
    closed = reason;
    call.cancel();
  };
  signal?.addEventListener("abort", cancel, { once: true });
  left.addEventListener("abort", cancel, { once: true });
  transport.session.openCalls.add(end);
  // An error after the iteration has ended has no reader.
  call.on("error", () => {});
  try {
    for await (const answer of call as AsyncIterable<Uint8Array>) {
      // What is still in the buffer does not count once the caller has given the call up.
      signal?.throwIfAborted();
      if (closed) throw closed;
      yield decodeAnswer(method, answer, secrets);
    }
  } catch (error) {
    if (left.aborted) return;
    signal?.throwIfAborted();
    throw closed ?? toCriError(error, { method: methodName(method), secrets });
  } finally {
    signal?.removeEventListener("abort", cancel);
    left.removeEventListener("abort", cancel);
    transport.session.openCalls.delete(end);
    call.cancel();
  }
}
