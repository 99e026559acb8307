/** crane registry serve: a registry in this process, and what goes wrong with it on demand. */
import { createRegistry, describeContent, fetchBlob, OciError } from "lading/oci";
import { startRegistry } from "lading/testing";

const server = await startRegistry({
  behaviour: "oci-1.1",
  auth: { kind: "basic", users: { alice: "secret" } },
});
const registry = createRegistry({
  credentials: () => ({ kind: "password", username: "alice", password: "secret" }),
  retry: { attempts: 3, baseMs: 1 },
});
try {
  const repository = registry.repository(`${server.host}/team/app`);
  const content = Buffer.from("x".repeat(100_000));
  const blob = describeContent(content, "application/octet-stream");
  await repository.push(blob, content);

  // A connection that breaks is taken up again, and a changed byte is noticed.
  server.misbehave({ method: "GET", path: "/blobs/", times: 1, cutAt: 50_000 });
  console.log("read:", (await fetchBlob(repository, blob, { maxBytes: 1e6 })).byteLength);
  server.misbehave({ method: "GET", path: "/blobs/", times: 1, corruptAt: 7 });
  await fetchBlob(repository, blob, { maxBytes: 1e6 }).catch((error) => console.log("refused:", error.code));
  server.misbehave({ status: 503 });
  await repository.resolve("v1").catch((error) => {
    if (!(error instanceof OciError)) throw error;
    console.log(error.code, error.statusCode, error.url);
  });
  for (const { method, url, status } of server.requests) console.log(method, url.slice(0, 60), status);
} finally {
  await registry.close();
  await server.close();
}
