/**
 * XSalsa20: the stream cipher of NaCl's secretbox, which OpenSSL, and so `node:crypto`, does not have.
 *
 * Additions, rotations and exclusive ors of 32-bit words only: nothing here depends on secret data but the words
 * themselves.
 *
 * @see {@link https://cr.yp.to/snuffle/xsalsa-20110204.pdf}
 * @module
 */

const ROUNDS = 20;
const BLOCK_BYTES = 64;
/** "expand 32-byte k", as four words. */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** The quarter rounds of one double round: columns, then rows. */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
];

/**
 * The first bytes of the key stream.
 *
 * @param key 32 bytes.
 * @param nonce 24 bytes, never used twice with one key.
 */
export function xsalsa20Stream(key: Uint8Array, nonce: Uint8Array, length: number): Uint8Array {
  if (key.length !== 32) throw new RangeError(`a key of XSalsa20 has 32 bytes, not ${key.length}`);
  if (nonce.length !== 24) throw new RangeError(`a nonce of XSalsa20 has 24 bytes, not ${nonce.length}`);
  const subkey = hsalsa20(wordsOf(key), wordsOf(nonce.subarray(0, 16)));
  const [n0 = 0, n1 = 0] = wordsOf(nonce.subarray(16));
  const blocks = Math.ceil(length / BLOCK_BYTES);
  const stream = new Uint8Array(blocks * BLOCK_BYTES);
  const view = new DataView(stream.buffer);
  for (let block = 0; block < blocks; block++) {
    // Lengths stay far below 2^32 blocks, so the counter's upper word is 0.
    const input = stateOf(subkey, [n0, n1, block, 0]);
    const output = rounds(input);
    for (let at = 0; at < 16; at++) {
      view.setUint32(block * BLOCK_BYTES + at * 4, ((output[at] ?? 0) + (input[at] ?? 0)) >>> 0, true);
    }
  }
  return stream.subarray(0, length);
}

/** The key that a key and the first 16 bytes of a nonce stand for. */
function hsalsa20(key: Uint32Array, nonce: Uint32Array): Uint32Array {
  const mixed = rounds(stateOf(key, nonce));
  return Uint32Array.from([0, 5, 10, 15, 6, 7, 8, 9], (at) => mixed[at] ?? 0);
}

function stateOf(key: Uint32Array, input: ArrayLike<number>): Uint32Array {
  const [c0, c1, c2, c3] = CONSTANTS;
  const state = new Uint32Array(16);
  state.set([c0, ...key.subarray(0, 4), c1], 0);
  state.set(input, 6);
  state.set([c2, ...key.subarray(4), c3], 10);
  return state;
}

function rounds(input: Uint32Array): Uint32Array {
  const x = Uint32Array.from(input);
  for (let round = 0; round < ROUNDS; round += 2) {
    for (const [a, b, c, d] of QUARTERS) {
      x[b] = (x[b] ?? 0) ^ rotate((x[a] ?? 0) + (x[d] ?? 0), 7);
      x[c] = (x[c] ?? 0) ^ rotate((x[b] ?? 0) + (x[a] ?? 0), 9);
      x[d] = (x[d] ?? 0) ^ rotate((x[c] ?? 0) + (x[b] ?? 0), 13);
      x[a] = (x[a] ?? 0) ^ rotate((x[d] ?? 0) + (x[c] ?? 0), 18);
    }
  }
  return x;
}

function rotate(sum: number, bits: number): number {
  return (sum << bits) | (sum >>> (32 - bits));
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.byteLength / 4 }, (_, at) => view.getUint32(at * 4, true));
}
