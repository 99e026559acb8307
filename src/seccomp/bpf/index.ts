/**
 * Filters as programs of the kernel's classic BPF: made, read, written and run.
 *
 * @module
 */

export { auditArch } from "./audit-arch.ts";
export { type CompiledFilter, type CompileFilterOptions, compileFilter, type FilterForm } from "./compile.ts";
export { disassembleBpf } from "./disassemble.ts";
export {
  BPF,
  type BpfBytesOptions,
  type BpfInstruction,
  checkBpf,
  decodeBpf,
  encodeBpf,
} from "./instruction.ts";
export { type BpfAnswer, type BpfCall, type BpfRunner, createBpfRunner, runBpf } from "./run.ts";
