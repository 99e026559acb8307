import assert from "node:assert/strict";
import { channel } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo, LookupFunction, Socket } from "node:net";
import { type TestContext, test } from "node:test";
import type { Credentials, CredentialsFunction } from "../../src/oci/index.ts";
import { fetchBlob } from "../../src/oci/index.ts";
import type { BearerRegistryAuth } from "../../src/testing/registry-auth.ts";
import { clientFor, pairFor, pushSample, serverFor } from "./registry-setup.ts";

const users = { alice: "pässword:1" };
const alice: Credentials = { kind: "password", username: "alice", password: "pässword:1" };
const bearer: BearerRegistryAuth = { kind: "bearer", users };

const tokenRequests = (requests: readonly { url: string }[]): number =>
  requests.filter(({ url }) => url.startsWith("/token")).length;

test("a user name and password are sent once they are asked for, also in UTF-8", async (t) => {
  const { server, repository } = await pairFor(
    t,
    { auth: { kind: "basic", users } },
    { credentials: () => alice },
  );
  await pushSample(repository);
  assert.equal(server.requests.filter(({ status }) => status === 401).length, 1);
  assert.equal(server.requests[0]?.headers.authorization, undefined);
});

test("wrong or missing credentials end in one refusal, not in a loop", async (t) => {
  const wrong: Credentials = { ...alice, password: "wrong" };
  for (const auth of [{ kind: "basic", users } as const, bearer]) {
    for (const credentials of [() => wrong, () => undefined, {}]) {
      const { server, repository } = await pairFor(t, { auth }, { credentials });
      await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_UNAUTHORIZED", statusCode: 401 });
      assert.ok(server.requests.length <= 4, String(server.requests.length));
    }
  }
});

test("a registry that challenges forever is asked a bounded number of times", async (t) => {
  let n = 0;
  const server = await serverFor(t, {
    intercept: ({ path }) => {
      if (path === "/token") return { status: 200, body: JSON.stringify({ token: `t${++n}` }) };
      const challenge = `Bearer realm="/token",service="s",scope="repository:a/b:pull,x${n}",error="insufficient_scope"`;
      return { status: 401, headers: { "WWW-Authenticate": challenge } };
    },
  });
  const repository = clientFor(t).repository(`${server.host}/a/b`);
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_UNAUTHORIZED" });
  assert.ok(server.requests.length <= 5, String(server.requests.length));
});

test("a token is asked for with service and scope encoded, and kept", async (t) => {
  const { server, repository } = await pairFor(t, { auth: bearer }, { credentials: () => alice });
  const { blob } = await pushSample(repository);
  const before = tokenRequests(server.requests);
  assert.equal(before, 2);
  await fetchBlob(repository, blob, { maxBytes: 1000 });
  assert.equal(tokenRequests(server.requests), before);
});

test("CVE-2020-15157: nothing of a challenge can leave its parameter of the token request", async (t) => {
  const asked: Record<string, string>[] = [];
  const server = await serverFor(t, {
    intercept: ({ path, query }) => {
      if (path === "/token") {
        asked.push(Object.fromEntries(query));
        return { status: 200, body: '{"token":"t"}' };
      }
      const challenge =
        'Bearer realm="/token?keep=1#cut",service="a&admin=1#x",scope="repository:a/b:pull&account=root"';
      return { status: 401, headers: { "WWW-Authenticate": challenge } };
    },
  });
  await assert.rejects(clientFor(t).repository(`${server.host}/a/b`).resolve("v1"));
  assert.deepEqual(Object.keys(asked[0] ?? {}), ["keep", "service", "scope"]);
  assert.equal(asked[0]?.["service"], "a&admin=1#x");
});

test("pulls at the same time ask for one token", async (t) => {
  const { server, repository } = await pairFor(t, { auth: bearer }, { credentials: () => alice });
  const { blob } = await pushSample(repository);
  const registry = clientFor(t, { credentials: () => alice });
  const fresh = registry.repository(repository.name);
  const before = tokenRequests(server.requests);
  await Promise.all(Array.from({ length: 20 }, () => fetchBlob(fresh, blob, { maxBytes: 1000 })));
  assert.equal(tokenRequests(server.requests), before + 1);
});

