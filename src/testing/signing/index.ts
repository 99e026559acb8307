/**
 * What signs images in tests: an identity provider, signing services over HTTP, images in any state.
 *
 * @module
 */
export * from "./identity-provider.ts";
export * from "./signing-services.ts";
