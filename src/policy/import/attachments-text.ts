/**
 * The text of a file of registries.d that lets nodes look for what cosign attached.
 *
 * @module
 */

/** A file to put below `/etc/containers/registries.d`. */
export interface RegistriesDDocument {
  /** Its base name. */
  readonly name: string;
  /** YAML. */
  readonly text: string;
}

/** The name that OpenShift's operator gives the file. */
export const ATTACHMENTS_FILE = "sigstore-registries.yaml";

/** The file for scopes of the docker transport; `""` stands for every image. Nothing for no scopes. */
export function attachmentsDocument(scopes: Iterable<string>): RegistriesDDocument | undefined {
  const sorted = [...new Set(scopes)].sort();
  if (sorted.length === 0) return undefined;
  let text = "";
  if (sorted[0] === "") {
    text += "default-docker:\n  use-sigstore-attachments: true\n";
    sorted.shift();
  }
  if (sorted.length > 0) text += "docker:\n";
  // A JSON text is a text in double quotes to YAML, whatever it holds.
  for (const scope of sorted) text += `  ${JSON.stringify(scope)}:\n    use-sigstore-attachments: true\n`;
  return { name: ATTACHMENTS_FILE, text };
}
