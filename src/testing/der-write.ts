/**
 * DER, written: the few types that timestamps and signed certificate timestamps consist of.
 *
 * @module
 */

/** A value with its tag: the contents one after the other. */
export function derValue(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), derLength(content.length), content]);
}

/** A sequence. */
export function derSequence(...contents: readonly Uint8Array[]): Buffer {
  return derValue(0x30, ...contents);
}

/** A set, its members in the order that DER asks for. */
export function derSet(...contents: readonly Uint8Array[]): Buffer {
  return derValue(0x31, ...[...contents].sort(Buffer.compare));
}

/** A whole number that is not negative, from its big-endian octets. */
export function derUnsigned(octets: Uint8Array): Buffer {
  const isNegative = (octets[0] ?? 0) >= 0x80;
  return derValue(0x02, isNegative ? Buffer.of(0) : Buffer.alloc(0), octets);
}

/** An octet string. */
export function derOctets(octets: Uint8Array): Buffer {
  return derValue(0x04, octets);
}

/** An object identifier, from its dotted form. */
export function derObjectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left & 0x7f) | 0x80);
    }
    return groups;
  });
  return derValue(0x06, Buffer.from(octets));
}

/** A GeneralizedTime, to the second. */
export function derGeneralizedTime(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replace(/[-:T]|\.[0-9]{3}/g, "");
  return derValue(0x18, Buffer.from(text));
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const octets: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) octets.unshift(left % 256);
  return Buffer.of(0x80 | octets.length, ...octets);
}
