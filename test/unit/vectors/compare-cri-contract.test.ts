import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ContractTable, compareContract, compileProto } from "../../vectors/compare-cri-contract.ts";

const folder = mkdtempSync(join(tmpdir(), "lading-contract-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const PROTO = `syntax = "proto3";
package small.v1;
service Boats {
  rpc Float(Ask) returns (Answer) {}
  rpc Drift(Ask) returns (stream Answer) {}
}
message Ask {
  enum Kind { SHIP = 0; RAFT = 1; }
  Kind kind = 1;
  string secret = 2 [debug_redact = true];
  bytes old = 3 [deprecated = true];
}
message Answer {
  repeated Ask items = 1;
  map<string, int64> counts = 2;
  Colour colour = 3;
}
enum Colour { RED = 0; }
`;

function field(
  name: string,
  number: number,
  label: "singular" | "repeated" | "map",
  type: string,
  kind: string,
) {
  return { name, number, label, type, kind: kind as "scalar", oneof: null, deprecated: false };
}

const TABLE: ContractTable = {
  syntax: "proto3",
  package: "small.v1",
  services: [
    {
      name: "Boats",
      rpcs: [
        { name: "Float", request: "Ask", response: "Answer", clientStreaming: false, serverStreaming: false },
        { name: "Drift", request: "Ask", response: "Answer", clientStreaming: false, serverStreaming: true },
      ],
    },
  ],
  messages: [
    {
      name: "Ask",
      fields: [
        field("kind", 1, "singular", "Kind", "enum"),
        { ...field("secret", 2, "singular", "string", "scalar"), debugRedact: true },
        { ...field("old", 3, "singular", "bytes", "scalar"), deprecated: true },
      ],
      enums: [
        {
          name: "Kind",
          values: [
            { name: "SHIP", number: 0 },
            { name: "RAFT", number: 1 },
          ],
        },
      ],
    },
    {
      name: "Answer",
      fields: [
        field("items", 1, "repeated", "Ask", "message"),
        { ...field("counts", 2, "map", "int64", "scalar"), keyType: "string" },
        field("colour", 3, "singular", "Colour", "enum"),
      ],
    },
  ],
  enums: [{ name: "Colour", values: [{ name: "RED", number: 0 }] }],
};

function protoFile(text: string): string {
  const path = join(mkdtempSync(join(folder, "case-")), "small.proto");
  writeFileSync(path, text);
  return path;
}

/** A change of the .proto, and the item that must be reported for it. */
const CHANGES: [name: string, from: string, to: string, item: string][] = [
  ["package", "package small.v1", "package small.v2", "file"],
  ["service", "service Boats", "service Barges", "service Boats"],
  ["RPC name", "rpc Float", "rpc Sink", "service Boats rpc Float"],
  ["request type", "rpc Float(Ask)", "rpc Float(Answer)", "service Boats rpc Float"],
  ["response streaming", "returns (stream Answer)", "returns (Answer)", "service Boats rpc Drift"],
  ["request streaming", "rpc Float(Ask)", "rpc Float(stream Ask)", "service Boats rpc Float"],
  ["RPC missing", "rpc Drift(Ask) returns (stream Answer) {}", "", "service Boats rpc Drift"],
  ["RPC more", "{}\n}", "{}\n rpc More(Ask) returns (Ask) {}\n}", "service Boats rpc More"],
  ["message more", "enum Colour", "message Extra {}\nenum Colour", "message Extra"],
  ["field name", "string secret", "string secrets", "message Ask field secret"],
  ["field number", "secret = 2", "secret = 4", "message Ask field secret"],
  ["field type", "string secret", "bytes secret", "message Ask field secret"],
  ["field label", "repeated Ask items", "Ask items", "message Answer field items"],
  ["field missing", "map<string, int64> counts = 2;", "", "message Answer field counts"],
  ["map key", "map<string, int64>", "map<int32, int64>", "message Answer field counts"],
  ["map value", "map<string, int64>", "map<string, uint64>", "message Answer field counts"],
  ["explicit presence", "string secret", "optional string secret", "message Ask field secret"],
  ["oneof", "Colour colour = 3;", "oneof one { Colour colour = 3; }", "message Answer field colour"],
  ["deprecated", " [deprecated = true]", "", "message Ask field old"],
  ["debug_redact", " [debug_redact = true]", "", "message Ask field secret"],
  ["enum value number", "RAFT = 1", "RAFT = 2", "enum Ask.Kind value RAFT"],
  ["enum value name", "RED = 0", "BLUE = 0", "enum Colour value RED"],
  ["enum value more", "RED = 0;", "RED = 0; BLUE = 1;", "enum Colour value BLUE"],
];

test("equal contracts have no difference", () => {
  assert.deepEqual(compareContract(TABLE, compileProto(protoFile(PROTO))), []);
});

for (const [name, from, to, item] of CHANGES) {
  test(`a difference is found: ${name}`, () => {
    assert.ok(PROTO.includes(from));
    const differences = compareContract(TABLE, compileProto(protoFile(PROTO.replace(from, to))));
    assert.ok(
      differences.some((difference) => difference.startsWith(`${item}:`)),
      `${item} is not in ${JSON.stringify(differences)}`,
    );
  });
}

test("the program exits with 0 for equal contracts, 1 for a difference, 2 for a wrong call", () => {
  const program = join(import.meta.dirname, "../../vectors/compare-cri-contract.ts");
  const table = join(folder, "table.json");
  writeFileSync(table, JSON.stringify(TABLE));
  const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  assert.equal(run(table, protoFile(PROTO)).status, 0);
  const different = run(table, protoFile(PROTO.replace("RAFT = 1", "RAFT = 2")));
  assert.equal(different.status, 1);
  assert.match(different.stdout, /enum Ask\.Kind value RAFT/);
  assert.equal(run(table, protoFile("syntax = broken")).status, 1);
  assert.equal(run(table).status, 2);
});
