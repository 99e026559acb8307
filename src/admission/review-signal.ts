/**
 * The signal of a review, made when somebody asks for it.
 *
 * Where all decisions are at hand nobody waits for anything, and making, watching and ending a signal would take a tenth
 * of the time of the review.
 *
 * @module
 */

/** Has a signal, and aborts it. */
export interface ReviewSignal {
  /** What a check is given. Its signal is a member of its own: a copy by `{ ...options }` has it too. */
  readonly options: { readonly signal: AbortSignal };
  /** Aborts the signal, also one that is asked for later. The first reason counts. */
  abort(reason: unknown): void;
}

/** A signal that is not aborted yet. */
export function reviewSignal(): ReviewSignal {
  let controller: AbortController | undefined;
  let end: { reason: unknown } | undefined;
  return {
    options: {
      get signal() {
        if (!controller) {
          controller = new AbortController();
          if (end) controller.abort(end.reason);
        }
        return controller.signal;
      },
    },
    abort(reason) {
      end ??= { reason };
      controller?.abort(reason);
    },
  };
}