test("one of them giving up does not spoil it for the others", async (t) => {
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = await serverFor(t, {
    auth: { ...bearer, allow: () => true },
    intercept: async ({ path }) => {
      if (path === "/token") await gate;
      return undefined;
    },
  });
  const repository = clientFor(t).repository(`${server.host}/a/b`);
  const controller = new AbortController();
  const first = repository.resolve("v1", { signal: controller.signal });
  const second = repository.resolve("v1");
  setTimeout(() => {
    controller.abort(new Error("enough"));
    setTimeout(release, 20);
  }, 50);
  await assert.rejects(first, new Error("enough"));
  await assert.rejects(second, { code: "ERR_OCI_NOT_FOUND" });
});

test("an expired token is replaced before it is used, a revoked one after it was refused", async (t) => {
  let now = Date.now();
  const clock = (): number => now;
  const { server, repository } = await pairFor(
    t,
    { auth: { ...bearer, expiresInSeconds: 100, now: clock } },
    { credentials: () => alice, now: clock },
  );
  const { manifest } = await pushSample(repository);
  const refusals = (): number => server.requests.filter(({ status }) => status === 401).length;
  const tokens = tokenRequests(server.requests);
  assert.equal(refusals(), 1);
  now += 89_000;
  await repository.exists(manifest);
  assert.equal(tokenRequests(server.requests), tokens);
  now += 2000;
  await repository.exists(manifest);
  assert.deepEqual([tokenRequests(server.requests), refusals()], [tokens + 1, 1]);
  server.revokeTokens();
  assert.equal(await repository.exists(manifest), true);
  assert.deepEqual([tokenRequests(server.requests), refusals()], [tokens + 2, 2]);
});

test("an identity token is exchanged by POST, and otherwise only where a user name comes with it", async (t) => {
  const identityTokens = { secret: "alice" };
  const token: Credentials = { kind: "identity-token", token: "secret" };
  const { server, repository } = await pairFor(
    t,
    { auth: { ...bearer, identityTokens } },
    { credentials: () => token },
  );
  await pushSample(repository);
  assert.equal(server.requests.find(({ url }) => url.startsWith("/token"))?.method, "POST");
  const getOnly = await serverFor(t, { auth: { ...bearer, users: { alice: "secret" }, methods: ["GET"] } });
  const without = clientFor(t, { credentials: () => token }).repository(`${getOnly.host}/a/b`);
  await assert.rejects(without.resolve("v1"), { statusCode: 405 });
  const withName = clientFor(t, { credentials: () => ({ ...token, username: "alice" }) });
  await pushSample(withName.repository(`${getOnly.host}/a/b`));
});

test("a token server that takes an exchange for a mistake is asked by GET", async (t) => {
  for (const status of [400, 401, 404, 405]) {
    const { server, repository } = await pairFor(
      t,
      {
        auth: { ...bearer, users: { alice: "secret" } },
        intercept: ({ method, path }) => (method === "POST" && path === "/token" ? { status } : undefined),
      },
      { credentials: () => ({ kind: "identity-token", token: "secret", username: "alice" }) },
    );
    await pushSample(repository);
    const methods = server.requests.filter(({ url }) => url.startsWith("/token")).map(({ method }) => method);
    assert.deepEqual(methods.slice(0, 2), ["POST", "GET"], String(status));
  }
});

test("a token server that knows only POST gets the password by POST", async (t) => {
  const { server, repository } = await pairFor(
    t,
    { auth: { ...bearer, methods: ["POST"] } },
    { credentials: () => alice },
  );
  await pushSample(repository);
  const methods = server.requests.filter(({ url }) => url.startsWith("/token")).map(({ method }) => method);
  assert.deepEqual(methods.slice(0, 2), ["GET", "POST"]);
});

test("a registry token is used as it is", async (t) => {
  const server = await serverFor(t, {
    intercept: ({ headers }) =>
      headers.authorization === "Bearer ready"
        ? undefined
        : { status: 401, headers: { "WWW-Authenticate": 'Bearer realm="/token"' } },
  });
  const registry = clientFor(t, {
    credentials: { [server.host]: { kind: "registry-token", token: "ready" } },
  });
  await pushSample(registry.repository(`${server.host}/a/b`));
  assert.equal(tokenRequests(server.requests), 0);
});

