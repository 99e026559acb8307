/**
 * What a watch tells.
 *
 * @module
 */
import type { CriError } from "../errors.ts";
import type { ContainerEventResponse, ContainerEventType } from "../gen/runtime/v1/api_pb.ts";
import type { WatchChange, WatchView } from "./watch-view.ts";

/** One thing that a watch tells. `view` is what there is then; it is the same object every time. */
export type WatchItem =
  /** What there is at the beginning; always the first but for `disconnected` and `polling`. */
  | { readonly kind: "snapshot"; readonly view: WatchView }
  /** An event. `changes` may be empty, where a list had shown them before. */
  | {
      readonly kind: "event";
      readonly type: ContainerEventType;
      /** Whether the event is of a pod sandbox or of a container in one. */
      readonly subject: "pod" | "container";
      readonly id: string;
      /** When the runtime says that it happened, in nanoseconds since the Unix epoch. */
      readonly createdAt: bigint;
      readonly changes: readonly WatchChange[];
      /** The event as it came. */
      readonly response: ContainerEventResponse;
      readonly view: WatchView;
    }
  /** What a list shows that no event has told. After `reconnected` and `overflow` it comes also without changes. */
  | {
      readonly kind: "resynced";
      readonly reason: WatchResyncReason;
      readonly changes: readonly WatchChange[];
      /** Events that were dropped, for `overflow`. */
      readonly droppedEvents: number;
      readonly view: WatchView;
    }
  /** The connection is lost; the view is as old as it may be until the next `snapshot` or `resynced`. */
  | {
      readonly kind: "disconnected";
      readonly error: CriError;
      readonly retryInMs: number;
      readonly view: WatchView;
    }
  /** The runtime sends no events, and the `poll` option was given: from now on changes come from lists. */
  | { readonly kind: "polling"; readonly error: CriError; readonly view: WatchView };

/**
 * Why a watch listed anew: the connection was lost and is back, the reader was so slow that events were dropped, a
 * list showed what no event had told, or the watch polls.
 */
export type WatchResyncReason = "reconnected" | "overflow" | "relisted" | "polled";
