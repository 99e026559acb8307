/**
 * What crictl's commands do beyond one RPC: queries, verbs with clean-up, configurations.
 *
 * @module
 */
export {};
