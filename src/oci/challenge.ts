/**
 * Challenges of the `WWW-Authenticate` header.
 *
 * ```text
 * header    = challenge *( OWS "," OWS challenge )          ; also over several header lines
 * challenge = scheme [ 1*SP ( token68 / param *( OWS "," OWS param ) ) ]
 * param     = token OWS "=" OWS ( token / quoted-string )
 * ```
 *
 * What does not fit is skipped up to the next comma; a parameter that is cut short is left out.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1}
 * @module
 */

/** Schemes that registries use. */
export type ChallengeScheme = "bearer" | "digest" | "basic";

/** One challenge. */
export interface Challenge {
  scheme: ChallengeScheme;
  /** Parameters by lower-case name, unescaped; of several with one name the first. */
  params: Readonly<Record<string, string>>;
}

/** In order of preference, as containerd has it. */
const SCHEMES: readonly ChallengeScheme[] = ["bearer", "digest", "basic"];

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAM = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s,"=][^\s,"]*))/y;
const SPACE = /[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;
const TO_COMMA = /[^,]*/y;

/**
 * The challenges of one or several header lines, best scheme first: Bearer, Digest, Basic.
 *
 * Other schemes are left out. Nothing about a realm is checked here.
 */
export function parseChallenges(headers: string | readonly string[]): Challenge[] {
  const lines = typeof headers === "string" ? [headers] : headers;
  const found = lines.flatMap(parseLine);
  return SCHEMES.flatMap((scheme) => found.filter((challenge) => challenge.scheme === scheme));
}

function parseLine(line: string): Challenge[] {
  const challenges: Challenge[] = [];
  let scheme = "";
  let current: Map<string, string> | undefined;
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match) at = pattern.lastIndex;
    return match;
  };

  for (take(SEPARATORS); at < line.length; take(SEPARATORS)) {
    const param = take(PARAM);
    if (param) {
      const name = (param[1] ?? "").toLowerCase();
      const value = param[2]?.replace(/\\([\s\S])/g, "$1") ?? param[3] ?? "";
      if (current && !current.has(name)) current.set(name, value);
      continue;
    }
    const word = take(TOKEN)?.[0];
    take(SPACE);
    // A word before "=" is a parameter without a usable value, not a scheme.
    if (word === undefined || line[at] === "=") {
      take(TO_COMMA);
      if (word === undefined && at >= line.length) break;
      continue;
    }
    finish();
    current = new Map();
    scheme = word.toLowerCase();
    skipToken68();
  }
  finish();
  return challenges;

  function skipToken68(): void {
    PARAM.lastIndex = at;
    if (line[at] === "," || PARAM.test(line)) return;
    take(TO_COMMA);
  }

  function finish(): void {
    const known = SCHEMES.find((name) => name === scheme);
    if (current && known) challenges.push({ scheme: known, params: Object.fromEntries(current) });
    current = undefined;
  }
}
