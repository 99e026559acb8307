import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { DescField } from "@bufbuild/protobuf";
import { compileProto } from "../../vectors/compare-cri-contract.ts";

const proto = join(import.meta.dirname, "../../../proto/runtime");

/** What a field puts on the wire; string and bytes differ in what they admit, not in their form. */
function wireForm(field: DescField): string {
  const { number, label, type, typeName } = field.proto;
  const form = type === 12 ? 9 : type;
  return `${number} ${label} ${form} ${typeName.replace(/^\.runtime\.v1(alpha2)?\./, "")}`;
}

test("runtime.v1alpha2 is a subset of runtime.v1 on the wire", () => {
  const v1 = compileProto(join(proto, "v1/api.proto"));
  const v1alpha2 = compileProto(join(proto, "v1alpha2/api.proto"));
  const messages = new Map(v1.messages.map((message) => [message.name, message]));
  let compared = 0;
  for (const old of v1alpha2.messages) {
    const now = messages.get(old.name);
    assert.ok(now, `message ${old.name}`);
    const fields = new Map(now.fields.map((field) => [field.name, wireForm(field)]));
    for (const field of old.fields) {
      assert.equal(fields.get(field.name), wireForm(field), `${old.name}.${field.name}`);
      compared++;
    }
  }
  assert.equal(compared, 341);
  for (const old of v1alpha2.services) {
    const now = v1.services.find((service) => service.name === old.name);
    for (const method of old.methods) {
      const same = now?.methods.find((candidate) => candidate.name === method.name);
      assert.equal(same?.input.name, method.input.name, method.name);
      assert.equal(same?.output.name, method.output.name, method.name);
      assert.equal(same?.methodKind, method.methodKind, method.name);
    }
  }
});
