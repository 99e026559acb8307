/**
 * undici, loaded without a change to the `fetch` of the process.
 *
 * @module
 */
// In this order, since it is the order in which modules are evaluated.
import { restoreFetch } from "./before.ts";
import { Agent } from "./package.ts";

restoreFetch();

export { Agent };