test("a 403 that asks for a wider scope is answered like a 401", async (t) => {
  let refused = false;
  const { repository } = await pairFor(
    t,
    {
      auth: bearer,
      alter: ({ method }, reply) => {
        if (method !== "POST" || refused) return reply;
        refused = true;
        const challenge =
          'Bearer realm="/token",service="lading-testing",scope="repository:a/b:pull,push,extra",error="insufficient_scope"';
        return { status: 403, headers: { "WWW-Authenticate": challenge } };
      },
    },
    { credentials: () => alice },
  );
  await pushSample(repository);
  assert.ok(refused);
});

test("credentials are asked for by host and repository", async (t) => {
  const asked: string[] = [];
  const credentials: CredentialsFunction = (host, { repository, signal }) => {
    asked.push(`${host} ${repository} ${signal instanceof AbortSignal}`);
    return alice;
  };
  const { server, registry, repository } = await pairFor(
    t,
    { auth: { kind: "basic", users } },
    { credentials },
  );
  await pushSample(repository);
  await pushSample(registry.repository(`${server.host}/c`));
  assert.deepEqual(asked, [`${server.host} a/b true`, `${server.host} c true`]);
});

test("an error of the credentials function comes out unchanged", async (t) => {
  const failure = new Error("no keychain");
  const credentials: CredentialsFunction = () => Promise.reject(failure);
  const { repository } = await pairFor(t, { auth: bearer }, { credentials });
  await assert.rejects(repository.resolve("v1"), failure);
});

test("names of Object.prototype are no hosts with credentials", async (t) => {
  const { repository } = await pairFor(t, { auth: bearer }, { credentials: {} });
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_UNAUTHORIZED" });
});

// CVE-2020-15157 and its successors: what a challenge may make a client do.

/** Another HTTP server that must not be asked. */
async function trap(t: TestContext, host: string) {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    heard.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    response.end('{"token":"t"}');
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { heard, port: (server.address() as AddressInfo).port };
}

/** Every socket that is opened while the test runs. */
function dials(t: TestContext): { count: number } {
  const seen = { count: 0 };
  const listener = (): void => {
    seen.count++;
  };
  const sockets = channel("net.client.socket");
  sockets.subscribe(listener);
  t.after(() => sockets.unsubscribe(listener));
  return seen;
}

/** Names of a private name server, all served by this machine in truth. */
function names(addresses: Record<string, string>): LookupFunction {
  return (hostname, _options, callback) => {
    const address = addresses[hostname];
    if (address === undefined) callback(Object.assign(new Error("unknown"), { code: "ENOTFOUND" }), [], 0);
    else callback(null, [{ address, family: address.includes(":") ? 6 : 4 }]);
  };
}

async function realmAttack(t: TestContext, realm: string, options: Parameters<typeof clientFor>[1] = {}) {
  let lookups = 0;
  const credentials: CredentialsFunction = () => {
    lookups++;
    return alice;
  };
  const server = await serverFor(t, { auth: { ...bearer, realm } });
  const repository = clientFor(t, { credentials, ...options }).repository(`${server.host}/a/b`);
  const dialled = dials(t);
  const failure = await repository.resolve("v1").then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    failure: failure as { code?: string } | undefined,
    credentialLookups: lookups,
    dials: dialled.count,
  };
}

test("CVE-2020-15157: a realm that is refused is not dialled, and credentials are not even looked up", async (t) => {
  const refused = [
    "http://evil.example/token",
    "ftp://evil.example/token",
    "javascript:alert(1)",
    "http://[",
    "https://user:pass@evil.example/token",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/token",
    "https://[::ffff:169.254.169.254]/token",
    "https://10.0.0.1/token",
    "https://192.168.0.1/token",
    "https://0.0.0.0/token",
    "https://0xA9FEA9FE/token",
    "https://2852039166/token",
  ];
  for (const realm of refused) {
    const attack = await realmAttack(t, realm);
    assert.deepEqual(
      { ...attack, failure: attack.failure?.code },
      { failure: "ERR_OCI_REALM_REFUSED", credentialLookups: 0, dials: 1 },
      realm,
    );
  }
});

test("CVE-2020-15157: credentials do not go to a token server that has nothing to do with the registry", async (t) => {
  const attack = await realmAttack(t, "https://collector.example/token");
  assert.equal(attack.failure?.code, "ERR_OCI_REALM_REFUSED");
  assert.equal(attack.dials, 1);
});

