/**
 * A planted bug is a small program with one defect that a fault of links or hosts reveals. Each
 * file of `memory` and `kernel` exports `bug`, which describes it in one line; `faults`, which
 * explore tries at each packet; and `scenario`, with the bug or, repaired, without it.
 */
import type { Lab, LabHost, LabScenario } from '../../../src/index.ts'

export interface Planted {
  readonly bug: string
  /** Its language and its world. */
  readonly program: string
  readonly faults: readonly string[]
  /** The links on which packets are faulted. All by default. */
  readonly links?: readonly string[]
  /** The error of a run in which the bug shows. Another failure is not this bug. */
  readonly shows: RegExp
  readonly scenario: (isBroken: boolean) => LabScenario
  /** The programs of a bug that a capture shows, for \`vnet test-from --client --server\`. */
  readonly parts?: Parts
}

/** Returns programs for clients and servers, which share a state. The client fails by the bug. */
export type Parts = (isBroken: boolean) => { readonly client: Part; readonly server: Part }
type Part = (run: PartRun) => unknown

export interface PartRun {
  readonly host: LabHost
  readonly lab: Lab
  readonly signal: AbortSignal
  /** The name of the host of the server. */
  readonly server: string
}

/** Makes hosts with these names and a cable from each to the last one: a round trip of 10 ms. */
export async function star<const Names extends readonly string[]>(
  lab: Lab,
  ...names: Names
): Promise<{ [K in keyof Names]: LabHost }> {
  const hosts = lab.hosts(...names)
  const all: readonly LabHost[] = hosts
  const center = all.at(-1) as LabHost
  for (const host of all.slice(0, -1)) {
    await lab.cable(host, center, { wire: 'delay 5ms' })
  }
  return hosts
}
