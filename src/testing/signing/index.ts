/**
 * What signs images in tests: an identity provider, signing services over HTTP, images in any state.
 *
 * @module
 */
export * from "./identity-provider.ts";
export {
  type ExpectedVerdict,
  SIGNATURE_STATES,
  type SignatureState,
} from "./signature-states.ts";
export * from "./signed-image.ts";
export * from "./signing-services.ts";
