/**
 * How long it takes to read an answer to ListContainers, against @grpc/proto-loader and JSON.parse.
 *
 *   node --conditions=lading-source bench/cri-decode.ts [--margin 0.25]
 */
import { fromBinary, toJsonString } from "@bufbuild/protobuf";
import { decodeMessage } from "../src/cri/decode/message.ts";
import { ListContainersResponseSchema } from "../src/cri/index.ts";
import { listOfContainers } from "./containers.ts";
import { type Figure, formatTime, interleave, report } from "./interleave.ts";
import { plainMethod } from "./plain-client.ts";

const { responseDeserialize: asStrings } = plainMethod({ longs: String, enums: String });
const { responseDeserialize: asNumbers } = plainMethod({ longs: Number });

const figures: Figure[] = [];
for (const count of [1000, 5000]) {
  const bytes = listOfContainers(count);
  const buffer = Buffer.from(bytes);
  const json = toJsonString(ListContainersResponseSchema, fromBinary(ListContainersResponseSchema, bytes));
  const ways = [
    { name: "lading", run: () => decodeMessage(ListContainersResponseSchema, bytes) },
    { name: "proto-loader, longs and enums as strings", run: () => asStrings(buffer) },
    { name: "proto-loader, longs and enums as numbers", run: () => asNumbers(buffer) },
    { name: "JSON.parse of the same data", run: () => JSON.parse(json) as unknown },
    { name: "@bufbuild/protobuf", run: () => fromBinary(ListContainersResponseSchema, bytes) },
  ];
  const times = await interleave(ways, { rounds: count === 1000 ? 60 : 20 });
  console.log(`${count} containers, ${(bytes.byteLength / count).toFixed(0)} bytes each`);
  for (const [at, { name }] of ways.entries())
    console.log(`  ${formatTime(times[at] ?? Number.NaN)}  ${name}`);
  const [value = Number.NaN, strings = Number.NaN, numbers = Number.NaN, parsed = Number.NaN] = times;
  figures.push(
    { name: `${count}: against proto-loader with strings`, value, against: strings, limit: 1 / 1.7 },
    { name: `${count}: against proto-loader with numbers`, value, against: numbers, limit: 1 / 1.7 },
    { name: `${count}: against JSON.parse`, value, against: parsed, limit: 1.15 },
  );
}
report(figures);
