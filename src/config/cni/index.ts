/**
 * CNI configurations of a node.
 *
 * @module
 */

export {
  type CniChoice,
  type CniFile,
  type CniNetworks,
  type LoadCniNetworksOptions,
  loadCniNetworks,
} from "./load.ts";
export {
  type CniList,
  type CniNetwork,
  type CniPlugin,
  type ParseCniListOptions,
  parseCniList,
  parseCniPlugin,
} from "./network.ts";
export { type NodeCniTemplate, nodeCniTemplate, nodeNetworks } from "./node-networks.ts";
export { renderCniTemplate } from "./template.ts";
