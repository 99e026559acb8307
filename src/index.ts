/**
 * The parts that need nothing else: errors, digests, references and platforms.
 *
 * Importing `lading` loads no npm package.
 *
 * @module
 */
export * from "./core/digest.ts";
export * from "./core/errors.ts";
export * from "./core/reference.ts";
