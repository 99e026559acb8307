/**
 * What is used of undici: import it from this folder's index, not from the package.
 *
 * @module
 */
export { Agent } from "undici";
