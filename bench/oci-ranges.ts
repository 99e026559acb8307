/**
 * How much sooner a large blob is there when parts of it are asked for at a time, from a registry that gives each
 * connection so many bytes a second.
 *
 *   node --conditions=lading-source bench/oci-ranges.ts [--rounds 3] [--margin 0.25]
 */
import { parseArgs } from "node:util";
import { createRegistry, type FetchOptions } from "../src/oci/index.ts";
import { startRegistry } from "../src/testing/index.ts";
import { formatTime, interleave, report } from "./interleave.ts";
import { MEBIBYTE } from "./oci-images.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } }, strict: false });

const BYTES = 48 * MEBIBYTE;
const BYTES_PER_SECOND = 16 * MEBIBYTE;

const server = await startRegistry({ bytesPerSecond: BYTES_PER_SECOND });
const registry = createRegistry();
try {
  const repository = registry.repository(`${new URL(server.url).host}/bench/blob`);
  const content = Buffer.alloc(BYTES, "some bytes of a large blob, ");
  const blob = await repository.pushStream(
    (async function* () {
      yield content;
    })(),
    { mediaType: "application/octet-stream" },
  );
  const read = async (options: FetchOptions): Promise<void> => {
    let length = 0;
    for await (const chunk of repository.fetch(blob, options)) length += chunk.byteLength;
    if (length !== BYTES) throw new Error(`${length} bytes came`);
  };
  const ways = [
    { name: "parts of 4 MiB, three at a time", run: () => read({ ranges: { chunkBytes: 4 * MEBIBYTE } }) },
    { name: "one stream", run: () => read({}) },
  ];
  const times = await interleave(ways, { rounds: Number(values.rounds), warmUp: 1 });
  console.log(`${BYTES / MEBIBYTE} MiB, ${BYTES_PER_SECOND / MEBIBYTE} MiB a second for each connection`);
  for (const [at, { name }] of ways.entries())
    console.log(`  ${formatTime(times[at] ?? Number.NaN)}  ${name}`);
  const [value = Number.NaN, against = Number.NaN] = times;
  report([{ name: "parts against one stream", value, against, limit: 1 / 1.8 }]);
} finally {
  await registry.close();
  await server.close();
}
