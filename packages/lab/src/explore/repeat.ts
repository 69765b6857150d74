/** explore.repeat: runs a scenario once, with given faults. */
import { isUnrepaired } from '../nemesis/hit.ts'
import { differenceError, Expected } from './compared.ts'
import { packetTexts } from './describe.ts'
import { failedRunOf } from './failed-run.ts'
import { checkNamed, parseFault, withHit } from './fault-text.ts'
import { hitsOf, leftOver } from './judge.ts'
import { packetsOf } from './points.ts'
import { CLEAN_MS, hostVerbsOf, withRunner } from './prepare.ts'
import { placesOf, printedLines } from './report-text.ts'
import { isReported } from './reported.ts'
import type { RunResult } from './run-once.ts'
import { type LabScenario, REPEAT_OPTIONS, type RepeatOptions } from './scenario.ts'

/**
 * Same as explore.repeat. Returns the error of a run that has passed because it has reported the
 * fault.
 */
export async function repeatFaults(
  scenario: LabScenario | string | URL,
  faults: readonly string[],
  given: RepeatOptions,
): Promise<string | undefined> {
  const parsed = faults.map(parseFault)
  return withRunner('explore.repeat', scenario, given, REPEAT_OPTIONS, async prepared => {
    const { runner, spec, options, timeout = CLEAN_MS } = prepared
    const plan = prepared.hasHit ? parsed.map(withHit) : parsed
    for (const fault of plan) {
      checkNamed(fault)
    }
    const hostFaults = hostVerbsOf(plan)
    const own = { ...spec, hostFaults, timeout, compares: options.compare }
    const result = await runner.run({ ...own, plan })
    const reason = isUnrepaired(plan, result.spans) ? 'no repair came after the fault: ' : ''
    const isReport = options.strict === false && isReported(result, plan)
    if (result.error !== undefined && !isReport) {
      throw new Error(`${reason}${storyOf(result, result.error)}`)
    }
    const hits = hitsOf(result, plan)
    if (hits < plan.length) {
      throw new Error(`the run has only ${hits} of the ${plan.length} packets of the faults`)
    }
    const isCompared = options.compare === true && result.error === undefined
    if (result.left.length === 0 && !isCompared) return result.error
    const clean = [await runner.run({ ...own, plan: [] })]
    if (isCompared) {
      // What differs between two clean runs is not compared.
      clean.push(await runner.run({ ...own, plan: [] }))
    }
    const broken = clean.find(run => run.error !== undefined)?.error
    if (broken !== undefined) throw new Error(`the run without faults has failed: ${broken}`)
    const expected = new Expected(clean.flatMap(({ returned }) => returned ?? []))
    const error =
      leftOver(result.left, clean[0]?.left ?? []) ?? differenceError(expected, result.returned)
    if (error !== undefined) throw new Error(error)
    return result.error
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
