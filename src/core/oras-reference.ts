/**
 * References as ORAS reads them: the registry is always spelled out, and nothing is completed.
 *
 * ```text
 * reference   = [ scheme ] registry "/" path [ ":" [ tag ] ] [ "@" digest ]
 * scheme      = "oci://" / "https://" / "http://"          ; dropped
 * registry    = host [ ":" 1*DIGIT ]
 * host        = 1*( ALPHA / DIGIT / "-" / "." / "_" ) / "[" 1*( HEXDIG / ":" ) "]"
 * ```
 *
 * `path`, `tag` and `digest` are those of {@link parseRawReference}. An empty tag is one that is not there, and
 * is accepted only in front of a digest.
 *
 * @see {@link https://github.com/oras-project/oras-go/blob/v2.6.0/registry/reference.go}
 * @module
 */
import { CoreError } from "./errors.ts";
import { parseRawReference, parseReferenceName, type Reference } from "./reference.ts";

const SHAPE =
  /^(?:oci:\/\/|https?:\/\/)?((?:[a-zA-Z0-9._-]+|\[[a-fA-F0-9:]+\])(?::[0-9]+)?)\/([^:@]+)(:[^:@]*)?(@.*)?$/s;
const MAX_TEXT_LENGTH = 65_536;

/**
 * The reference that a text spells out in ORAS's form, such as `localhost:5000/hello:v1`.
 *
 * A scheme in front is dropped and chooses nothing. The tag in front of a digest is kept.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for anything else, a text without registry included.
 */
export function parseOrasReference(text: string): Reference {
  const match = text.length > MAX_TEXT_LENGTH ? null : SHAPE.exec(text);
  const [, registry = "", path = "", tag = "", digest = ""] = match ?? [];
  if (!match || (tag === ":" && digest === "")) {
    throw new CoreError("ERR_REFERENCE_INVALID", "invalid reference: missing registry or repository", {
      input: text,
    });
  }
  // A path on its own could be read as domain and path: it is checked behind a domain, and only the rest kept.
  const name = parseReferenceName(`registry/${path}`);
  const rest = parseRawReference(`registry/${path}${tag === ":" ? "" : tag}${digest}`);
  return { ...rest, domain: registry, path: name.path };
}
