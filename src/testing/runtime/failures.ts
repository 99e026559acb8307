/**
 * Failures that a test asks for.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CriError, type GrpcStatusName } from "../../cri/index.ts";
import type { CallFault, ServedCall } from "../../cri/serve.ts";

/** Something that is to go wrong. Of `never`, `disconnect`, `status`, `garbage` and `oversizeBytes` the first counts. */
export interface RuntimeFailure {
  /** The RPC, such as `"RuntimeService/ListContainers"`. Default: every one. */
  method?: string | undefined;
  /** How many calls it meets. Default: every one until it is undone. */
  times?: number | undefined;
  /** Messages of a stream that go out before. Default 0. */
  afterMessages?: number | undefined;
  /** Waits so many milliseconds before. Alone, the call is then answered as usual. */
  delayMs?: number | undefined;
  /** Never answers, until the client gives up. What was asked for is done then, as by a runtime that was slow. */
  never?: boolean | undefined;
  /**
   * Cuts all connections to the runtime: instead of the answer (what was asked for is done all the same), or in the
   * middle of its next message.
   */
  disconnect?: "before" | "during" | undefined;
  /** Answers with a status: a name or any number, and its text. */
  status?: { code: GrpcStatusName | number; details?: string | undefined } | undefined;
  /** Answers with bytes that are no message: these, or some. */
  garbage?: true | Uint8Array | undefined;
  /** Answers with a message that has so many bytes of a field that nobody knows, over any limit of its own. */
  oversizeBytes?: number | undefined;
}

/** A failure that was asked for. */
export interface InjectedFailure {
  /** How many calls it has met. */
  readonly met: number;
  /** Ends it. Calls that it has met are not helped. */
  undo(): void;
}

/** The failures of a runtime. */
export interface FailureList {
  add(failure: RuntimeFailure): InjectedFailure;
  /** What is to go wrong with a call: the oldest failure that still meets it. */
  faultOf(call: ServedCall): CallFault | undefined;
}

/** How connections are cut. */
export interface ConnectionCutter {
  /** Cuts all connections now. */
  cut(): void;
  /** Cuts all connections in the middle of the next message that goes out. */
  cutInMessage(): void;
}

/** A list without failures. */
export function createFailures(cutter: ConnectionCutter): FailureList {
  const failures = new Set<{ failure: RuntimeFailure; met: number }>();
  return {
    add(failure) {
      const entry = { failure, met: 0 };
      failures.add(entry);
      return {
        get met() {
          return entry.met;
        },
        undo: () => void failures.delete(entry),
      };
    },
    faultOf(call) {
      for (const entry of failures) {
        const { failure } = entry;
        if (failure.method !== undefined && failure.method !== call.method) continue;
        if (++entry.met === failure.times) failures.delete(entry);
        return {
          afterMessages: failure.afterMessages ?? 0,
          strike: (served) => strike(failure, served, cutter),
        };
      }
      return undefined;
    },
  };
}

async function strike(
  failure: RuntimeFailure,
  { signal }: ServedCall,
  cutter: ConnectionCutter,
): Promise<Uint8Array | undefined> {
  if (failure.delayMs) await sleep(failure.delayMs, undefined, { signal }).catch(() => {});
  if (failure.never) await gone(signal);
  if (failure.disconnect === "before") {
    cutter.cut();
    await gone(signal);
  }
  if (failure.disconnect === "during") {
    cutter.cutInMessage();
    return unknownField(64);
  }
  if (failure.status) throw statusError(failure.status.code, failure.status.details ?? "");
  if (failure.garbage) return failure.garbage === true ? Buffer.alloc(16, 0xff) : failure.garbage;
  if (failure.oversizeBytes !== undefined) return unknownField(failure.oversizeBytes);
  return undefined;
}

/** Waits until the client has gone. */
function gone(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** A message of field 536870911, the last one there can be, with so many bytes. */
function unknownField(length: number): Uint8Array {
  const header = [...varint(536_870_911 * 8 + 2), ...varint(length)];
  const message = new Uint8Array(header.length + length);
  message.set(header);
  return message;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

const NUMBERS: Readonly<Record<GrpcStatusName, number>> = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

function statusError(code: GrpcStatusName | number, details: string): CriError {
  const number = typeof code === "number" ? code : NUMBERS[code];
  const name = typeof code === "number" ? "UNKNOWN" : code;
  return new CriError("ERR_CRI_UNKNOWN", details, { status: { number, name } });
}
