/**
 * Sessions with processes in containers, and connections to ports of pods.
 *
 * @module
 */
export {};
