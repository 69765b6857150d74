/** explore.repeat: runs a scenario once, with given faults. */
import { isUnrepaired } from '../nemesis/hit.ts'
import { packetTexts } from './describe.ts'
import { failedRunOf } from './failed-run.ts'
import { checkNamed, parseFault, withHit } from './fault-text.ts'
import { hitsOf, leftOver } from './judge.ts'
import { packetsOf } from './points.ts'
import { CLEAN_MS, hostVerbsOf, withRunner } from './prepare.ts'
import { placesOf, printedLines } from './report-text.ts'
import type { RunResult } from './run-once.ts'
import { type LabScenario, REPEAT_OPTIONS, type RepeatOptions } from './scenario.ts'

/** Same as explore.repeat. */
export async function repeatFaults(
  scenario: LabScenario | string | URL,
  faults: readonly string[],
  options: RepeatOptions,
): Promise<void> {
  const parsed = faults.map(parseFault)
  await withRunner('explore.repeat', scenario, options, REPEAT_OPTIONS, async prepared => {
    const { runner, spec, timeout = CLEAN_MS } = prepared
    const plan = prepared.hasHit ? parsed.map(withHit) : parsed
    for (const fault of plan) {
      checkNamed(fault)
    }
    const hostFaults = hostVerbsOf(plan)
    const result = await runner.run({ ...spec, hostFaults, plan, timeout })
    const reason = isUnrepaired(plan, result.spans) ? 'no repair came after the fault: ' : ''
    if (result.error !== undefined) throw new Error(`${reason}${storyOf(result, result.error)}`)
    const hits = hitsOf(result, plan)
    if (hits < plan.length) {
      throw new Error(`the run has only ${hits} of the ${plan.length} packets of the faults`)
    }
    if (result.left.length === 0) return
    const clean = await runner.run({ ...spec, plan: [], timeout })
    const error = leftOver(result.left, clean.left)
    if (error !== undefined) throw new Error(error)
  })
}

/** Returns an error with the packets that were hit, faults, operations and output of the run. */
function storyOf(result: RunResult, error: string): string {
  const packets = packetsOf(result)
  const packetText = packetTexts(result.origin)
  const run = failedRunOf({ ...result, packets, spans: result.spans ?? [] }, packetText)
  const places = placesOf({ run, packets: packets.filter(({ hit }) => hit).map(packetText) })
  return [error, ...places, ...printedLines(result.output, error)].join('\n')
}
