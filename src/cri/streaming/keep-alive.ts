/**
 * Pings that find out that the other side of a connection is gone.
 *
 * @module
 */

/** Options of {@link startKeepAlive}. */
export interface KeepAliveOptions {
  /** Time between two pings in milliseconds; 0 for none. */
  intervalMs: number;
  /** Longest time in milliseconds in which nothing is heard. */
  timeoutMs: number;
  /** Sends a ping. */
  ping(): void;
  /** Whether nothing can be heard since nothing is read; that time does not count. */
  isPaused(): boolean;
  /** Is called once, when the time is over. */
  onSilence(): void;
}

/** A connection that is watched. */
export interface KeepAlive {
  /** Is to be called for whatever is heard. */
  heard(): void;
  /**
   * Is to be called for data that is sent. Whoever does not read it does not read pings either, so that silence behind
   * it means nothing until something is heard again; that the machine is gone, TCP finds out.
   */
  sent(): void;
  /** Ends the pings. */
  stop(): void;
}

/** Begins to send pings. The timer does not keep the process. */
export function startKeepAlive(options: KeepAliveOptions): KeepAlive {
  const { intervalMs, timeoutMs, ping, isPaused, onSilence } = options;
  let last = performance.now();
  let waiting = false;
  const heard = () => {
    last = performance.now();
    waiting = false;
  };
  const sent = () => {
    waiting = true;
  };
  if (intervalMs === 0) return { heard, sent, stop: () => {} };
  const timer = setInterval(() => {
    if (isPaused() || waiting) last = performance.now();
    if (performance.now() - last <= timeoutMs) return ping();
    clearInterval(timer);
    onSilence();
  }, intervalMs);
  timer.unref();
  return { heard, sent, stop: () => clearInterval(timer) };
}
