/**
 * Checking a signature where only the digest of the signed bytes is known.
 *
 * node:crypto verifies over bytes alone. RSA shows the digest that was signed; for ECDSA the equation is computed here,
 * over public values only, so that its time need not be constant. Ed25519 signs the bytes themselves and cannot be
 * checked this way.
 *
 * @see {@link https://doi.org/10.6028/NIST.FIPS.186-5} section 6.4.2
 * @module
 */
import { constants, type KeyObject, publicDecrypt } from "node:crypto";
import { derInteger, derReader, onlyElement, TAG } from "../der.ts";

/** Hash functions that signatures are made over. */
export type SignatureHash = "sha256" | "sha384" | "sha512";

interface Curve {
  readonly p: bigint;
  readonly n: bigint;
  readonly bits: number;
  readonly g: Point;
}

/** A point in Jacobian coordinates; the point at infinity has `z` 0. */
interface Point {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
}

/** Curves y² = x³ - 3x + b of FIPS 186-5, without b: keys that node:crypto reads are on their curve. */
const CURVES: Readonly<Record<string, Curve>> = {
  prime256v1: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    bits: 256,
    g: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
      z: 1n,
    },
  },
  secp384r1: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    bits: 384,
    g: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
      z: 1n,
    },
  },
  secp521r1: {
    p: 2n ** 521n - 1n,
    n: 0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    bits: 521,
    g: {
      x: 0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66n,
      y: 0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650n,
      z: 1n,
    },
  },
};

/** What stands before the digest in a PKCS#1 v1.5 signature: DER of the algorithm. */
const DIGEST_INFO: Readonly<Record<SignatureHash, string>> = {
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};

/**
 * Whether a signature is by a key, over bytes with this digest; false also for keys that cannot be checked this way.
 *
 * @param digest As long as the hash function makes it.
 */
export function isDigestSignature(
  key: KeyObject,
  digest: Uint8Array,
  signature: Uint8Array,
  hash: SignatureHash,
): boolean {
  if (digest.byteLength !== Number.parseInt(hash.slice(3), 10) / 8) return false;
  if (key.asymmetricKeyType === "rsa") return isRsaSignature(key, digest, signature, hash);
  return key.asymmetricKeyType === "ec" && isEcdsaSignature(key, digest, signature);
}

function isRsaSignature(
  key: KeyObject,
  digest: Uint8Array,
  signature: Uint8Array,
  hash: SignatureHash,
): boolean {
  const bytes = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (signature.byteLength !== Math.ceil(bytes)) return false;
  try {
    // Encoded anew and compared whole: nothing in the padding or behind the digest is left unchecked.
    const opened = publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
    const info = Buffer.concat([Buffer.from(DIGEST_INFO[hash], "hex"), digest]);
    const fill = Buffer.alloc(opened.length - info.length - 3, 0xff);
    return Buffer.concat([Buffer.of(0, 1), fill, Buffer.of(0), info]).equals(opened);
  } catch {
    return false;
  }
}

function isEcdsaSignature(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""];
  const { x, y } = key.export({ format: "jwk" });
  const numbers = readSignature(signature);
  if (!curve || x === undefined || y === undefined || !numbers) return false;
  const { n } = curve;
  const [r, s] = numbers;
  if (r <= 0n || r >= n || s <= 0n || s >= n) return false;
  const length = BigInt(digest.byteLength * 8);
  const extra = length > BigInt(curve.bits) ? length - BigInt(curve.bits) : 0n;
  const e = unsigned(digest) >> extra;
  const w = inverse(s, n);
  const q = { x: unsigned(Buffer.from(x, "base64url")), y: unsigned(Buffer.from(y, "base64url")), z: 1n };
  const { x: jx, z } = sumOfProducts(curve, mod(e * w, n), curve.g, mod(r * w, n), q);
  if (z === 0n) return false;
  const inverseZ = inverse(z, curve.p);
  return mod(mod(jx * inverseZ * inverseZ, curve.p), n) === r;
}

function readSignature(signature: Uint8Array): [r: bigint, s: bigint] | undefined {
  const what = "signature";
  try {
    const reader = derReader(onlyElement(signature, TAG.SEQUENCE, what).content, what);
    const r = derInteger(reader.next(TAG.INTEGER), what);
    const s = derInteger(reader.next(TAG.INTEGER), what);
    reader.end();
    // A leading bit stands for a negative number, which no signature has.
    return (r[0] ?? 0x80) < 0x80 && (s[0] ?? 0x80) < 0x80 ? [unsigned(r), unsigned(s)] : undefined;
  } catch {
    return undefined;
  }
}

/** u·g + v·q, both multiplications in one run over the bits. */
function sumOfProducts(curve: Curve, u: bigint, g: Point, v: bigint, q: Point): Point {
  const both = add(curve, g, q);
  let sum: Point = { x: 1n, y: 1n, z: 0n };
  for (let bit = BigInt(curve.bits); bit >= 0n; bit--) {
    sum = double(curve, sum);
    const inU = (u >> bit) & 1n;
    const inV = (v >> bit) & 1n;
    if (inU === 1n) sum = add(curve, sum, inV === 1n ? both : g);
    else if (inV === 1n) sum = add(curve, sum, q);
  }
  return sum;
}

function double({ p }: Curve, { x, y, z }: Point): Point {
  const delta = mod(z * z, p);
  const gamma = mod(y * y, p);
  const beta = mod(x * gamma, p);
  const alpha = mod(3n * (x - delta) * (x + delta), p);
  const x3 = mod(alpha * alpha - 8n * beta, p);
  const z3 = mod(2n * y * z, p);
  const y3 = mod(alpha * (4n * beta - x3) - 8n * gamma * gamma, p);
  return { x: x3, y: y3, z: z3 };
}

function add(curve: Curve, a: Point, b: Point): Point {
  if (a.z === 0n) return b;
  if (b.z === 0n) return a;
  const { p } = curve;
  const aa = mod(a.z * a.z, p);
  const bb = mod(b.z * b.z, p);
  const u1 = mod(a.x * bb, p);
  const u2 = mod(b.x * aa, p);
  const s1 = mod(a.y * b.z * bb, p);
  const s2 = mod(b.y * a.z * aa, p);
  const h = mod(u2 - u1, p);
  const r = mod(s2 - s1, p);
  if (h === 0n) return r === 0n ? double(curve, a) : { x: 1n, y: 1n, z: 0n };
  const hh = mod(h * h, p);
  const hhh = mod(h * hh, p);
  const v = mod(u1 * hh, p);
  const x = mod(r * r - hhh - 2n * v, p);
  return { x, y: mod(r * (v - x) - s1 * hhh, p), z: mod(a.z * b.z * h, p) };
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [mod(value, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (b !== 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  return mod(x, modulus);
}

function mod(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

function unsigned(bytes: Uint8Array): bigint {
  return bytes.byteLength === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}
