export {
  createSimpleSignature,
  formatSimplePayload,
  type SimplePayload,
  type SimpleSignatureOptions,
} from "./sign.ts";
