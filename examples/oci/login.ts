/** crane auth login, skopeo login and logout, oras login: credentials kept in a file, and how they are found again. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  authFileReader,
  createRegistry,
  eraseCredentials,
  loadCredentials,
  lookUpCredentials,
  saveCredentials,
} from "lading/oci";
import { startRegistry } from "lading/testing";
import { onRegistry } from "./shared/place.ts";

await onRegistry(async ({ folder }) => {
  const server = await startRegistry({ auth: { kind: "bearer", users: { alice: "secret" } } });
  const authFile = join(folder, "auth.json");
  const credentials = { kind: "password", username: "alice", password: "secret" } as const;
  console.log(await saveCredentials(authFile, `${server.host}/team`, credentials));
  console.log("entries:", Object.keys(JSON.parse(await readFile(authFile, "utf8")).auths));

  // Which file and key decided; the secret is in no step.
  const found = await lookUpCredentials(`${server.host}/team/app`, {
    files: [{ path: authFile, legacy: false }],
    readAuthFile: authFileReader(),
  });
  console.log(found.steps);

  const registry = createRegistry({ credentials: loadCredentials({ authFile }) });
  const repository = registry.repository(`${server.host}/team/app`);
  console.log(await repository.pushStream(one("hello"), { mediaType: "text/plain" }));
  await registry.close();
  await server.close();
  console.log(await eraseCredentials(authFile, `${server.host}/team`));
});

async function* one(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}
