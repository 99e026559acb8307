/**
 * The streaming servers of a runtime: exec, attach, port-forward.
 *
 * @module
 */
export {};
