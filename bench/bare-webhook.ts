/**
 * What an AdmissionReview costs without any check: node:https, `JSON.parse`, and "allowed".
 *
 *   node bench/bare-webhook.ts FOLDER PORT
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";

const [folder = "", port = "0"] = process.argv.slice(2);
const cert = readFileSync(join(folder, "tls/tls.crt"));
const key = readFileSync(join(folder, "tls/tls.key"));
createServer({ cert, key }, async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const review = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { request: { uid: string } };
  const { uid } = review.request;
  const text = JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid, allowed: true },
  });
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}).listen(Number(port), "127.0.0.1", () => console.log('{"message":"listening"}'));
