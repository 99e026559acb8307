/**
 * Where signatures of an image are looked for.
 *
 * @module
 */
export { sigstoreAttachments } from "./attachments.ts";
export {
  emptySource,
  type SignatureListing,
  type SignatureSource,
  type SignedImage,
} from "./signature-source.ts";
