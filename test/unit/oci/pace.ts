/** Disks of which it is known how fast they are. */
import type { DiskPace } from "../../../src/oci/disk-pace.ts";

/** A disk that counts what is measured, and stays as fast as it is. */
export function paceThatIs(isSlow: boolean): DiskPace & { measured: number } {
  const pace = {
    isSlow,
    measured: 0,
    measure<T>(work: () => T): T {
      pace.measured++;
      return work();
    },
  };
  return pace;
}
