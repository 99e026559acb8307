/**
 * How long it takes to list 1,000 containers, from the call to the messages, against a plain client.
 *
 *   node --conditions=lading-source bench/cri-list.ts [--margin 0.25]
 */
import { connectCri } from "../src/cri/index.ts";
import { formatTime, interleave, report } from "./interleave.ts";
import { plainClient } from "./plain-client.ts";
import { startServer } from "./server.ts";

const server = await startServer(1000);
const cri = await connectCri({ endpoint: server.socket });
const plain = plainClient(server.socket, { longs: String, enums: String });
try {
  const ways = [
    { name: "lading", run: () => cri.runtime.listContainers({}) },
    { name: "grpc-js and proto-loader", run: () => plain.list() },
  ];
  const [lading = Number.NaN, other = Number.NaN] = await interleave(ways, { rounds: 200 });
  console.log(`lading: ${formatTime(lading)}`);
  console.log(`grpc-js and proto-loader: ${formatTime(other)}`);
  report([{ name: "1000 containers end to end", value: lading, against: other, limit: 0.5 }]);
} finally {
  await cri.close();
  plain.close();
  await server.stop();
}
