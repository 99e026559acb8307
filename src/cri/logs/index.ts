/**
 * Container logs: their format, reading, following, and the files of rotation.
 *
 * @module
 */
export {};
