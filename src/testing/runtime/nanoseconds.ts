/**
 * Times of the interface: nanoseconds since 1970.
 *
 * @module
 */

/** The clock of the machine in nanoseconds, of which the last six digits are made up but never go backwards. */
export function machineClock(): () => bigint {
  let last = 0n;
  return () => {
    const time = BigInt(Date.now()) * 1_000_000n;
    last = time > last ? time : last + 1n;
    return last;
  };
}
