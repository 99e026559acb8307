/**
 * Where signatures of an image are looked for.
 *
 * @module
 */
export { sigstoreAttachments } from "./attachments.ts";
export {
  directoryManifestName,
  directorySignatureName,
  type LocalImage,
  type ReadDirectoryImageOptions,
  readDirectoryImage,
} from "./directory.ts";
export { type ReadLayoutImageOptions, readLayoutImage } from "./layout-image.ts";
export { type LoadNodeSignaturesOptions, loadNodeSignatures } from "./load-node-signatures.ts";
export {
  type LoadedRegistriesD,
  type LoadRegistriesDOptions,
  loadRegistriesD,
  type RegistriesDReader,
} from "./load-registries-d.ts";
export {
  createLookasideReader,
  type LookasideReader,
  type LookasideReaderOptions,
  readLookaside,
} from "./lookaside.ts";
export {
  displayLookasideUrl,
  formatLookasideUrl,
  type LookasideUrl,
  parseLookasideUrl,
  repositoryUrl as lookasideRepositoryUrl,
  signatureUrl as lookasideSignatureUrl,
} from "./lookaside-url.ts";
export { createNodeSignatures, type NodeSignatures, type NodeSignaturesOptions } from "./node-signatures.ts";
export type { ReadSignatureFile } from "./numbered.ts";
export {
  type ConfiguredValue,
  parseRegistriesD,
  type RegistriesD,
  type RegistriesDSection,
  type RegistriesDText,
  type RegistriesDWarning,
  type SignatureSettings,
  signatureSettings,
} from "./registries-d.ts";
export type { RegistriesDNote, SectionOptions } from "./registries-d-yaml.ts";
export {
  emptySource,
  type SignatureListing,
  type SignatureSource,
  type SignedImage,
} from "./signature-source.ts";
export {
  formatSignatureBlob,
  lookasideForWriting,
  type WriteLookasideOptions,
  type WriteSignaturesOptions,
  writeDirectorySignatures,
  writeLookasideSignatures,
} from "./write-signatures.ts";
