/**
 * How many inputs a property test tries, and from which seed.
 *
 * 2,000 by default; `npm run fuzz` sets `LADING_FUZZ_RUNS` to 50,000. fast-check prints seed and path of a
 * failure; `LADING_FUZZ_SEED` replays it.
 */
const seed = Number(process.env["LADING_FUZZ_SEED"] ?? Date.now() ^ (Math.random() * 0x7fffffff));

export const property: { numRuns: number; seed: number } = {
  numRuns: Number(process.env["LADING_FUZZ_RUNS"] ?? 2000),
  seed: seed | 0,
};

console.log(`# property tests: ${property.numRuns} runs, seed ${property.seed}`);
