/**
 * How much is read of an image's signatures.
 *
 * @module
 */

/** Longest signature, in bytes. */
export const MAX_SIGNATURE_BYTES: number = 4 * 1024 * 1024;
/** As many signatures as this are taken for an attack or a fault. */
export const MAX_SIGNATURES = 128;
/** Most bytes of signatures kept for one image. */
export const MAX_TOTAL_BYTES: number = 32 * 1024 * 1024;
