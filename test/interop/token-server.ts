/** A token server for docker-registry: Basic at the door, signed tokens for whoever knows a password. */
import { randomBytes, sign } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type MintedCertificate, mintCertificate } from "../../src/testing/index.ts";

/** A token server that runs. */
export interface TokenServer {
  /** What goes below `auth` in the configuration of docker-registry. */
  readonly auth: object;
  /** Scopes that tokens were issued for, in order. */
  readonly issued: readonly string[];
  stop(): Promise<void>;
}

const SERVICE = "registry";
const ISSUER = "tokens";

/** Starts a token server on a free port of loopback; its certificate is written to the folder. */
export async function startTokenServer(
  folder: string,
  users: Readonly<Record<string, string>>,
): Promise<TokenServer> {
  const now = Date.now();
  const certificate = await mintCertificate({
    subject: ISSUER,
    notBefore: now - 60_000,
    notAfter: now + 3_600_000,
  });
  const rootcertbundle = join(folder, "tokens.pem");
  await writeFile(rootcertbundle, certificate.pem);
  const issued: string[] = [];
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://tokens");
    const [, pair = ""] = /^Basic (.+)$/.exec(request.headers.authorization ?? "") ?? [];
    const [user = "", ...rest] = Buffer.from(pair, "base64").toString().split(":");
    const known = Object.hasOwn(users, user) && users[user] === rest.join(":");
    if (request.method !== "GET" || !known) {
      response.writeHead(request.method === "GET" ? 401 : 405).end();
      return;
    }
    const scopes = searchParams.getAll("scope").flatMap((scope) => scope.split(" "));
    issued.push(...scopes);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ token: tokenOf(certificate, user, scopes), expires_in: 300 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    auth: {
      token: { realm: `http://127.0.0.1:${port}/token`, service: SERVICE, issuer: ISSUER, rootcertbundle },
    },
    issued,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function tokenOf({ key, der }: MintedCertificate, user: string, scopes: readonly string[]): string {
  const seconds = Math.floor(Date.now() / 1000);
  const header = { typ: "JWT", alg: "ES256", x5c: [Buffer.from(der).toString("base64")] };
  const claims = {
    iss: ISSUER,
    sub: user,
    aud: SERVICE,
    iat: seconds,
    nbf: seconds - 10,
    exp: seconds + 300,
    jti: randomBytes(8).toString("hex"),
    access: scopes.map((scope) => {
      const parts = scope.split(":");
      const actions = parts.pop()?.split(",") ?? [];
      return { type: parts.shift(), name: parts.join(":"), actions };
    }),
  };
  const signed = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
