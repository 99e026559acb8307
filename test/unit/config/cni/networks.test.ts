import assert from "node:assert/strict";
import { test } from "node:test";
import { type CniChoice, loadCniNetworks } from "../../../../src/config/cni/load.ts";
import { parseCniList, parseCniPlugin } from "../../../../src/config/cni/network.ts";
import { ConfigError } from "../../../../src/config/errors.ts";
import { type RootFiles, withRoot } from "../node-root.ts";

const FILE = "/etc/cni/net.d/10-a.conflist";
const CONTAINERD: CniChoice = { runtime: "containerd", maxConfNum: 1 };
const CRIO: CniChoice = { runtime: "cri-o", defaultNetwork: "" };

function list(value: unknown, allowsFolder = false): ReturnType<typeof parseCniList> {
  return parseCniList(FILE, JSON.stringify(value), { allowsFolder });
}

function code(run: () => unknown): [code: string, key: string | undefined] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return [error.code, error.key];
  }
  assert.fail("not refused");
}

test("a list has its plugins in order, with capabilities and the giver of addresses", () => {
  const text = `{
  "name": "k8s", "cniVersion": "1.0.0", "disableCheck": true, "disableGC": "TRUE",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local"}, "dns": {"nameservers": ["1.1.1.1"]}},
    {"type": "portmap", "capabilities": {"portMappings": true, "bandwidth": false}}
  ]
}`;
  const network = parseCniList(FILE, text, { allowsFolder: false });
  assert.deepEqual(
    [network.name, network.cniVersion, network.disableCheck, network.disableGC],
    ["k8s", "1.0.0", true, true],
  );
  assert.deepEqual(
    network.plugins.map(({ type, ipam, capabilities, origin }) => [
      type,
      ipam,
      [...capabilities],
      origin.line,
    ]),
    [
      ["bridge", "host-local", [], 4],
      [
        "portmap",
        "",
        [
          ["portMappings", true],
          ["bandwidth", false],
        ],
        5,
      ],
    ],
  );
  assert.equal(network.plugins[0]?.config.members.get("bridge")?.kind, "string");
});

test("the newest version that both sides have is taken", () => {
  const of = (more: object): string => list({ name: "a", plugins: [{ type: "t" }], ...more }).cniVersion;
  assert.equal(of({}), "");
  assert.equal(of({ cniVersion: "9.9.9" }), "9.9.9");
  assert.equal(of({ cniVersions: ["0.4.0", "1.1.0", "1.2.0", "1.0.0"] }), "1.1.0");
  assert.equal(of({ cniVersion: "1.0.0", cniVersions: ["0.3.1"] }), "1.0.0");
  assert.equal(of({ cniVersion: "0.3.1", cniVersions: ["2.0.0"] }), "0.3.1");
  assert.equal(of({ cniVersion: "2.0.0", cniVersions: ["0.10.0", "0.9.0"] }), "0.10.0");
  for (const [more, key] of [
    [{ cniVersion: 1 }, "cniVersion"],
    [{ cniVersions: "1.0.0" }, "cniVersions"],
    [{ cniVersions: [1] }, "cniVersions[0]"],
    [{ cniVersions: ["x"] }, "cniVersions[0]"],
    [{ cniVersions: ["1.0.0.0"] }, "cniVersions[0]"],
    [{ cniVersions: [], cniVersion: "x" }, "cniVersion"],
  ] as const) {
    assert.equal(code(() => of(more))[1], key);
  }
});

test("lists that libcni refuses are refused", () => {
  const plugin = { type: "t" };
  for (const [value, key] of [
    [{ plugins: [plugin] }, "name"],
    [{ name: 1, plugins: [plugin] }, "name"],
    [{ name: null, plugins: [plugin] }, "name"],
    [{ Name: "a", plugins: [plugin] }, "name"],
    [{ name: "a" }, "plugins"],
    [{ name: "a", plugins: {} }, "plugins"],
    [{ name: "a", plugins: [] }, "plugins"],
    [{ name: "a", plugins: [1] }, "plugins[0]"],
    [{ name: "a", plugins: [{}] }, "plugins[0].type"],
    [{ name: "a", plugins: [{ type: "" }] }, "plugins[0].type"],
    [{ name: "a", plugins: [{ type: 1 }] }, "plugins[0].type"],
    [{ name: "a", plugins: [{ type: "t", capabilities: { a: 1 } }] }, "plugins[0].capabilities"],
    [{ name: "a", plugins: [{ type: "t", ipam: "host-local" }] }, "plugins[0].ipam"],
    [{ name: "a", plugins: [{ type: "t", ipam: { type: 1 } }] }, "plugins[0].ipam.type"],
    [{ name: "a", plugins: [{ type: "t", dns: { search: "a" } }] }, "plugins[0].dns.search"],
    [{ name: "a", plugins: [plugin], disableCheck: 1 }, "disableCheck"],
    [{ name: "a", plugins: [plugin], disableCheck: "1" }, "disableCheck"],
    [{ name: "a", plugins: [plugin], disableGC: [] }, "disableGC"],
  ] as const) {
    assert.equal(code(() => list(value))[1], key, JSON.stringify(value));
  }
  assert.equal(code(() => parseCniList(FILE, "{", { allowsFolder: false }))[0], "ERR_CONFIG_SYNTAX");
  assert.equal(code(() => parseCniList(FILE, "[]", { allowsFolder: false }))[0], "ERR_CONFIG_TYPE");
});

