/**
 * Stats, metrics, events and verbose information.
 *
 * @module
 */
export {};
