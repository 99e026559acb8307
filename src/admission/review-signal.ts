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
  readonly signal: AbortSignal;
  /** Aborts the signal, also one that is asked for later. The first reason counts. */
  abort(reason: unknown): void;
}

interface State extends ReviewSignal {
  controller: AbortController | undefined;
  end: { reason: unknown } | undefined;
}

/** Shared by all: an object with an accessor of its own takes longer to make than the signal. */
const reviewSignals: State = {
  controller: undefined,
  end: undefined,
  get signal() {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.end) this.controller.abort(this.end.reason);
    }
    return this.controller.signal;
  },
  abort(reason) {
    this.end ??= { reason };
    this.controller?.abort(reason);
  },
};

/** A signal that is not aborted yet. */
export function reviewSignal(): ReviewSignal {
  return Object.create(reviewSignals) as State;
}
