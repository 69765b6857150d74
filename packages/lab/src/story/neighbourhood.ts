/** The neighbourhood of faults: each one packet earlier and later, and half and twice as long. */
import { formatFault } from '../explore/fault-text.ts'
import { Judge } from '../explore/judge.ts'
import { type ExploredPacket, packetOf, packetsOf } from '../explore/points.ts'
import { hostVerbsOf, withRunner } from '../explore/prepare.ts'
import { REPEAT_OPTIONS, type RepeatOptions } from '../explore/scenario.ts'
import type { PlannedFault } from '../model/packet-name.ts'
import { FOREVER } from '../model/verbs.ts'
import { wantedWorld } from '../world/world.ts'
import type { Story } from './story.ts'
import { storyModule, type WriteOptions } from './write-text.ts'

/**
 * Runs the lab of a story with each of its faults changed in turn, and the others as they are.
 * Returns a table of the verdicts, one row for a run. The programs of the options must have
 * absolute URLs.
 */
export function neighbourhood(story: Story, options: WriteOptions): Promise<string> {
  const { faults, text, timeout } = storyModule(story, options)
  // A module runs outside of this thread, so that it can be ended.
  const url = new URL(`data:text/javascript,${encodeURIComponent(text)}`)
  const given: RepeatOptions = { timeout, world: wantedWorld(undefined) ?? 'memory', rtoMin: false }
  return withRunner('test-from', url, given, REPEAT_OPTIONS, async ({ runner, spec }) => {
    const clean = await runner.run({ ...spec, plan: [], timeout })
    const baseline = { times: [clean.ms], left: clean.left }
    const judge = new Judge(runner, { ...spec, hostFaults: hostVerbsOf(faults) }, baseline, {
      timeout,
    })
    const row = async (name: string, plan: readonly PlannedFault[], fault = '') => {
      const { verdict, error } = await judge.attempt(plan)
      const [reason] = error?.trimStart().split('\n', 1) ?? []
      const about = [fault, reason].filter(Boolean).join(': ')
      return `${name.padEnd(10)}${(verdict === 'failed' ? 'FAILED' : verdict).padEnd(8)}${about}`.trimEnd()
    }
    const captured = await judge.once(faults)
    const rows = [
      await row('no fault', []),
      await row('captured', faults, faults.map(formatFault).join(' and ')),
    ]
    for (const [i, fault] of faults.entries()) {
      // A repetition is only in a run with the fault.
      const packets =
        packetOf(fault, packetsOf(clean)) === undefined ? captured.packets : packetsOf(clean)
      const near = (step: number) => neighbourOf(fault, packets, step)
      const times = (factor: number) => (isTimed(fault) ? { time: factor * fault.time } : undefined)
      const changes = { earlier: near(-1), later: near(1), shorter: times(0.5), longer: times(2) }
      for (const [name, change] of Object.entries(changes)) {
        if (change === undefined) continue
        const changed = { ...fault, ...change }
        rows.push(await row(name, faults.with(i, changed), formatFault(changed)))
      }
    }
    return rows.join('\n')
  })
}

const isTimed = ({ time }: PlannedFault) => time > 0 && time !== FOREVER

/** Returns the name of the packet before or after a fault's packet, among those named like it. */
function neighbourOf(fault: PlannedFault, packets: readonly ExploredPacket[], step: number) {
  const { link, direction, flow, part } = fault
  const alike = packets.filter(
    each =>
      each.link === link &&
      each.direction === direction &&
      each.flow === flow &&
      each.part === part,
  )
  const own = packetOf(fault, alike)
  const other = own && alike[alike.indexOf(own) + step]
  return other && { n: other.n, copy: other.copy }
}