test("names of a plugin's fields count in any letter case", () => {
  const [plugin] = list({
    name: "a",
    plugins: [{ TYPE: "t", Capabilities: { portMappings: true }, IPAM: { Type: "x" } }],
  }).plugins;
  assert.deepEqual([plugin?.type, plugin?.ipam, plugin?.capabilities.get("portMappings")], ["t", "x", true]);
  // In a list they are sorted before they are decoded, so that small letters come last; in a file of one they are not.
  assert.equal(list({ name: "a", plugins: [{ type: "small", TYPE: "large" }] }).plugins[0]?.type, "small");
  assert.equal(parseCniPlugin("/x.conf", '{"type": "small", "TYPE": "large"}').plugins[0]?.type, "large");
});

test("what stands twice in a plugin's file is decoded twice", () => {
  const type = (text: string): string | undefined => parseCniPlugin("/x.conf", text).plugins[0]?.type;
  assert.equal(type('{"type": "a", "Type": "b", "type": "c"}'), "c");
  for (const text of [
    '{"type": 1, "type": "t"}',
    '{"type": "t", "ipam": {"type": 1, "type": "x"}}',
    '{"dns": [], "dns": {}, "type": "t"}',
  ]) {
    assert.equal(code(() => type(text))[0], "ERR_CONFIG_TYPE", text);
  }
  const spelled = (text: string) => [...(parseCniPlugin("/x.conf", text).plugins[0]?.capabilities ?? [])];
  assert.deepEqual(spelled('{"type": "t", "capabilities": {"a": true}, "Capabilities": {"b": true}}'), [
    ["a", true],
    ["b", true],
  ]);
  assert.deepEqual(spelled('{"type": "t", "capabilities": {"a": true}, "Capabilities": null}'), []);
});

test("a plugin alone is a network", () => {
  const network = parseCniPlugin("/x.conf", '{"cniVersion": "0.4.0", "name": "n", "type": "macvlan"}');
  assert.deepEqual([network.name, network.cniVersion, network.plugins[0]?.type], ["n", "0.4.0", "macvlan"]);
  assert.equal(parseCniPlugin("/x.conf", '{"type": "t"}').name, "");
  // A list in a file of one plugin has no type.
  assert.deepEqual(
    code(() => parseCniPlugin("/x.conf", '{"name": "n", "plugins": [{"type": "t"}]}')),
    ["ERR_CONFIG_INVALID", "type"],
  );
});

test("a list may leave its plugins to a folder, unless it says otherwise", () => {
  assert.deepEqual(list({ name: "a" }, true).plugins, []);
  assert.deepEqual(
    code(() => list({ name: "a", loadOnlyInlinedPlugins: true }, true)),
    ["ERR_CONFIG_INVALID", "plugins"],
  );
});

const FILES: RootFiles = {
  "etc/cni/net.d/20-b.conf": '{"cniVersion": "0.4.0", "name": "b", "type": "macvlan"}',
  "etc/cni/net.d/10-a.conflist": '{"cniVersion": "1.0.0", "name": "a", "plugins": [{"type": "ptp"}]}',
  "etc/cni/net.d/30-c.json": '{"name": "c", "type": "ipvlan"}',
  "etc/cni/net.d/05.conflist.bak": "{",
  "etc/cni/net.d/a/01.conf": '{"type": "tuning"}',
  "etc/cni/net.d/a/02.json": '{"type": "no"}',
  "etc/cni/net.d/sub.conf/x": "",
};