test("a realm on another loopback address of a loopback registry needs the caller's word", async (t) => {
  const { heard, port } = await trap(t, "::1");
  const realm = `http://[::1]:${port}/token`;
  const refused = await realmAttack(t, realm);
  assert.equal(refused.failure?.code, "ERR_OCI_REALM_REFUSED");
  assert.deepEqual(heard, []);
  const trusted = await realmAttack(t, realm, { trustOrigin: (_, { use }) => use === "token" });
  assert.equal(trusted.failure?.code, "ERR_OCI_UNAUTHORIZED");
  assert.equal(heard.length, 1);
  const denied = await realmAttack(t, realm, { trustOrigin: () => false });
  assert.deepEqual([denied.failure?.code, denied.credentialLookups], ["ERR_OCI_REALM_REFUSED", 0]);
});

test("go-containerregistry#2291: a name that resolves to an address of another kind is refused while connecting, and not dialled", async (t) => {
  const { heard, port } = await trap(t, "127.0.0.1");
  for (const address of [
    "127.0.0.1",
    "169.254.169.254",
    "::ffff:127.0.0.1",
    "10.0.0.1",
    "::",
    "64:ff9b::7f00:1",
  ]) {
    let lookups = 0;
    // The registry passes for a public host, whatever it really is.
    const server = await serverFor(t, {
      intercept: () => ({
        status: 401,
        headers: { "WWW-Authenticate": `Bearer realm="http://auth.registry.example:${port}/token"` },
      }),
    });
    const registryPort = new URL(server.url).port;
    const resolve = names({ "auth.registry.example": address });
    const lookup: LookupFunction = (hostname, options, callback) => {
      if (hostname !== "registry.example") return resolve(hostname, options, callback);
      lookups++;
      // First for the connection, then for the comparison: a registry on the internet.
      callback(null, [{ address: lookups === 1 ? "127.0.0.1" : "203.0.113.7", family: 4 }]);
    };
    const registry = clientFor(t, { lookup, plainHttp: () => true, credentials: () => alice });
    const dialled = dials(t);
    await assert.rejects(
      registry.repository(`registry.example:${registryPort}/a/b`).resolve("v1"),
      { code: "ERR_OCI_ADDRESS_REFUSED" },
      address,
    );
    assert.deepEqual([heard, lookups], [[], 2], address);
    // One for the registry; a socket object for the realm is made, and ends before it is connected.
    assert.ok(dialled.count <= 2);
  }
});

test("a token server on the private network of a private registry is fine", async (t) => {
  const { heard, port } = await trap(t, "127.0.0.1");
  const server = await serverFor(t, {
    intercept: ({ headers }) =>
      headers.authorization === "Bearer t"
        ? undefined
        : {
            status: 401,
            headers: { "WWW-Authenticate": `Bearer realm="http://auth.corp.example:${port}/token"` },
          },
  });
  const lookup = names({ "registry.corp.example": "127.0.0.1", "auth.corp.example": "127.0.0.1" });
  const registry = clientFor(t, { lookup, plainHttp: () => true, credentials: () => alice });
  const repository = registry.repository(`registry.corp.example:${new URL(server.url).port}/a/b`);
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_NOT_FOUND" });
  assert.equal(heard.length, 1);
  assert.match(heard[0] ?? "", /Basic /);
});

test("go-containerregistry#2291: a token server's redirect is not followed", async (t) => {
  const { heard, port } = await trap(t, "127.0.0.1");
  const server = await serverFor(t, {
    auth: bearer,
    intercept: ({ path }) =>
      path === "/token" ? { status: 307, headers: { Location: `http://127.0.0.1:${port}/` } } : undefined,
  });
  const repository = clientFor(t, { credentials: () => alice }).repository(`${server.host}/a/b`);
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_REDIRECT_REFUSED" });
  assert.deepEqual(heard, []);
});

test("a token answer without a usable token is an error, and its body is bounded", async (t) => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(64 * 1024, " ");
  }
  for (const [body, code] of [
    ["{}", "ERR_OCI_TOKEN_INVALID"],
    ["<html>", "ERR_OCI_TOKEN_INVALID"],
    ['{"token":"a\\r\\nX-Evil: 1"}', "ERR_OCI_TOKEN_INVALID"],
    [endless(), "ERR_TOO_LARGE"],
  ] as const) {
    const server = await serverFor(t, {
      auth: bearer,
      intercept: ({ path }) => (path === "/token" ? { status: 200, body } : undefined),
    });
    await assert.rejects(clientFor(t).repository(`${server.host}/a/b`).resolve("v1"), { code });
  }
});
