/** The options of drivers that join their devices by a wire, and the wires made from them. */
import { type Clock, describeException, FileError, pairSeed, UsageError } from '../base/index.ts'
import {
  presetDirection,
  type ScenarioList,
  type ScenarioStep,
  type WireScenario,
} from '../netdev/device-wire.ts'
import { type DriverContext, int, type ParamValues, text } from '../netdev/driver.ts'
import { NETDEV_UNREGISTER, NETDEV_UP } from '../netdev/if.ts'
import type { Net } from '../netdev/net.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { cutCable, plugCable } from '../netdev/netif.ts'
import { DirectedWire, type WireDevice, type WireEnd } from './directed-wire.ts'
import { noResources } from './grammar/groups.ts'
import { parseWire, type ReadWireText } from './parse.ts'
import { runScenario, scenarioOf } from './scenario.ts'
import type { Direction, Impairment } from './wire.ts'

/** Returns a parameter that is the spec of a wire. */
export const spec = (description: string) =>
  text<string | undefined>({ default: undefined, value: 'spec', description, parse: notEmpty })

function notEmpty(written: string): string {
  if (written.trim() !== '') return written
  throw new UsageError('must not be empty; without it, nothing is impaired')
}

export const wireParams = {
  wire: spec("impairments in both directions, such as 'delay 20ms loss 1%'"),
  wireAb: spec(
    'the same only from the first interface to the second; for lan, from the interface to the segment',
  ),
  wireBa: spec('the same only in the other direction'),
  log: text({
    default: undefined,
    value: 'file',
    description: 'file for every decision of the wire, one JSON line each',
  }),
  scenario: text({
    default: undefined,
    names: 'scenario',
    value: 'file',
    description: 'YAML file of changes of the wire and the carrier, with times',
  }),
  stage: text({
    default: undefined,
    names: 'stages',
    value: 'file',
    description: "JavaScript file that exports stages, for 'stage NAME' in a wire",
  }),
  seed: int({
    default: 0,
    description: 'seed of all random decisions of the wire; 0 takes one at random and logs it',
  }),
}

/** Returns the seed of a run: `seed`, or one taken at random if that is 0. */
export const takenSeed = (seed: number, net: Net): number =>
  seed === 0 ? net.random.below(2 ** 31) + 1 : seed

/**
 * How directedWires() makes a pair of wires; by default the first pair, on the clock of the Net.
 */
export interface WirePairOptions {
  readonly nth?: number
  /** The device of an attachment. Its directions are called `in` and `out`. */
  readonly attached?: WireDevice
  readonly clock?: Clock | undefined
}

/**
 * Returns the wires from `a` to `b` and back, with the stages of the parameters and with the random
 * numbers of the `nth` pair of the seed. Throws a UsageError.
 */
export function directedWires(
  { wire, wireAb, wireBa, log, scenario, seed }: ParamValues<typeof wireParams>,
  { net, wireResources = noResources }: DriverContext,
  a: WireEnd,
  b: WireEnd,
  { nth = 0, attached, clock }: WirePairOptions = {},
): readonly [ab: DirectedWire, ba: DirectedWire] {
  const decisions = log === undefined ? undefined : wireResources.log?.(log)
  const taken = takenSeed(seed, net)
  let isLogged = false
  const onStages = () => {
    if (!isLogged) {
      net.log.info(`wire: seed ${taken}`)
    }
    isLogged = true
  }
  const { stage } = wireResources
  const common = {
    net,
    clock,
    seed: pairSeed(taken, nth),
    runSeed: taken,
    log: decisions,
    onStages,
    stage,
  }
  const [side, otherSide] = attached === undefined ? [] : (['in', 'out'] as const)
  const ab = new DirectedWire({ ...common, direction: 'ab', side, from: a, to: b })
  const ba = new DirectedWire({ ...common, direction: 'ba', side: otherSide, from: b, to: a })
  let read: ReadWireText | undefined
  for (const [directed, own, name] of [
    [ab, wireAb, side ?? 'ab'] as const,
    [ba, wireBa, otherSide ?? 'ba'] as const,
  ]) {
    const written = own ?? wire
    if (written === undefined) continue
    naming(own === undefined ? '--wire' : `--wire-${name}`, () => {
      if (read?.text !== written) {
        read = directed.read(written)
      }
      directed.change(read, wireResources)
    })
  }
  const note = (line: string) => net.log.warn(`${scenario}: ${line}`)
  const parse = (written: string, direction: Direction) => {
    const directed = direction === 'ab' ? ab : ba
    const preset = presetDirection({ direction, side: directed.side })
    const stages = parseWire(written, wireResources, preset, { bareUs: true, note })
    return { text: written, stages }
  }
  const list = scenario === undefined ? undefined : wireResources.scenario?.(scenario, parse)
  const started = attached ?? a.dev
  if (list?.hasSides && attached === undefined) {
    throw new FileError(
      `${scenario}: only attachments have wire-in and wire-out: write wire-ab and wire-ba`,
    )
  }
  if (scenario !== undefined && list !== undefined && started !== undefined) {
    const followed = follow(net, started, scenario, list, [ab, ba])
    ab.scenario = followed
    ba.scenario = followed
  }
  return [ab, ba]
}

function naming(option: string, fn: () => void): void {
  try {
    fn()
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    throw Object.assign(new FileError(`${option}: ${error.message}`), { cause: error.cause })
  }
}

export type ParsedText = Readonly<{ text: string; stages: readonly Impairment[] }>

/** Runs a scenario. Its time 0 is when `dev` first comes up. Returns the clients' view of it. */
function follow(
  net: Net,
  dev: WireDevice,
  file: string,
  list: ScenarioList<ParsedText>,
  [ab, ba]: readonly [DirectedWire, DirectedWire],
): WireScenario {
  const ended = new AbortController()
  const take = (step: ScenarioStep<ParsedText>) => {
    if (step.ab !== undefined) {
      ab.set(step.ab.stages, step.ab.text)
    }
    if (step.ba !== undefined) {
      ba.set(step.ba.stages, step.ba.text)
    }
    if (step.carrier === true) {
      plugCable(dev as NetDevice, 'scenario: carrier on')
    } else if (step.carrier === false) {
      cutCable(dev as NetDevice, 'scenario: carrier off')
    }
  }
  let started: number | undefined
  const forget = net.registerNetdeviceNotifier((event, changed) => {
    if (changed !== dev) return
    if (event === NETDEV_UNREGISTER) {
      ended.abort()
      forget()
    }
    if (event !== NETDEV_UP || started !== undefined) return
    started = net.clock.now()
    runScenario(net.clock, scenarioOf(list, take), ended.signal).catch(error =>
      net.log.err(describeException(error)),
    )
  })
  return {
    file,
    repeat: list.repeat,
    elapsed: () => (started === undefined ? undefined : net.clock.now() - started),
    steps: () => list.steps.map(step => ({ at: step.at, text: stepText(step) })),
  }
}

/** Returns a step's changes as text: `wire ab loss 5%, carrier off`. */
function stepText({ ab, ba, carrier }: ScenarioStep<ParsedText>): string {
  const [forth, back] = [ab, ba].map(parsed => parsed && (parsed.text || 'off'))
  const isBoth = forth === back
  const parts = [
    forth !== undefined && `wire ${isBoth ? '' : 'ab '}${forth}`,
    back !== undefined && !isBoth && `wire ba ${back}`,
    carrier !== undefined && `carrier ${carrier ? 'on' : 'off'}`,
  ]
  return parts.filter(Boolean).join(', ')
}