async function names(
  inside: RootFiles,
  choice: CniChoice,
  pluginFolders?: boolean,
): Promise<string[] | string> {
  let told: string[] | string = [];
  await withRoot({ inside }, async (root) => {
    const { networks, problem } = await loadCniNetworks({ root, choice, pluginFolders });
    told =
      problem ?? networks.map(({ name, plugins }) => `${name}:${plugins.map(({ type }) => type).join("+")}`);
    if (problem !== undefined) assert.deepEqual(networks, []);
  });
  return told;
}

test("the first files by name are taken, as many as containerd may", async () => {
  assert.deepEqual(await names(FILES, CONTAINERD), ["a:ptp+tuning"]);
  assert.deepEqual(await names(FILES, CONTAINERD, false), ["a:ptp"]);
  assert.deepEqual(await names(FILES, { runtime: "containerd", maxConfNum: 2 }), [
    "a:ptp+tuning",
    "b:macvlan",
  ]);
  assert.deepEqual(await names(FILES, { runtime: "containerd", maxConfNum: 0 }), [
    "a:ptp+tuning",
    "b:macvlan",
    "c:ipvlan",
  ]);
});

test("a broken file leaves containerd without any network, and CRI-O passes it over", async () => {
  const broken = { ...FILES, "etc/cni/net.d/01.conf": "{}" };
  assert.match(
    String(await names(broken, CONTAINERD)),
    /^failed to load CNI config file \/etc\/cni\/net\.d\/01\.conf: /,
  );
  assert.deepEqual(await names(broken, CRIO), ["a:ptp+tuning"]);
  const last = { ...FILES, "etc/cni/net.d/99.conf": "{}" };
  assert.deepEqual(await names(last, CONTAINERD), ["a:ptp+tuning"]);
  await withRoot({ inside: broken }, async (root) => {
    const { files } = await loadCniNetworks({ root, choice: CRIO });
    assert.deepEqual(
      files.map(({ path, network, error }) => [path, network?.name, error?.code]),
      [
        ["/etc/cni/net.d/01.conf", undefined, "ERR_CONFIG_INVALID"],
        ["/etc/cni/net.d/10-a.conflist", "a", undefined],
        ["/etc/cni/net.d/20-b.conf", "b", undefined],
        ["/etc/cni/net.d/30-c.json", "c", undefined],
      ],
    );
  });
});

test("CRI-O takes the network that it is told, or the first", async () => {
  assert.deepEqual(await names(FILES, { runtime: "cri-o", defaultNetwork: "c" }), ["c:ipvlan"]);
  assert.equal(typeof (await names(FILES, { runtime: "cri-o", defaultNetwork: "d" })), "string");
  const twice = { ...FILES, "etc/cni/net.d/00.conf": '{"name": "c", "type": "first"}' };
  assert.deepEqual(await names(twice, { runtime: "cri-o", defaultNetwork: "c" }), ["c:first"]);
  // Without a name a network is called as its file.
  const nameless = { "etc/cni/net.d/00.conf": '{"type": "t"}' };
  assert.deepEqual(await names(nameless, CRIO), ["00.conf:t"]);
});

test("without files there is no network", async () => {
  assert.match(String(await names({}, CONTAINERD)), /no network config found in \/etc\/cni\/net\.d/);
  assert.match(String(await names({}, CRIO)), /no network config found/);
});

test("every path is one of the node, never of the machine", async () => {
  const outside = {
    "etc/cni/net.d/00.conf": '{"name": "outside", "type": "t"}',
    "net/00.conf": '{"name": "outside", "type": "t"}',
  };
  const list = '{"name": "../../../../net", "plugins": [{"type": "ptp"}]}';
  for (const inside of [
    { "etc/cni/net.d": "->$TOP/etc/cni/net.d" },
    { "etc/cni/net.d/00.conf": "->$TOP/etc/cni/net.d/00.conf" },
    { "etc/cni/net.d/00.conf": "->../../../../etc/cni/net.d/00.conf" },
  ]) {
    await withRoot({ inside, outside }, async (root) => {
      const { networks } = await loadCniNetworks({ root, choice: CONTAINERD });
      assert.deepEqual(networks, []);
    });
  }
  await withRoot({ inside: { "etc/cni/net.d/1.conflist": list }, outside }, async (root) => {
    const { networks } = await loadCniNetworks({ root, choice: CONTAINERD });
    assert.deepEqual(
      networks.map(({ plugins }) => plugins.map(({ type }) => type)),
      [["ptp"]],
    );
  });
});
