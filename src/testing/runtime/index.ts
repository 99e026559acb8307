/**
 * A CRI runtime inside the process, with state.
 *
 * @module
 */
export {};
